//! Splits thinking from the answer by the two tags of a Go template.
//!
//! Only a reply that begins with the opening tag (or whose prompt ended with it) is split, and only
//! at the first pair: a tag later in the text is text.

use crate::prompt::ThinkingTags;

use super::event::{Events, Reply};
use super::hold::overlap;

enum State {
    /// Before the opening tag, if there is one.
    Looking,
    /// After it, skipping white space.
    Opened,
    Thinking,
    /// After the closing tag, skipping white space.
    Closed,
    Done,
}

/// The machine for one reply; what is not thinking comes out as a text of its own.
pub(super) struct ThinkingSplitter {
    tags: ThinkingTags,
    state: State,
    buffer: String,
}

impl ThinkingSplitter {
    /// `is_open` says that the prompt itself ends with the opening tag.
    pub(super) fn new(tags: ThinkingTags, is_open: bool) -> Self {
        let state = if is_open { State::Opened } else { State::Looking };
        Self { tags, state, buffer: String::new() }
    }

    /// Adds thinking to `events` and returns the rest of what can be told by now.
    pub(super) fn push(&mut self, piece: &str, events: &mut Events) -> String {
        self.buffer.push_str(piece);
        let mut content = String::new();
        while self.step(events, &mut content) {}
        content
    }

    /// What was held back.
    pub(super) fn finish(&mut self, events: &mut Events) -> String {
        let rest = std::mem::take(&mut self.buffer);
        match self.state {
            State::Thinking => {
                events.thinking(&rest);
                String::new()
            }
            State::Opened | State::Closed => String::new(),
            State::Looking | State::Done => rest,
        }
    }

    fn step(&mut self, events: &mut Events, content: &mut String) -> bool {
        match self.state {
            State::Looking => {
                let text = self.buffer.trim_start();
                if let Some(rest) = text.strip_prefix(self.tags.open.as_str()) {
                    self.buffer = rest.to_owned();
                    self.state = State::Opened;
                } else if text.is_empty() || overlap(text, &self.tags.open) == text.len() {
                    return false;
                } else {
                    self.state = State::Done;
                }
            }
            State::Opened => return self.skip_space(State::Thinking),
            State::Closed => return self.skip_space(State::Done),
            State::Thinking => {
                let close = &self.tags.close;
                let Some(at) = self.buffer.find(close.as_str()) else {
                    let kept = self.buffer.len() - overlap(&self.buffer, close);
                    events.thinking(&self.buffer[..kept]);
                    self.buffer.drain(..kept);
                    return false;
                };
                events.thinking(&self.buffer[..at]);
                self.buffer.drain(..at + close.len());
                self.state = State::Closed;
            }
            State::Done => {
                content.push_str(&self.buffer);
                self.buffer.clear();
                return false;
            }
        }
        true
    }

    fn skip_space(&mut self, next: State) -> bool {
        let n_blank = self.buffer.len() - self.buffer.trim_start().len();
        self.buffer.drain(..n_blank);
        if self.buffer.is_empty() {
            return false;
        }
        self.state = next;
        true
    }
}

/// The thinking at the beginning of a whole text, and the rest of it.
pub(crate) fn split_thinking(tags: &ThinkingTags, text: &str) -> (String, String) {
    let mut splitter = ThinkingSplitter::new(tags.clone(), false);
    let mut events = Events::default();
    let mut content = splitter.push(text, &mut events);
    content += &splitter.finish(&mut events);
    let reply: Reply = events.take().into_iter().collect();
    (reply.thinking, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, is_open: bool) -> (String, String) {
        let tags = ThinkingTags { open: "<think>".into(), close: "</think>".into() };
        let run = |pieces: Vec<String>| {
            let mut splitter = ThinkingSplitter::new(tags.clone(), is_open);
            let mut events = Events::default();
            let mut content = String::new();
            for piece in pieces {
                content += &splitter.push(&piece, &mut events);
            }
            content += &splitter.finish(&mut events);
            let reply: Reply = events.take().into_iter().collect();
            (reply.thinking, content)
        };
        let whole = run(vec![text.to_owned()]);
        assert_eq!(run(text.chars().map(String::from).collect()), whole, "{text}");
        whole
    }

    #[test]
    fn thinking_is_split_at_the_first_pair() {
        for (text, thinking, content) in [
            ("<think>a</think>b", "a", "b"),
            (" \n<think>\na \n</think>\n\nb ", "a \n", "b "),
            ("<think>a</think><think>b</think>c", "a", "<think>b</think>c"),
            ("x <think>a</think>", "", "x <think>a</think>"),
            ("<think>\n</think>\n\nHi", "", "Hi"),
            ("<think>a</thi>b</think>c", "a</thi>b", "c"),
            ("<think>a</thi", "a</thi", ""),
            ("<thi", "", "<thi"),
            ("  hi", "", "  hi"),
        ] {
            assert_eq!(split(text, false), (thinking.to_owned(), content.to_owned()), "{text}");
        }
        assert_eq!(split("a</think>b", true), ("a".to_owned(), "b".to_owned()));
    }
}
