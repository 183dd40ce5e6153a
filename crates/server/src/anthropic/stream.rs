//! Native parts as a message's events.
//!
//! One block is open at a time. Thinking and text go on in their block until something else comes; a
//! call is a block of its own, sent whole.

use camelid_api_types::anthropic::{
    BlockDelta, ContentBlock, ErrorDetail, MessageDelta, MessageEvent, MessageUsage,
};
use camelid_api_types::ollama::{ChatResponse, DoneReason, Metrics, ToolCall};
use camelid_api_types::{ApiError, json};
use serde_json::Map;

use super::answer::{empty, stop_reason};
use crate::sse::{Frame, Translator, write_event};

/// A kind of text that goes on over several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
}

/// A message on its way out in events.
#[derive(Debug)]
pub(super) struct MessageStream {
    id: String,
    model: String,
    n_input_estimate: u64,
    has_started: bool,
    has_called: bool,
    open: Option<Open>,
    /// The place of the next block, or of the open one.
    index: usize,
    end: Option<(Option<DoneReason>, Metrics)>,
}

impl MessageStream {
    pub(super) fn new(id: String, model: String, n_input_estimate: u64) -> Self {
        Self {
            id,
            model,
            n_input_estimate,
            has_started: false,
            has_called: false,
            open: None,
            index: 0,
            end: None,
        }
    }

    fn start(&mut self, events: &mut Vec<MessageEvent>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let mut message = empty(self.id.clone(), self.model.clone());
        message.content = Some(Vec::new());
        message.usage.input_tokens = self.n_input_estimate;
        events.push(MessageEvent::MessageStart { message });
    }

    fn close(&mut self, events: &mut Vec<MessageEvent>) {
        if self.open.take().is_some() {
            events.push(MessageEvent::ContentBlockStop { index: self.index });
            self.index += 1;
        }
    }

    fn text(&mut self, kind: Open, text: String, events: &mut Vec<MessageEvent>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(kind) {
            self.close(events);
            let content_block = match kind {
                Open::Thinking => ContentBlock::Thinking { thinking: String::new() },
                Open::Text => ContentBlock::Text { text: String::new() },
            };
            events.push(MessageEvent::ContentBlockStart { index: self.index, content_block });
            self.open = Some(kind);
        }
        let delta = match kind {
            Open::Thinking => BlockDelta::ThinkingDelta { thinking: text },
            Open::Text => BlockDelta::TextDelta { text },
        };
        events.push(MessageEvent::ContentBlockDelta { index: self.index, delta });
    }

    fn call(&mut self, call: ToolCall, events: &mut Vec<MessageEvent>) -> Result<(), ApiError> {
        self.close(events);
        self.has_called = true;
        let index = self.index;
        self.index += 1;
        let partial_json = json::encode_text(&call.function.arguments)?;
        let (id, name) = (call.id, call.function.name);
        let content_block = ContentBlock::ToolUse { id, name, input: Map::new() };
        events.extend([
            MessageEvent::ContentBlockStart { index, content_block },
            MessageEvent::ContentBlockDelta {
                index,
                delta: BlockDelta::InputJsonDelta { partial_json },
            },
            MessageEvent::ContentBlockStop { index },
        ]);
        Ok(())
    }
}

impl Translator for MessageStream {
    type Part = ChatResponse;
    type Frame = MessageEvent;

    fn part(&mut self, _: usize, part: ChatResponse) -> Vec<MessageEvent> {
        let mut events = Vec::new();
        self.start(&mut events);
        self.text(Open::Thinking, part.message.thinking, &mut events);
        self.text(Open::Text, part.message.content, &mut events);
        for call in part.message.tool_calls {
            if let Err(error) = self.call(call, &mut events) {
                return self.fail(error);
            }
        }
        if part.done {
            self.end = Some((part.done_reason, part.metrics));
        }
        events
    }

    fn end(&mut self) -> Vec<MessageEvent> {
        let mut events = Vec::new();
        self.start(&mut events);
        self.close(&mut events);
        let (reason, metrics) = self.end.take().unwrap_or_default();
        let stop_reason = stop_reason(reason.as_ref(), self.has_called);
        events.push(MessageEvent::MessageDelta {
            delta: MessageDelta { stop_reason },
            usage: MessageUsage::from(&metrics),
        });
        events.push(MessageEvent::MessageStop);
        events
    }

    fn fail(&mut self, error: ApiError) -> Vec<MessageEvent> {
        vec![MessageEvent::Error { error: ErrorDetail::from(error) }]
    }
}

impl Frame for MessageEvent {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ApiError> {
        write_event(Some(self.name()), self, out)
    }
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::{Message, ToolCallFunction};
    use serde_json::{Value, json};

    use super::*;

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

    fn done() -> ChatResponse {
        let metrics = Metrics { prompt_eval_count: 3, eval_count: 2, ..Metrics::default() };
        let done_reason = Some(DoneReason::Stop);
        ChatResponse { done: true, done_reason, metrics, ..part(Message::assistant("")) }
    }

    fn events(parts: Vec<ChatResponse>) -> Vec<Value> {
        let mut stream = MessageStream::new("msg_1".to_owned(), "m".to_owned(), 7);
        let mut events: Vec<_> = parts.into_iter().flat_map(|part| stream.part(0, part)).collect();
        events.extend(stream.end());
        events.iter().map(|event| serde_json::to_value(event).expect("plain data")).collect()
    }

    #[test]
    fn blocks_follow_each_other() {
        let parts = vec![thinks("H"), thinks("m"), part(Message::assistant("So")), calls(), done()];
        let start = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "usage": {"input_tokens": 7, "output_tokens": 0}});
        let want = vec![
            json!({"type": "message_start", "message": start}),
            json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "H"}}),
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "m"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1,
                "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "text_delta", "text": "So"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "content_block_start", "index": 2,
                "content_block": {"type": "tool_use", "id": "call_1", "name": "w", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2,
                "delta": {"type": "input_json_delta", "partial_json": "{\"city\":\"Paris\"}"}}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
                "usage": {"input_tokens": 3, "output_tokens": 2}}),
            json!({"type": "message_stop"}),
        ];
        assert_eq!(events(parts), want);
    }

    #[test]
    fn an_empty_answer_starts_and_stops() {
        let names: Vec<_> = events(vec![done()]).iter().map(|e| e["type"].clone()).collect();
        assert_eq!(names, ["message_start", "message_delta", "message_stop"]);
    }
}
