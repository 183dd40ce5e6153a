//! Native parts as a response: its items, and the events of their making.
//!
//! One item is open at a time. Thinking and text go on in their item until something else comes; a
//! call is an item of its own, sent whole. The whole response is what the events come to.

use camelid_api_types::ollama::{ChatResponse, DoneReason, Logprob, Metrics, ToolCall};
use camelid_api_types::openai::{
    IncompleteDetails, OutputContent, OutputItem, Response, ResponseEvent, ResponseUsage,
    SummaryText,
};
use camelid_api_types::{ApiError, Timestamp, json};
use serde::Serialize;
use serde_json::json;

use crate::ids;
use crate::sse::{Frame, Translator, write_event};

/// The item that is being written.
#[derive(Debug)]
enum Open {
    Reasoning { id: String, text: String },
    Message { id: String, text: String, logprobs: Vec<Logprob> },
}

/// A response on its way out.
#[derive(Debug)]
pub(super) struct ResponseStream {
    response: Response,
    has_started: bool,
    open: Option<Open>,
    end: Option<(Option<DoneReason>, Metrics)>,
    sequence_number: u64,
}

/// An event and its place.
#[derive(Debug, Serialize)]
pub(super) struct Numbered {
    sequence_number: u64,
    #[serde(flatten)]
    event: ResponseEvent,
}

impl Frame for Numbered {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ApiError> {
        write_event(Some(self.event.name()), self, out)
    }
}

/// The response of a whole answer.
pub(super) fn whole(heading: Response, answer: ChatResponse) -> Result<Response, ApiError> {
    let mut stream = ResponseStream::new(heading);
    let mut events = Vec::new();
    stream.take(answer, &mut events)?;
    stream.finish(&mut events);
    Ok(stream.response)
}

impl ResponseStream {
    pub(super) fn new(heading: Response) -> Self {
        Self { response: heading, has_started: false, open: None, end: None, sequence_number: 0 }
    }

    /// The place of the open item, or of the next.
    fn output_index(&self) -> usize {
        self.response.output.len()
    }

    fn start(&mut self, events: &mut Vec<ResponseEvent>) {
        if !std::mem::replace(&mut self.has_started, true) {
            let response = self.response.clone();
            events.push(ResponseEvent::Created { response: response.clone() });
            events.push(ResponseEvent::InProgress { response });
        }
    }

    fn take(
        &mut self,
        part: ChatResponse,
        events: &mut Vec<ResponseEvent>,
    ) -> Result<(), ApiError> {
        self.start(events);
        self.reason(part.message.thinking, events);
        self.say(part.message.content, part.logprobs, events);
        for call in part.message.tool_calls {
            self.call(call, events)?;
        }
        if part.done {
            self.end = Some((part.done_reason, part.metrics));
        }
        Ok(())
    }

    fn reason(&mut self, delta: String, events: &mut Vec<ResponseEvent>) {
        if delta.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Open::Reasoning { .. })) {
            self.close(events);
            let id = ids::numbered("rs_");
            let item = OutputItem::Reasoning {
                id: id.clone(),
                summary: Vec::new(),
                encrypted_content: None,
            };
            events.push(ResponseEvent::ItemAdded { output_index: self.output_index(), item });
            self.open = Some(Open::Reasoning { id, text: String::new() });
        }
        let output_index = self.output_index();
        if let Some(Open::Reasoning { id, text }) = &mut self.open {
            text.push_str(&delta);
            let item_id = id.clone();
            let event =
                ResponseEvent::ReasoningDelta { item_id, output_index, summary_index: 0, delta };
            events.push(event);
        }
    }

    fn open_message(&mut self, events: &mut Vec<ResponseEvent>) {
        if matches!(self.open, Some(Open::Message { .. })) {
            return;
        }
        self.close(events);
        let id = ids::numbered("msg_");
        let output_index = self.output_index();
        let item = message(id.clone(), "in_progress", Vec::new());
        events.push(ResponseEvent::ItemAdded { output_index, item });
        events.push(ResponseEvent::PartAdded {
            item_id: id.clone(),
            output_index,
            content_index: 0,
            part: OutputContent::default(),
        });
        self.open = Some(Open::Message { id, text: String::new(), logprobs: Vec::new() });
    }

    fn say(&mut self, delta: String, more_logprobs: Vec<Logprob>, events: &mut Vec<ResponseEvent>) {
        if delta.is_empty() {
            return;
        }
        self.open_message(events);
        let output_index = self.output_index();
        if let Some(Open::Message { id, text, logprobs }) = &mut self.open {
            text.push_str(&delta);
            logprobs.extend(more_logprobs.iter().cloned());
            events.push(ResponseEvent::TextDelta {
                item_id: id.clone(),
                output_index,
                content_index: 0,
                delta,
                logprobs: more_logprobs,
            });
        }
    }

    fn call(&mut self, call: ToolCall, events: &mut Vec<ResponseEvent>) -> Result<(), ApiError> {
        self.close(events);
        let (id, output_index) = (ids::numbered("fc_"), self.output_index());
        let arguments = json::encode_text(&call.function.arguments)?;
        let item = |status: &str, arguments: &str| OutputItem::FunctionCall {
            id: id.clone(),
            status: status.to_owned(),
            call_id: call.id.clone(),
            name: call.function.name.clone(),
            arguments: arguments.to_owned(),
        };
        let done = item("completed", &arguments);
        events.extend([
            ResponseEvent::ItemAdded { output_index, item: item("in_progress", "") },
            ResponseEvent::ArgumentsDelta {
                item_id: id.clone(),
                output_index,
                delta: arguments.clone(),
            },
            ResponseEvent::ArgumentsDone { item_id: id.clone(), output_index, arguments },
            ResponseEvent::ItemDone { output_index, item: done.clone() },
        ]);
        self.response.output.push(done);
        Ok(())
    }

    /// Ends the open item.
    fn close(&mut self, events: &mut Vec<ResponseEvent>) {
        let output_index = self.output_index();
        let item = match self.open.take() {
            None => return,
            Some(Open::Reasoning { id, text }) => {
                events.push(ResponseEvent::ReasoningDone {
                    item_id: id.clone(),
                    output_index,
                    summary_index: 0,
                    text: text.clone(),
                });
                let summary = vec![SummaryText { text: text.clone() }];
                OutputItem::Reasoning { id, summary, encrypted_content: Some(text) }
            }
            Some(Open::Message { id, text, logprobs }) => {
                let part = OutputContent { text, annotations: Vec::new(), logprobs };
                let (item_id, content_index) = (id.clone(), 0);
                events.push(ResponseEvent::TextDone {
                    item_id: item_id.clone(),
                    output_index,
                    content_index,
                    text: part.text.clone(),
                    logprobs: part.logprobs.clone(),
                });
                let done = part.clone();
                events.push(ResponseEvent::PartDone {
                    item_id,
                    output_index,
                    content_index,
                    part: done,
                });
                message(id, "completed", vec![part])
            }
        };
        events.push(ResponseEvent::ItemDone { output_index, item: item.clone() });
        self.response.output.push(item);
    }

    fn finish(&mut self, events: &mut Vec<ResponseEvent>) {
        self.start(events);
        let says_something = |item: &OutputItem| !matches!(item, OutputItem::Reasoning { .. });
        let has_said = matches!(self.open, Some(Open::Message { .. }))
            || self.response.output.iter().any(says_something);
        if !has_said {
            self.open_message(events);
        }
        self.close(events);
        let (reason, metrics) = self.end.take().unwrap_or_default();
        let is_incomplete = reason == Some(DoneReason::Length);
        let status = if is_incomplete { "incomplete" } else { "completed" };
        self.response.status = status.to_owned();
        self.response.incomplete_details =
            is_incomplete.then(|| IncompleteDetails { reason: "max_output_tokens".to_owned() });
        self.response.completed_at = Some(Timestamp::now().as_second());
        self.response.usage = Some(usage(&metrics));
        let response = self.response.clone();
        events.push(match is_incomplete {
            true => ResponseEvent::Incomplete { response },
            false => ResponseEvent::Completed { response },
        });
    }

    fn number(&mut self, events: Vec<ResponseEvent>) -> Vec<Numbered> {
        let number = |event| {
            let sequence_number = self.sequence_number;
            self.sequence_number += 1;
            Numbered { sequence_number, event }
        };
        events.into_iter().map(number).collect()
    }
}

fn message(id: String, status: &str, content: Vec<OutputContent>) -> OutputItem {
    OutputItem::Message { id, status: status.to_owned(), role: "assistant".to_owned(), content }
}

fn usage(metrics: &Metrics) -> ResponseUsage {
    let (input, output) = (metrics.prompt_eval_count, metrics.eval_count);
    ResponseUsage {
        input_tokens: input,
        output_tokens: output,
        total_tokens: input.saturating_add(output),
        input_tokens_details: metrics.into(),
        ..ResponseUsage::default()
    }
}

impl Translator for ResponseStream {
    type Part = ChatResponse;
    type Frame = Numbered;

    fn part(&mut self, _: usize, part: ChatResponse) -> Vec<Numbered> {
        let mut events = Vec::new();
        match self.take(part, &mut events) {
            Ok(()) => self.number(events),
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self) -> Vec<Numbered> {
        let mut events = Vec::new();
        self.finish(&mut events);
        self.number(events)
    }

    fn fail(&mut self, error: ApiError) -> Vec<Numbered> {
        let mut response = self.response.clone();
        response.status = "failed".to_owned();
        response.error = Some(json!({"code": "server_error", "message": error.message}));
        self.number(vec![ResponseEvent::Failed { response }])
    }
}

#[cfg(test)]
mod tests;
