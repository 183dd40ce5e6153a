use camelid_api_types::ollama::{Message, ToolCallFunction};
use camelid_api_types::openai::ResponsesRequest;
use serde_json::{Map, Value};

use super::super::response_request::heading;
use super::*;

fn stream() -> ResponseStream {
    let request = ResponsesRequest { model: "m".to_owned(), ..ResponsesRequest::default() };
    ResponseStream::new(heading("resp_1".to_owned(), 5, &request))
}

fn part(message: Message) -> ChatResponse {
    ChatResponse { message, ..ChatResponse::default() }
}

fn thinks(thinking: &str) -> ChatResponse {
    part(Message { thinking: thinking.to_owned(), ..Message::assistant("") })
}

fn calls() -> ChatResponse {
    let arguments = Map::from_iter([("city".to_owned(), "Paris".into())]);
    let function = ToolCallFunction { index: 0, name: "w".to_owned(), arguments };
    let call = ToolCall { id: "call_1".to_owned(), function };
    part(Message { tool_calls: vec![call], ..Message::assistant("") })
}

fn done(reason: DoneReason) -> ChatResponse {
    let metrics = Metrics {
        prompt_eval_count: 3,
        prompt_cached_count: 1,
        eval_count: 2,
        ..Metrics::default()
    };
    ChatResponse { done: true, done_reason: Some(reason), metrics, ..part(Message::assistant("")) }
}

fn events(parts: Vec<ChatResponse>) -> Vec<Value> {
    let mut stream = stream();
    let mut events: Vec<_> = parts.into_iter().flat_map(|part| stream.part(0, part)).collect();
    events.extend(stream.end());
    let events: Vec<Value> =
        events.iter().map(|event| serde_json::to_value(event).expect("plain data")).collect();
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], i);
    }
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    let names = events.iter().map(|event| event["type"].as_str().expect("a type"));
    names.map(|name| name.strip_prefix("response.").expect("a response's")).collect()
}

#[test]
fn items_follow_each_other() {
    let parts = vec![
        thinks("H"),
        thinks("m"),
        part(Message::assistant("So")),
        calls(),
        done(DoneReason::Stop),
    ];
    let events = events(parts);
    let want = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names(&events), want);
    let places: Vec<_> = events.iter().filter_map(|event| event.get("output_index")).collect();
    assert_eq!(places, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    let response = &events[17]["response"];
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"].as_array().map(Vec::len), Some(3));
    assert_eq!(response["output"][0]["encrypted_content"], "Hm");
    assert_eq!(response["output"][2]["arguments"], r#"{"city":"Paris"}"#);
    assert_eq!(response["usage"]["total_tokens"], 5);
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 1);
}

#[test]
fn an_answer_that_was_cut_is_incomplete() {
    let events = events(vec![part(Message::assistant("So")), done(DoneReason::Length)]);
    let last = events.last().expect("an end");
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"], json!({"reason": "max_output_tokens"}));
}

#[test]
fn an_empty_answer_is_an_empty_message() {
    let events = events(vec![done(DoneReason::Stop)]);
    let output = &events.last().expect("an end")["response"]["output"];
    assert_eq!(output[0]["content"][0]["text"], "");
}

#[test]
fn a_failure_is_the_last_event() {
    let mut stream = stream();
    stream.part(0, part(Message::assistant("So")));
    let failed = stream.fail(ApiError::internal("out of luck"));
    let failed = serde_json::to_value(&failed[0]).expect("plain data");
    assert_eq!(failed["response"]["status"], "failed");
    assert_eq!(failed["response"]["error"]["message"], "out of luck");
}
