//! Finds tool calls by the tag that the model's Go template writes before them.
//!
//! What follows the tag is searched for a declared tool's name and for a JSON object that holds, or
//! is, its arguments, so most notations are understood without being known. Ollama swallows all
//! that a model writes after a call, and all of a call that it cannot read; here both are passed
//! on as text, closing marks left out.

use camelid_api_types::ollama::Tool;
use serde_json::{Map, Value as Json};

use super::event::{Call, Events};
use super::hold::overlap;
use super::json_call::balanced;

/// Nesting of JSON that is searched for arguments.
const MAX_DEPTH: usize = 64;

enum State {
    Looking,
    Calling,
    /// All that comes is text.
    Done,
}

/// The machine for one reply.
pub(super) struct GenericTools {
    tag: String,
    tools: Vec<Tool>,
    state: State,
    buffer: String,
    /// The text that opened the current run of calls is still in the buffer.
    found_any: bool,
}

impl GenericTools {
    pub(super) fn new(tag: &str, tools: &[Tool]) -> Self {
        let state = if tools.is_empty() { State::Done } else { State::Looking };
        let (tag, tools) = (tag.to_owned(), tools.to_vec());
        Self { tag, tools, state, buffer: String::new(), found_any: false }
    }

    pub(super) fn push(&mut self, piece: &str, events: &mut Events) {
        self.buffer.push_str(piece);
        if matches!(self.state, State::Looking) {
            self.look(events);
        }
        match self.state {
            State::Looking => {}
            State::Calling => self.call(events, false),
            State::Done => events.content(&std::mem::take(&mut self.buffer)),
        }
    }

    pub(super) fn finish(&mut self, events: &mut Events) {
        if matches!(self.state, State::Calling) {
            self.call(events, true);
        }
        let rest = std::mem::take(&mut self.buffer);
        if self.found_any {
            events.content(without_closers(&rest, &self.tag));
        } else if matches!(self.state, State::Calling) {
            events.malformed(&rest, "no declared tool with arguments after the tag");
        } else {
            events.content(&rest);
        }
    }

    fn is_bracket(&self) -> bool {
        matches!(self.tag.as_str(), "{" | "[")
    }

    fn look(&mut self, events: &mut Events) {
        let ready = match self.buffer.find(&self.tag) {
            Some(at) => {
                self.state = State::Calling;
                at
            }
            None => self.buffer.len() - overlap(&self.buffer, &self.tag),
        };
        let text: String = self.buffer.drain(..ready).collect();
        // A bracket opens a call only at the start of a reply; in a text it is a bracket.
        if self.is_bracket() && !text.trim().is_empty() {
            self.state = State::Done;
        }
        events.content(&text);
    }

    fn call(&mut self, events: &mut Events, is_done: bool) {
        if self.is_bracket() {
            return self.call_in_brackets(events);
        }
        while let Some((call, end)) = self.next_call(&self.buffer, is_done) {
            events.call(call);
            self.found_any = true;
            self.buffer.drain(..end);
        }
    }

    /// Looks for calls in each object or list that has closed; one without any is text, and the
    /// first such ends the search.
    fn call_in_brackets(&mut self, events: &mut Events) {
        while let Some(open) = self.buffer.find(['{', '[']) {
            let Some(length) = balanced(&self.buffer[open..]) else { return };
            let rest = self.buffer.split_off(open + length);
            let closed = std::mem::replace(&mut self.buffer, rest);
            let mut at = 0;
            while let Some((call, end)) = self.next_call(&closed[at..], true) {
                events.call(call);
                self.found_any = true;
                at += end;
            }
            if !self.found_any {
                self.state = State::Done;
                events.content(&closed);
                events.content(&std::mem::take(&mut self.buffer));
                return;
            }
            if at == 0 {
                events.content(&closed);
            }
        }
    }

    /// The next call in `text`, and the end of what it takes up.
    fn next_call(&self, text: &str, is_done: bool) -> Option<(Call, usize)> {
        if !is_done && self.ends_in_a_name(text) {
            return None;
        }
        let (name, name_end) = self.first_name(text)?;
        let (arguments, object_end) = arguments(text, name)?;
        Some(((name.to_owned(), arguments), name_end.max(object_end)))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|t| t.function.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Might the text end in the middle of a tool's name? `get` must wait for `get_weather`.
    fn ends_in_a_name(&self, text: &str) -> bool {
        self.names().any(|name| overlap(text, name) > 0)
    }

    /// The declared name that occurs first, the longest of several at one place, and its end.
    fn first_name<'s>(&'s self, text: &str) -> Option<(&'s str, usize)> {
        let found = self.names().filter_map(|name| Some((text.find(name)?, name)));
        let (at, name) = found.min_by_key(|&(at, name)| (at, std::cmp::Reverse(name.len())))?;
        Some((name, at + name.len()))
    }
}

/// The arguments for `name` in the first JSON object of `text` that can be read, and its end.
fn arguments(text: &str, name: &str) -> Option<(Map<String, Json>, usize)> {
    let mut at = 0;
    while let Some(start) = text[at..].find('{') {
        let start = at + start;
        let length = balanced(&text[start..])?;
        if let Ok(Json::Object(object)) = serde_json::from_str(&text[start..start + length]) {
            return match search(&object, name, 0) {
                Search::Found(map) => Some((map, start + length)),
                Search::Missing => None,
                Search::Nothing => Some((object, start + length)),
            };
        }
        at = start + 1;
    }
    None
}

enum Search {
    Found(Map<String, Json>),
    /// A call was found, and it has no arguments.
    Missing,
    Nothing,
}

fn search(object: &Map<String, Json>, name: &str, depth: usize) -> Search {
    if depth > MAX_DEPTH {
        return Search::Nothing;
    }
    if object.contains_key("name") {
        let found = ["arguments", "parameters"].iter().find_map(|key| match object.get(*key)? {
            Json::Object(map) => Some(map.clone()),
            Json::String(text) => serde_json::from_str(text).ok(),
            _ => None,
        });
        return found.map_or(Search::Missing, Search::Found);
    }
    if let Some(Json::Object(map)) = object.get(name) {
        return Search::Found(map.clone());
    }
    for value in object.values() {
        let nested: Vec<&Json> = match value {
            Json::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        for inner in nested {
            if let Json::Object(inner) = inner {
                match search(inner, name, depth + 1) {
                    Search::Nothing => {}
                    found => return found,
                }
            }
        }
    }
    Search::Nothing
}

/// What is left of the text after the last call once the marks that close it are taken away.
fn without_closers<'t>(text: &'t str, tag: &str) -> &'t str {
    let close = tag.strip_prefix('<').map(|name| format!("</{name}"));
    let mut rest = text;
    loop {
        let before = rest.len();
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "}],`;".contains(c));
        for mark in close.as_deref().into_iter().chain([tag]).filter(|m| m.len() > 1) {
            rest = rest.strip_prefix(mark).unwrap_or(rest);
        }
        if rest.len() == before {
            return rest;
        }
    }
}
