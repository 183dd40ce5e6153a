//! Native chat answers as a chat completion, whole and in chunks.

use camelid_api_types::ollama::{self, ChatResponse, Logprob};
use camelid_api_types::openai::{
    ChatChoice, ChatChoiceDelta, ChatCompletion, ChatCompletionChunk, ChatDelta, ChatLogprobs,
    ChatReply, ErrorBody, FunctionCall, ToolCall, Usage,
};
use camelid_api_types::{ApiError, json};

use super::frame::Frame;
use super::heading::{FINGERPRINT, Heading};
use crate::sse::Translator;

/// The whole answer.
pub(super) fn whole(
    heading: Heading,
    answers: Vec<ChatResponse>,
) -> Result<ChatCompletion, ApiError> {
    let mut usage: Option<Usage> = None;
    let mut debug_info = None;
    let mut choices = Vec::with_capacity(answers.len());
    for (index, answer) in answers.into_iter().enumerate() {
        Usage::count(&mut usage, &answer.metrics);
        debug_info = debug_info.or_else(|| answer.debug_info.clone());
        choices.push(choice(index, answer)?);
    }
    Ok(ChatCompletion {
        id: heading.id,
        object: "chat.completion".to_owned(),
        created: heading.created,
        model: heading.model,
        system_fingerprint: FINGERPRINT.to_owned(),
        choices,
        usage: usage.unwrap_or_default(),
        debug_info,
    })
}

fn choice(index: usize, answer: ChatResponse) -> Result<ChatChoice, ApiError> {
    let calls = calls(&answer.message.tool_calls)?;
    let reason = answer.done_reason.as_ref().map(ollama::DoneReason::as_str);
    Ok(ChatChoice {
        index,
        finish_reason: reason.map(|reason| finish_reason(reason, !calls.is_empty())),
        message: ChatReply {
            role: "assistant".to_owned(),
            content: answer.message.content,
            reasoning: answer.message.thinking,
            tool_calls: calls,
        },
        logprobs: logprobs(answer.logprobs),
    })
}

fn finish_reason(native: &str, has_called: bool) -> String {
    match native {
        "stop" if has_called => "tool_calls".to_owned(),
        native => native.to_owned(),
    }
}

fn calls(calls: &[ollama::ToolCall]) -> Result<Vec<ToolCall>, ApiError> {
    calls.iter().map(call).collect()
}

fn call(call: &ollama::ToolCall) -> Result<ToolCall, ApiError> {
    Ok(ToolCall {
        id: call.id.clone(),
        index: call.function.index,
        kind: "function".to_owned(),
        function: FunctionCall {
            name: call.function.name.clone(),
            arguments: json::encode_text(&call.function.arguments)?,
        },
    })
}

fn logprobs(content: Vec<Logprob>) -> Option<ChatLogprobs> {
    (!content.is_empty()).then_some(ChatLogprobs { content })
}

/// An answer on its way out in chunks.
#[derive(Debug)]
pub(super) struct ChatStream {
    heading: Heading,
    includes_usage: bool,
    choices: Vec<ChoiceState>,
    usage: Option<Usage>,
}

/// What has been sent of one of the answers.
#[derive(Debug, Clone, Default)]
struct ChoiceState {
    has_opened: bool,
    has_called: bool,
}

impl ChatStream {
    pub(super) fn new(heading: Heading, n: usize, includes_usage: bool) -> Self {
        let choices = vec![ChoiceState::default(); n];
        Self { heading, includes_usage, choices, usage: None }
    }

    fn chunk(&self, choices: Vec<ChatChoiceDelta>) -> ChatCompletionChunk {
        ChatCompletionChunk {
            id: self.heading.id.clone(),
            object: "chat.completion.chunk".to_owned(),
            created: self.heading.created,
            model: self.heading.model.clone(),
            system_fingerprint: FINGERPRINT.to_owned(),
            choices,
            usage: None,
        }
    }

    /// The deltas of a part's text, thinking and calls: at most two, thinking by itself.
    fn deltas(
        &mut self,
        index: usize,
        part: ChatResponse,
    ) -> Result<Vec<ChatChoiceDelta>, ApiError> {
        let calls = calls(&part.message.tool_calls)?;
        let ollama::Message { content, thinking, .. } = part.message;
        let state = &mut self.choices[index];
        state.has_called |= !calls.is_empty();
        let says = !content.is_empty() || !calls.is_empty();
        let mut logprobs = logprobs(part.logprobs);
        let mut deltas = Vec::new();
        let mut add = |delta: ChatDelta| {
            let role =
                (!std::mem::replace(&mut state.has_opened, true)).then(|| "assistant".to_owned());
            let delta = ChatDelta { role, ..delta };
            let logprobs = logprobs.take();
            deltas.push(ChatChoiceDelta { index, delta, finish_reason: None, logprobs });
        };
        if !thinking.is_empty() && says {
            add(ChatDelta { reasoning: thinking, ..ChatDelta::default() });
            add(ChatDelta { content: Some(content), tool_calls: calls, ..ChatDelta::default() });
        } else {
            let content = Some(content);
            let delta = ChatDelta { content, reasoning: thinking, tool_calls: calls, role: None };
            add(delta);
        }
        Ok(deltas)
    }

    fn frames(
        &mut self,
        index: usize,
        part: ChatResponse,
    ) -> Result<Vec<ChatChoiceDelta>, ApiError> {
        let is_done = part.done;
        let reason = part.done_reason.clone();
        let is_bare = part.message.content.is_empty()
            && part.message.thinking.is_empty()
            && part.message.tool_calls.is_empty()
            && part.logprobs.is_empty();
        if is_done {
            Usage::count(&mut self.usage, &part.metrics);
        }
        // An answer that is empty altogether still opens.
        let mut deltas = match is_done && is_bare && self.choices[index].has_opened {
            true => Vec::new(),
            false => self.deltas(index, part)?,
        };
        if is_done {
            let reason = reason.as_ref().map_or("stop", |reason| reason.as_str());
            let finish_reason = Some(finish_reason(reason, self.choices[index].has_called));
            deltas.push(ChatChoiceDelta { index, finish_reason, ..ChatChoiceDelta::default() });
        }
        Ok(deltas)
    }
}

impl Translator for ChatStream {
    type Part = ChatResponse;
    type Frame = Frame<ChatCompletionChunk>;

    fn part(&mut self, choice: usize, part: ChatResponse) -> Vec<Self::Frame> {
        match self.frames(choice, part) {
            Ok(deltas) => {
                deltas.into_iter().map(|delta| Frame::Chunk(self.chunk(vec![delta]))).collect()
            }
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self) -> Vec<Self::Frame> {
        let usage = self.usage.filter(|_| self.includes_usage);
        let usage = usage.map(|usage| {
            Frame::Chunk(ChatCompletionChunk { usage: Some(usage), ..self.chunk(Vec::new()) })
        });
        usage.into_iter().chain([Frame::Done]).collect()
    }

    fn fail(&mut self, error: ApiError) -> Vec<Self::Frame> {
        vec![Frame::Error(ErrorBody::from(error))]
    }
}

#[cfg(test)]
mod tests;
