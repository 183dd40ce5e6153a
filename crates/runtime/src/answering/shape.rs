//! What each endpoint makes of an answer.

use std::time::{Duration, Instant};

use camelid_api_types::{
    Timestamp,
    ollama::{ChatResponse, DoneReason, GenerateResponse, Logprob, Message, Metrics},
};
use camelid_engine::{End, EndReason};
use camelid_template::Event;

use super::tool_call_id;
use crate::scheduling::Loaded;

/// What an endpoint makes of an answer's events and of its end.
pub(crate) trait Shape: Send + Unpin + 'static {
    /// The wire's type of a part.
    type Part: Send + Unpin;
    /// Notes text as the model wrote it, before it is parsed.
    fn note(&mut self, _text: &str) {}
    /// Whether an event becomes a part; where not, nobody hears of it.
    fn wants(&self, _event: &Event) -> bool {
        true
    }
    /// Some text, thinking or a call.
    fn event(&mut self, event: Event) -> Self::Part;
    /// Gives a part the log-probabilities of its tokens.
    fn set_logprobs(part: &mut Self::Part, logprobs: Vec<Logprob>);
    /// The last part.
    fn end(&mut self, end: &End, model: &Loaded) -> Self::Part;
}

/// When a request came, how long its model took to be ready, and what its prompt was before it was
/// cut to fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) started: Instant,
    pub(crate) load: Duration,
    /// Messages that were left out of the prompt.
    pub(crate) n_messages_dropped: usize,
    /// Tokens of the prompt as it was given to the engine.
    pub(crate) n_prompt_asked: usize,
}

impl Timing {
    pub(crate) fn metrics(self, end: &End) -> Metrics {
        let stats = end.stats;
        let n_dropped = self.n_prompt_asked.saturating_sub(stats.n_prompt);
        if n_dropped > 0 {
            tracing::warn!(
                n_dropped,
                kept = stats.n_prompt,
                "the prompt was cut to fit the context"
            );
        }
        Metrics {
            total_duration: self.started.elapsed(),
            load_duration: self.load,
            prompt_eval_count: stats.n_prompt as u64,
            prompt_cached_count: stats.n_prompt_cached as u64,
            prompt_dropped_count: n_dropped as u64,
            messages_dropped_count: self.n_messages_dropped as u64,
            prompt_eval_duration: stats.prompt_duration,
            eval_count: stats.n_generated as u64,
            eval_duration: stats.generate_duration,
        }
    }
}

fn done_reason(reason: EndReason) -> Option<DoneReason> {
    match reason {
        EndReason::Stop => Some(DoneReason::Stop),
        EndReason::Length => Some(DoneReason::Length),
        _ => None,
    }
}

/// Parts of `/api/generate`.
pub(crate) struct GenerateShape {
    pub(crate) model: String,
    pub(crate) timing: Timing,
    /// The prompt with its marks and all text so far, whose tokens the last part carries; `None` in raw mode.
    pub(crate) context: Option<String>,
}

impl GenerateShape {
    fn part(&self) -> GenerateResponse {
        GenerateResponse {
            model: self.model.clone(),
            created_at: Timestamp::now(),
            ..GenerateResponse::default()
        }
    }
}

impl Shape for GenerateShape {
    type Part = GenerateResponse;

    fn note(&mut self, text: &str) {
        if let Some(context) = &mut self.context {
            context.push_str(text);
        }
    }

    fn event(&mut self, event: Event) -> GenerateResponse {
        let mut part = self.part();
        match event {
            Event::Content(text) | Event::Malformed { text, .. } => part.response = text,
            Event::Thinking(text) => part.thinking = text,
            Event::ToolCall(call) => part.tool_calls = vec![call],
        }
        part
    }

    fn set_logprobs(part: &mut GenerateResponse, logprobs: Vec<Logprob>) {
        part.logprobs = logprobs;
    }

    fn end(&mut self, end: &End, model: &Loaded) -> GenerateResponse {
        let encode =
            |text: String| model.control_texts.encode(model.engine.tokenizer(), &text).ok();
        GenerateResponse {
            done: true,
            done_reason: done_reason(end.reason),
            context: self.context.take().and_then(encode).unwrap_or_default(),
            metrics: self.timing.metrics(end),
            ..self.part()
        }
    }
}

/// Parts of `/api/chat`.
pub(crate) struct ChatShape {
    pub(crate) model: String,
    pub(crate) timing: Timing,
    /// Whether calls behind the first are left out.
    pub(crate) is_single_call: bool,
}

impl ChatShape {
    fn part(&self, message: Message) -> ChatResponse {
        ChatResponse {
            model: self.model.clone(),
            created_at: Timestamp::now(),
            message,
            ..ChatResponse::default()
        }
    }
}

impl Shape for ChatShape {
    type Part = ChatResponse;

    fn wants(&self, event: &Event) -> bool {
        !self.is_single_call || !matches!(event, Event::ToolCall(call) if call.function.index > 0)
    }

    fn event(&mut self, event: Event) -> ChatResponse {
        let mut message = Message::assistant("");
        match event {
            Event::Content(text) => message.content = text,
            Event::Thinking(text) => message.thinking = text,
            Event::ToolCall(mut call) => {
                call.id = tool_call_id::new();
                message.tool_calls = vec![call];
            }
            Event::Malformed { text, problem } => {
                tracing::warn!(problem, "a tool call of the model cannot be read");
                message.content = text;
            }
        }
        self.part(message)
    }

    fn set_logprobs(part: &mut ChatResponse, logprobs: Vec<Logprob>) {
        part.logprobs = logprobs;
    }

    fn end(&mut self, end: &End, _: &Loaded) -> ChatResponse {
        ChatResponse {
            done: true,
            done_reason: done_reason(end.reason),
            metrics: self.timing.metrics(end),
            ..self.part(Message::assistant(""))
        }
    }
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::ToolCall;

    use super::*;

    #[test]
    fn a_chat_that_wants_one_call_hears_of_no_other() {
        let timing = Timing {
            started: Instant::now(),
            load: Duration::ZERO,
            n_messages_dropped: 0,
            n_prompt_asked: 0,
        };
        let call = |index| {
            let mut call = ToolCall::default();
            call.function.index = index;
            Event::ToolCall(call)
        };
        for (is_single_call, hears_of_second) in [(true, false), (false, true)] {
            let shape = ChatShape { model: String::new(), timing, is_single_call };
            assert!(shape.wants(&call(0)) && shape.wants(&Event::Content("Hi".to_owned())));
            assert_eq!(shape.wants(&call(1)), hears_of_second);
        }
    }
}
