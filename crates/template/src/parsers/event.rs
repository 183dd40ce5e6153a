//! What a parser makes of a model's text.

use camelid_api_types::ollama::{ToolCall, ToolCallFunction};
use serde_json::{Map, Value as Json};

/// A piece of meaning in a model's output, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Text of the answer.
    Content(String),
    /// Text of the reasoning.
    Thinking(String),
    /// A complete call; its id is left empty for the caller to give.
    ToolCall(ToolCall),
    /// Text that looked like a call and is none. It belongs to the answer, so that nothing is
    /// lost; `problem` says what was wrong, for a log.
    Malformed {
        /// The text as the model wrote it, markers included.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A function's name and its arguments.
pub(super) type Call = (String, Map<String, Json>);

/// The event for the `index`th call of a reply.
pub(super) fn call_event((name, arguments): Call, index: u32) -> Event {
    Event::ToolCall(ToolCall {
        id: String::new(),
        function: ToolCallFunction { index, name, arguments },
    })
}

/// Collects events, joining neighbours of the same kind and leaving out empty texts.
#[derive(Debug, Default)]
pub(super) struct Events {
    list: Vec<Event>,
    n_calls: u32,
}

impl Events {
    pub(super) fn content(&mut self, text: &str) {
        match self.list.last_mut() {
            _ if text.is_empty() => {}
            Some(Event::Content(last)) => last.push_str(text),
            _ => self.list.push(Event::Content(text.to_owned())),
        }
    }

    pub(super) fn thinking(&mut self, text: &str) {
        match self.list.last_mut() {
            _ if text.is_empty() => {}
            Some(Event::Thinking(last)) => last.push_str(text),
            _ => self.list.push(Event::Thinking(text.to_owned())),
        }
    }

    pub(super) fn text(&mut self, thinking: bool, text: &str) {
        if thinking { self.thinking(text) } else { self.content(text) }
    }

    pub(super) fn call(&mut self, call: Call) {
        self.list.push(call_event(call, self.n_calls));
        self.n_calls += 1;
    }

    pub(super) fn malformed(&mut self, text: &str, problem: impl Into<String>) {
        if !text.is_empty() {
            let (text, problem) = (text.to_owned(), problem.into());
            self.list.push(Event::Malformed { text, problem });
        }
    }

    /// What has been collected since the last time; calls go on being counted.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.list)
    }
}

/// A reply's events put together.
///
/// # Examples
/// ```
/// use camelid_template::{Event, Reply};
///
/// let events = [Event::Thinking("Hm. ".into()), Event::Content("Hi".into())];
/// let reply: Reply = events.into_iter().collect();
/// assert_eq!((reply.thinking.as_str(), reply.content.as_str()), ("Hm. ", "Hi"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The answer, malformed calls included.
    pub content: String,
    /// The reasoning.
    pub thinking: String,
    /// The calls in order.
    pub tool_calls: Vec<ToolCall>,
    /// What was wrong with each malformed call.
    pub problems: Vec<String>,
}

impl Extend<Event> for Reply {
    fn extend<T: IntoIterator<Item = Event>>(&mut self, events: T) {
        for event in events {
            match event {
                Event::Content(text) => self.content += &text,
                Event::Thinking(text) => self.thinking += &text,
                Event::ToolCall(call) => self.tool_calls.push(call),
                Event::Malformed { text, problem } => {
                    self.content += &text;
                    self.problems.push(problem);
                }
            }
        }
    }
}

impl FromIterator<Event> for Reply {
    fn from_iter<T: IntoIterator<Item = Event>>(events: T) -> Self {
        let mut reply = Self::default();
        reply.extend(events);
        reply
    }
}
