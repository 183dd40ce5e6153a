//! gpt-oss's harmony, and Glimmer: messages with a header that says what they are.
//!
//! ```text
//! <|start|>assistant<|channel|>analysis<|message|>thinking<|end|>
//! <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{...}<|call|>
//! <|start|>assistant<|channel|>final<|message|>answer<|return|>
//! ```
//!
//! The prompt ends with `<|start|>assistant`, so a reply begins inside a header. In harmony, text
//! in the analysis channel is thinking, with a recipient it is a call's arguments, all else is the
//! answer. Glimmer has recipients alone: `to=self` is thinking, a tool's name a call in tags, all
//! else the answer. A reply without any header is an answer too: Ollama drops it.

use camelid_api_types::ollama::Tool;
use serde_json::Value as Json;

use super::event::{Call, Event, Events};
use super::hold::{find_first, partial_marker};
use super::json_call::arguments_of;
use super::tagged::{Body, ParserOptions};
use super::tool_names::ToolNames;
use super::xml_call;

const START: &str = "<|start|>";
const MESSAGE: &str = "<|message|>";
const CHANNEL: &str = "<|channel|>";
const CONSTRAIN: &str = "<|constrain|>";

/// What one of the two formats makes of headers and calls.
pub(super) struct Dialect {
    pub(super) name: &'static str,
    /// What ends a message; a new one ends it as well.
    ends: &'static [&'static str],
    /// The tokens that the engine must print.
    pub(super) visible: &'static [&'static str],
    /// Where a message with this header belongs.
    part: fn(&Harmony, &str) -> Part,
    /// Reads the body of a message to a tool.
    calls: fn(&Harmony, name: &str, body: &str) -> Result<Vec<Call>, String>,
}

/// gpt-oss.
pub(super) static HARMONY: Dialect = Dialect {
    name: "harmony",
    ends: &["<|end|>", "<|call|>", "<|return|>", START],
    visible: &[START, "<|end|>", MESSAGE, CHANNEL, CONSTRAIN, "<|call|>", "<|return|>"],
    part: Harmony::channel_part,
    calls: |harmony, name, body| {
        let arguments = arguments_of(Json::String(body.to_owned()))?;
        Ok(vec![(harmony.names.original(name), arguments)])
    },
};

/// Glimmer.
pub(super) static GLIMMER: Dialect = Dialect {
    name: "glimmer",
    ends: &["<|eom|>", "<|eot|>", START],
    visible: &[START, MESSAGE, "<|eom|>", "<|eot|>"],
    part: Harmony::recipient_part,
    calls: |harmony, _, body| xml_call::atem(&Body { text: body, tools: &harmony.tools }),
};

enum State {
    /// Between messages.
    Seek,
    /// In a header.
    Header,
    Body(Part),
}

/// What the body of a message is.
#[derive(Clone)]
enum Part {
    Content,
    Thinking,
    /// Arguments for this recipient.
    Call(String),
}

/// The machine for one reply.
pub(super) struct Harmony {
    dialect: &'static Dialect,
    tools: Vec<Tool>,
    names: ToolNames,
    state: State,
    /// Where a message without a known channel belongs.
    last: Part,
    /// Nothing of the reply has been understood yet.
    is_first: bool,
    buffer: String,
    events: Events,
}

impl Harmony {
    pub(super) fn new(dialect: &'static Dialect, options: &ParserOptions<'_>) -> Self {
        let prefill = options.last_message.filter(|m| m.role == "assistant");
        let state = match prefill {
            Some(m) if !m.content.is_empty() => State::Body(Part::Content),
            Some(m) if !m.thinking.is_empty() => State::Body(Part::Thinking),
            _ => State::Header,
        };
        Self {
            dialect,
            tools: options.tools.to_vec(),
            names: ToolNames::new(options.tools),
            state,
            last: Part::Content,
            is_first: true,
            buffer: String::new(),
            events: Events::default(),
        }
    }

    pub(super) fn push(&mut self, piece: &str) -> Vec<Event> {
        self.buffer.push_str(piece);
        while self.step() {}
        self.events.take()
    }

    pub(super) fn finish(&mut self) -> Vec<Event> {
        let rest = std::mem::take(&mut self.buffer);
        match std::mem::replace(&mut self.state, State::Seek) {
            State::Body(part) => self.end_body(&part, &rest),
            // A header that never ended, or text between messages: nothing is lost.
            State::Header | State::Seek => self.events.content(&rest),
        }
        self.events.take()
    }

    fn step(&mut self) -> bool {
        match &self.state {
            State::Seek => self.seek(),
            State::Header => self.header(),
            State::Body(part) => {
                let part = part.clone();
                self.body(&part)
            }
        }
    }

    fn seek(&mut self) -> bool {
        let Some(at) = self.buffer.find(START) else { return false };
        let rest = self.buffer.split_off(at + START.len());
        let junk = std::mem::replace(&mut self.buffer, rest);
        let junk = junk[..at].trim();
        self.events.malformed(junk, "text between two messages");
        self.state = State::Header;
        true
    }

    fn header(&mut self) -> bool {
        if self.is_first && !may_be_header(&self.buffer) {
            self.is_first = false;
            self.state = State::Body(Part::Content);
            return true;
        }
        let Some(at) = self.buffer.find(MESSAGE) else { return false };
        let rest = self.buffer.split_off(at + MESSAGE.len());
        let header = std::mem::replace(&mut self.buffer, rest);
        self.last = (self.dialect.part)(self, &header[..at]);
        self.state = State::Body(self.last.clone());
        self.is_first = false;
        true
    }

    fn channel_part(&self, header: &str) -> Part {
        let header = header.replace(CONSTRAIN, &format!(" {CONSTRAIN}"));
        let channel = header
            .split_once(CHANNEL)
            .map(|(_, after)| after.split(char::is_whitespace).next().unwrap_or_default());
        let recipient = recipient(&header);
        match (channel, recipient) {
            (Some("analysis" | "commentary"), Some(recipient)) => {
                let name = recipient.strip_prefix("functions.").unwrap_or(recipient);
                Part::Call(name.to_owned())
            }
            (Some("analysis"), None) => Part::Thinking,
            (Some("commentary" | "final"), _) => Part::Content,
            _ => match &self.last {
                Part::Call(_) => Part::Content,
                last => last.clone(),
            },
        }
    }

    fn recipient_part(&self, header: &str) -> Part {
        match recipient(header) {
            Some("self") => Part::Thinking,
            Some(name) if self.tools.iter().any(|tool| is_named(tool, name)) => {
                Part::Call(name.to_owned())
            }
            _ => Part::Content,
        }
    }

    fn body(&mut self, part: &Part) -> bool {
        let ends = self.dialect.ends;
        if let Some(found) = find_first(&self.buffer, ends.iter().map(|end| (*end, *end))) {
            let rest = self.buffer.split_off(found.end);
            let body = std::mem::replace(&mut self.buffer, rest);
            self.end_body(part, &body[..found.at]);
            self.state = if found.what == START { State::Header } else { State::Seek };
            return true;
        }
        if !matches!(part, Part::Call(_)) {
            let kept = self.buffer.len() - partial_marker(&self.buffer, ends.iter().copied());
            let text: String = self.buffer.drain(..kept).collect();
            self.events.text(matches!(part, Part::Thinking), &text);
        }
        false
    }

    fn end_body(&mut self, part: &Part, text: &str) {
        match part {
            Part::Content => self.events.content(text),
            Part::Thinking => self.events.thinking(text),
            Part::Call(name) => match (self.dialect.calls)(self, name, text) {
                Ok(calls) => calls.into_iter().for_each(|call| self.events.call(call)),
                Err(problem) => self.events.malformed(text, problem),
            },
        }
    }
}

/// The `NAME` of `to=NAME` in a header.
fn recipient(header: &str) -> Option<&str> {
    let words = header.split(|c: char| c.is_whitespace() || c == '<' || c == '>');
    words.filter_map(|word| word.strip_prefix("to=")).next()
}

/// Is the tool meant by `name`, which may have the tool's namespace in front?
fn is_named(tool: &Tool, name: &str) -> bool {
    let own = tool.function.name.as_str();
    own == name
        || name.rsplit_once('.').is_some_and(|(space, rest)| rest == own && own.starts_with(space))
}

/// Can a reply that begins like this still turn out to begin with a header?
fn may_be_header(text: &str) -> bool {
    let text = text.trim_start();
    let starts = |start: &str| text.starts_with(start) || start.starts_with(text);
    starts(CHANNEL) || starts("to=") || starts(MESSAGE) || starts(CONSTRAIN) || starts(START)
}
