//! A whole native answer as a message.

use camelid_api_types::anthropic::{ContentBlock, MessageAnswer, MessageUsage};
use camelid_api_types::ollama::{ChatResponse, DoneReason, ToolCall};

/// The message.
pub(super) fn whole(id: String, model: String, answer: ChatResponse) -> MessageAnswer {
    let message = answer.message;
    let mut content = Vec::new();
    if !message.thinking.is_empty() {
        content.push(ContentBlock::Thinking { thinking: message.thinking });
    }
    if !message.content.is_empty() {
        content.push(ContentBlock::Text { text: message.content });
    }
    let has_called = !message.tool_calls.is_empty();
    content.extend(message.tool_calls.into_iter().map(tool_use));
    MessageAnswer {
        stop_reason: stop_reason(answer.done_reason.as_ref(), has_called),
        usage: MessageUsage::from(&answer.metrics),
        content: (!content.is_empty()).then_some(content),
        ..empty(id, model)
    }
}

/// A message with nothing in it.
pub(super) fn empty(id: String, model: String) -> MessageAnswer {
    MessageAnswer {
        id,
        kind: "message".to_owned(),
        role: "assistant".to_owned(),
        model,
        ..MessageAnswer::default()
    }
}

pub(super) fn tool_use(call: ToolCall) -> ContentBlock {
    let function = call.function;
    ContentBlock::ToolUse { id: call.id, name: function.name, input: function.arguments }
}

/// Why a turn ended, in Anthropic's words.
pub(super) fn stop_reason(reason: Option<&DoneReason>, has_called: bool) -> Option<String> {
    let word = match reason? {
        _ if has_called => "tool_use",
        DoneReason::Stop => "end_turn",
        DoneReason::Length => "max_tokens",
        _ => "stop_sequence",
    };
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::{Message, Metrics, ToolCallFunction};
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn blocks_stand_in_their_order() {
        let arguments = Map::from_iter([("city".to_owned(), "Paris".into())]);
        let function = ToolCallFunction { index: 0, name: "w".to_owned(), arguments };
        let call = ToolCall { id: "call_0".to_owned(), function };
        let message = Message {
            thinking: "Hm".to_owned(),
            tool_calls: vec![call],
            ..Message::assistant("So")
        };
        let metrics = Metrics {
            prompt_eval_count: 9,
            prompt_cached_count: 4,
            eval_count: 2,
            ..Metrics::default()
        };
        let done_reason = Some(DoneReason::Stop);
        let answer = ChatResponse { message, done_reason, metrics, ..ChatResponse::default() };
        let got = whole("msg_1".to_owned(), "m".to_owned(), answer);
        let want = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [
                {"type": "thinking", "thinking": "Hm"},
                {"type": "text", "text": "So"},
                {"type": "tool_use", "id": "call_0", "name": "w", "input": {"city": "Paris"}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 4}
        });
        assert_eq!(serde_json::to_value(got).expect("plain data"), want);
    }

    #[test]
    fn an_empty_answer_has_no_content() {
        let got = whole(String::new(), String::new(), ChatResponse::default());
        assert_eq!((got.content, got.stop_reason), (None, None));
    }
}
