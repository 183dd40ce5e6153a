//! The machine behind most formats: text, thinking and calls between markers.
//!
//! A format is a row of data ([`Format`]): in which state a reply starts, what opens and closes
//! thinking, between which markers calls stand and how they are written. The machine reads pieces
//! of any size and gives the same events however the text was cut:
//!
//! - text is passed on at once, but for an end that may be the beginning of a marker, and white
//!   space, which is dropped when a marker follows;
//! - a call is collected up to its closing marker;
//! - at the end all that was held back is passed on.

use camelid_api_types::ollama::{Message, Think, Tool};

use super::coerce::is_complete;
use super::event::{Call, Event, Events};
use super::hold::{Found, find_first, overlap, partial_marker, trailing_space};

/// What is known when a reply begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParserOptions<'a> {
    /// The tools of the request.
    pub tools: &'a [Tool],
    /// Whether the request asked for thinking; absent means the format's own default.
    pub think: Option<Think>,
    /// The conversation's last message; an assistant's is continued by the reply.
    pub last_message: Option<&'a Message>,
    /// The rendered prompt, of which the end is looked at: one that opens or closes thinking tells
    /// where the reply starts. Absent, the format's own rules do.
    pub prompt: Option<&'a str>,
}

impl ParserOptions<'_> {
    /// Does the reply continue text that the assistant already has?
    pub(super) fn is_prefill(&self) -> bool {
        self.last_message.is_some_and(|m| m.role == "assistant" && !m.content.is_empty())
    }
}

/// The state in which a reply starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// In the answer.
    Content,
    /// In thinking: the prompt has opened it.
    Thinking,
    /// In thinking, and an opening tag that the model writes all the same is dropped.
    ThinkingMaybeOpened,
    /// In thinking if the text begins with the opening tag, else in the answer.
    Decide,
}

/// When a row's `on` applies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thinks {
    /// Whether a request that says nothing means to think.
    pub(super) default: bool,
    /// The start when thinking is on.
    pub(super) on: Lead,
    /// The start when it is off.
    pub(super) off: Lead,
    /// A reply that continues an answer starts in the answer.
    pub(super) unless_prefill: bool,
    /// A request with tools starts in the answer.
    pub(super) unless_tools: bool,
    /// After a tool's result, thinking goes on where the prompt left it.
    pub(super) after_tool: bool,
}

impl Thinks {
    /// A format without thinking.
    pub(super) const NEVER: Self = Self {
        default: false,
        on: Lead::Content,
        off: Lead::Content,
        unless_prefill: false,
        unless_tools: false,
        after_tool: false,
    };

    fn lead(&self, options: &ParserOptions<'_>) -> Lead {
        let stays_out = (self.unless_prefill && options.is_prefill())
            || (self.unless_tools && !options.tools.is_empty());
        let after_tool = options.last_message.is_some_and(|m| m.role == "tool");
        match options.think.map_or(self.default, Think::is_on) {
            _ if stays_out => Lead::Content,
            true if self.after_tool && after_tool => Lead::Thinking,
            true => self.on,
            false => self.off,
        }
    }
}

/// A call's text, and the tools that say what its arguments are.
pub(super) struct Body<'a> {
    /// What stands between the markers.
    pub(super) text: &'a str,
    /// The tools of the request.
    pub(super) tools: &'a [Tool],
}

/// How a block of calls is written.
pub(super) struct CallForm {
    /// What opens it.
    pub(super) open: &'static str,
    /// How its end is found.
    pub(super) close: Close,
    /// Reads what stands between; an error makes the whole block text.
    pub(super) parse: fn(&Body<'_>) -> Result<Vec<Call>, String>,
}

/// How the end of a block of calls is found.
#[derive(Clone, Copy)]
pub(super) enum Close {
    /// By a closing marker.
    Tag(&'static str),
    /// By looking at the text: how many bytes of it belong to the block, once that is known.
    Inside(fn(&str) -> Option<usize>),
    /// It goes on to the end of the reply.
    AtEnd,
}

/// A format: what a model's output looks like.
pub(super) struct Format {
    pub(super) thinks: Thinks,
    /// The tag that [`Lead`] looks for at the start.
    pub(super) lead_tag: &'static str,
    /// Opens thinking anywhere in the answer.
    pub(super) think_open: &'static [&'static str],
    /// Closes thinking.
    pub(super) think_close: &'static [&'static str],
    /// A call inside thinking ends it.
    pub(super) calls_end_thinking: bool,
    /// Thinking is dropped when the request did not ask for it.
    pub(super) hides_unasked: bool,
    pub(super) calls: &'static [CallForm],
    /// Markers without meaning in the answer.
    pub(super) dropped: &'static [&'static str],
    /// With tools, a reply that begins like this begins with a call.
    pub(super) bare: Option<&'static CallForm>,
    /// Names that the models give tools by habit, and what they stand for where only that is
    /// declared.
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

impl Format {
    /// A format in which everything is the answer.
    pub(super) const PLAIN: Self = Self {
        thinks: Thinks::NEVER,
        lead_tag: "<think>",
        think_open: &[],
        think_close: &["</think>"],
        calls_end_thinking: false,
        hides_unasked: false,
        calls: &[],
        dropped: &[],
        bare: None,
        aliases: &[],
    };

    /// Does thinking mean anything to this format at the start of a reply?
    fn can_think(&self) -> bool {
        self.thinks.on != Lead::Content || self.thinks.off != Lead::Content
    }

    /// Where a reply to `prompt` starts: in thinking that the prompt has opened, in the answer
    /// after thinking that it has closed, else wherever the model begins.
    fn lead_after(&self, prompt: &str) -> Lead {
        let end = prompt.trim_end();
        if end.ends_with(self.lead_tag) {
            Lead::ThinkingMaybeOpened
        } else if self.think_close.iter().any(|close| end.ends_with(close)) {
            Lead::Content
        } else {
            Lead::Decide
        }
    }
}

enum State {
    Lead(Lead),
    Text { thinking: bool },
    Call { form: &'static CallForm, thinking: bool },
}

/// What a marker in text does.
enum Marker {
    Thinking(bool),
    Call(&'static CallForm),
    Nothing,
}

/// The machine for one reply.
pub(super) struct Tagged {
    format: &'static Format,
    tools: Vec<Tool>,
    state: State,
    hides_thinking: bool,
    /// White space that stood before the open call, for the case that it is none.
    gap: String,
    /// White space at the front of the buffer follows a marker.
    trims: bool,
    /// Nothing more will come.
    is_done: bool,
    /// Bytes of an open call in which no closing marker starts.
    searched: usize,
    buffer: String,
    events: Events,
}

impl Tagged {
    pub(super) fn new(format: &'static Format, options: &ParserOptions<'_>) -> Self {
        let lead = match options.prompt {
            Some(prompt) if format.can_think() => format.lead_after(prompt),
            _ => format.thinks.lead(options),
        };
        let asked = options.think.map_or(format.thinks.default, Think::is_on);
        Self {
            format,
            tools: options.tools.to_vec(),
            state: State::Lead(lead),
            hides_thinking: format.hides_unasked && !asked,
            gap: String::new(),
            trims: false,
            is_done: false,
            searched: 0,
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
        self.is_done = true;
        while self.step() {}
        let rest = std::mem::take(&mut self.buffer);
        match &self.state {
            State::Call { form, thinking } => {
                let (form, thinking) = (*form, *thinking);
                self.finish_call(form, thinking, &rest);
            }
            State::Text { thinking } => {
                let rest = if self.trims { rest.trim_start() } else { &rest };
                self.emit(*thinking, rest);
            }
            State::Lead(lead) => {
                let thinking = matches!(lead, Lead::Thinking | Lead::ThinkingMaybeOpened);
                self.emit(thinking, &rest);
            }
        }
        self.events.take()
    }

    fn emit(&mut self, thinking: bool, text: &str) {
        if !(thinking && self.hides_thinking) {
            self.events.text(thinking, text);
        }
    }

    /// Does as much as the buffer allows; true when there may be more to do.
    fn step(&mut self) -> bool {
        match self.state {
            State::Lead(lead) => self.lead(lead),
            State::Text { thinking } => self.text(thinking),
            State::Call { form, thinking } => self.call(form, thinking),
        }
    }

    fn lead(&mut self, lead: Lead) -> bool {
        let text = self.buffer.trim_start();
        let waits = |tag: &str| text.is_empty() || overlap(text, tag) == text.len();
        let tag = self.format.lead_tag;
        if matches!(lead, Lead::ThinkingMaybeOpened | Lead::Decide) {
            if let Some(rest) = text.strip_prefix(tag) {
                self.buffer = rest.to_owned();
                self.trims = true;
                self.state = State::Text { thinking: true };
                return true;
            }
            if waits(tag) {
                return false;
            }
        }
        if lead == Lead::Decide {
            // A model told not to think may close what it did not open.
            let close = self.format.think_close.iter().find(|close| text.starts_with(**close));
            if let Some(close) = close {
                self.buffer = text[close.len()..].to_owned();
                self.trims = true;
                self.state = State::Text { thinking: false };
                return true;
            }
            if self.format.think_close.iter().any(|close| waits(close)) {
                return false;
            }
        }
        let thinking = matches!(lead, Lead::Thinking | Lead::ThinkingMaybeOpened);
        if let Some(form) = self.format.bare.filter(|_| !thinking && !self.tools.is_empty()) {
            if let Some(rest) = text.strip_prefix(form.open) {
                self.buffer = rest.to_owned();
                self.state = State::Call { form, thinking };
                return true;
            }
            if waits(form.open) {
                return false;
            }
        }
        self.state = State::Text { thinking };
        true
    }

    fn text(&mut self, thinking: bool) -> bool {
        if self.trims {
            self.buffer = self.buffer.trim_start().to_owned();
            if self.buffer.is_empty() {
                return false;
            }
            self.trims = false;
        }
        let Some(found) = find_first(&self.buffer, markers(self.format, thinking)) else {
            self.pass_on(thinking);
            return false;
        };
        if !self.is_done && self.may_grow(&found, thinking) {
            return false;
        }
        let rest = self.buffer.split_off(found.end);
        let before = std::mem::replace(&mut self.buffer, rest);
        self.emit(thinking, before[..found.at].trim_end());
        match found.what {
            Marker::Thinking(thinking) => {
                self.state = State::Text { thinking };
                self.trims = true;
            }
            Marker::Call(form) => {
                self.gap = before[before[..found.at].trim_end().len()..found.at].to_owned();
                self.state = State::Call { form, thinking };
            }
            Marker::Nothing => self.trims = true,
        }
        true
    }

    /// Could a longer marker stand where this one was found?
    fn may_grow(&self, found: &Found<Marker>, thinking: bool) -> bool {
        let tail = &self.buffer[found.at..];
        markers(self.format, thinking)
            .any(|(marker, _)| marker.len() > tail.len() && marker.starts_with(tail))
    }

    /// Emits what cannot be part of a marker, nor white space in front of one.
    fn pass_on(&mut self, thinking: bool) {
        let names = markers(self.format, thinking).map(|(marker, _)| marker);
        let kept = self.buffer.len() - partial_marker(&self.buffer, names);
        let kept = kept - trailing_space(&self.buffer[..kept]);
        let rest = self.buffer.split_off(kept);
        let ready = std::mem::replace(&mut self.buffer, rest);
        self.emit(thinking, &ready);
    }

    fn call(&mut self, form: &'static CallForm, thinking: bool) -> bool {
        let (end, next) = match form.close {
            Close::Tag(close) => match self.buffer[self.searched..].find(close) {
                Some(at) => (self.searched + at, self.searched + at + close.len()),
                None => {
                    self.searched = self.buffer.len() - overlap(&self.buffer, close);
                    return false;
                }
            },
            Close::Inside(end) => match end(&self.buffer) {
                Some(end) => (end, end),
                None => return false,
            },
            Close::AtEnd => return false,
        };
        self.searched = 0;
        let rest = self.buffer.split_off(next);
        let block = std::mem::replace(&mut self.buffer, rest);
        let result = (form.parse)(&Body { text: &block[..end], tools: &self.tools });
        self.trims = result.is_ok();
        match result {
            Ok(calls) => self.calls(calls),
            Err(problem) => self.malformed(form, &block, problem),
        }
        self.state = State::Text { thinking: thinking && !self.format.calls_end_thinking };
        true
    }

    /// A call without its closing marker counts when it is whole.
    fn finish_call(&mut self, form: &'static CallForm, thinking: bool, block: &str) {
        let body = Body { text: block, tools: &self.tools };
        let ends_here = matches!(form.close, Close::AtEnd);
        match (form.parse)(&body) {
            Ok(calls) if ends_here || calls.iter().all(|c| is_complete(&self.tools, c)) => {
                self.calls(calls);
            }
            Ok(_) => self.malformed(form, block, "the call is not finished".to_owned()),
            Err(problem) => self.malformed(form, block, problem),
        }
        self.state = State::Text { thinking };
    }

    fn calls(&mut self, calls: Vec<Call>) {
        let declared = |name: &str| self.tools.iter().any(|tool| tool.function.name == name);
        for (name, arguments) in calls {
            let alias = self.format.aliases.iter().find(|(alias, _)| *alias == name);
            let meant = alias.filter(|(alias, meant)| !declared(alias) && declared(meant));
            let name = meant.map_or(name, |(_, meant)| (*meant).to_owned());
            self.events.call((name, arguments));
        }
    }

    fn malformed(&mut self, form: &CallForm, block: &str, problem: String) {
        let gap = std::mem::take(&mut self.gap);
        self.events.malformed(&format!("{gap}{}{block}", form.open), problem);
    }
}

/// The markers that mean something in the answer or in thinking.
fn markers(
    format: &'static Format,
    thinking: bool,
) -> impl Iterator<Item = (&'static str, Marker)> {
    let closes = format.think_close.iter().filter(move |_| thinking);
    let opens = format.think_open.iter().filter(move |_| !thinking);
    let dropped = format.dropped.iter().filter(move |_| !thinking);
    let calls = format.calls.iter().filter(move |_| !thinking || format.calls_end_thinking);
    closes
        .map(|tag| (*tag, Marker::Thinking(false)))
        .chain(opens.map(|tag| (*tag, Marker::Thinking(true))))
        .chain(dropped.map(|tag| (*tag, Marker::Nothing)))
        .chain(calls.map(|form| (form.open, Marker::Call(form))))
}
