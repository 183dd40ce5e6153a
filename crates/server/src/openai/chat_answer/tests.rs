use camelid_api_types::ollama::{DoneReason, Message, Metrics, ToolCallFunction};
use serde_json::{Map, Value, json};

use super::*;

fn heading() -> Heading {
    Heading { id: "chatcmpl-1".to_owned(), created: 5, model: "m".to_owned() }
}

fn says(content: &str) -> ChatResponse {
    ChatResponse { message: Message::assistant(content), ..ChatResponse::default() }
}

fn thinks(thinking: &str, content: &str) -> ChatResponse {
    let message = Message { thinking: thinking.to_owned(), ..Message::assistant(content) };
    ChatResponse { message, ..ChatResponse::default() }
}

fn calls_tool() -> ChatResponse {
    let arguments = Map::from_iter([("city".to_owned(), "<Paris>".into())]);
    let function = ToolCallFunction { index: 0, name: "weather".to_owned(), arguments };
    let call = ollama::ToolCall { id: "call_0".to_owned(), function };
    let message = Message { tool_calls: vec![call], ..Message::assistant("") };
    ChatResponse { message, ..ChatResponse::default() }
}

fn done(reason: DoneReason) -> ChatResponse {
    let metrics = Metrics { prompt_eval_count: 3, eval_count: 2, ..Metrics::default() };
    ChatResponse { done: true, done_reason: Some(reason), metrics, ..says("") }
}

/// What the chunks of a stream say: each one's choices, and its usage if it has one.
fn stream(n: usize, parts: Vec<(usize, ChatResponse)>) -> Vec<Value> {
    let mut stream = ChatStream::new(heading(), n, true);
    let mut frames: Vec<_> =
        parts.into_iter().flat_map(|(choice, part)| stream.part(choice, part)).collect();
    frames.extend(stream.end());
    assert_eq!(frames.pop(), Some(Frame::Done));
    frames
        .into_iter()
        .map(|frame| match frame {
            Frame::Chunk(chunk) => {
                let chunk = serde_json::to_value(chunk).expect("plain data");
                assert_eq!(chunk["object"], "chat.completion.chunk");
                match chunk.get("usage") {
                    Some(usage) => json!([chunk["choices"], usage]),
                    None => chunk["choices"][0].clone(),
                }
            }
            frame => panic!("{frame:?}"),
        })
        .collect()
}

#[test]
fn a_stream_opens_speaks_finishes_and_counts() {
    let parts = vec![(0, says("The")), (0, says(" end")), (0, done(DoneReason::Length))];
    let want = vec![
        json!({"index": 0, "delta": {"role": "assistant", "content": "The"}, "finish_reason": null}),
        json!({"index": 0, "delta": {"content": " end"}, "finish_reason": null}),
        json!({"index": 0, "delta": {}, "finish_reason": "length"}),
        json!([[], {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}]),
    ];
    assert_eq!(stream(1, parts), want);
}

#[test]
fn thinking_stands_by_itself_and_calls_end_with_their_reason() {
    let parts = vec![(0, thinks("Hm", "So")), (0, calls_tool()), (0, done(DoneReason::Stop))];
    let call = json!({"id": "call_0", "index": 0, "type": "function",
        "function": {"name": "weather", "arguments": "{\"city\":\"\\u003cParis\\u003e\"}"}});
    let want = vec![
        json!({"index": 0, "delta": {"role": "assistant", "reasoning": "Hm"}, "finish_reason": null}),
        json!({"index": 0, "delta": {"content": "So"}, "finish_reason": null}),
        json!({"index": 0, "delta": {"content": "", "tool_calls": [call]}, "finish_reason": null}),
        json!({"index": 0, "delta": {}, "finish_reason": "tool_calls"}),
        json!([[], {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}]),
    ];
    assert_eq!(stream(1, parts), want);
}

#[test]
fn an_empty_answer_opens_too() {
    let got = stream(1, vec![(0, done(DoneReason::Stop))]);
    assert_eq!(got[0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(got[1]["finish_reason"], "stop");
}

#[test]
fn several_answers_are_told_apart_and_share_their_prompt() {
    let end = || done(DoneReason::Stop);
    let got = stream(2, vec![(1, says("b")), (0, says("a")), (0, end()), (1, end())]);
    let places: Vec<_> = got[..4].iter().map(|chunk| chunk["index"].clone()).collect();
    assert_eq!(places, [1, 0, 0, 1]);
    assert_eq!(got[4][1], json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}));
}

#[test]
fn a_failure_is_the_last_frame() {
    let mut stream = ChatStream::new(heading(), 1, true);
    let frames = stream.fail(ApiError::internal("out of luck"));
    let [Frame::Error(body)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(
        (body.error.kind.as_str(), body.error.message.as_str()),
        ("api_error", "out of luck")
    );
}

#[test]
fn a_whole_answer_has_all_choices() {
    let called = ChatResponse {
        done_reason: Some(DoneReason::Stop),
        metrics: done(DoneReason::Stop).metrics,
        ..calls_tool()
    };
    let said = ChatResponse { metrics: done(DoneReason::Stop).metrics, ..thinks("Hm", "Hi") };
    let got = whole(heading(), vec![said, called]).expect("an answer");
    let want = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi", "reasoning": "Hm"},
             "finish_reason": null},
            {"index": 1, "message": {"role": "assistant", "content": "", "tool_calls": [
                {"id": "call_0", "index": 0, "type": "function", "function":
                    {"name": "weather", "arguments": "{\"city\":\"\\u003cParis\\u003e\"}"}}]},
             "finish_reason": "tool_calls"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    });
    assert_eq!(serde_json::to_value(got).expect("plain data"), want);
}
