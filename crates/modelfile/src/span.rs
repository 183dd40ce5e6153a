//! Places in a Modelfile's text.
//!
//! Everything the parser returns points back into the decoded text by byte offsets; line and
//! column are worked out from an offset only when a person wants to read them.

use std::fmt;

/// A range of bytes in the decoded text, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset just past the last character.
    pub end: usize,
}

impl Span {
    /// The span `start..end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Number of bytes covered.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether nothing is covered.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The text this span covers; `None` where `text` is not the text it was taken from.
    pub fn slice(self, text: &str) -> Option<&str> {
        text.get(self.start..self.end)
    }
}

/// A place as an editor shows it: both numbers start at 1, a column is one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, counting `\n`, `\r\n` and a lone `\r` as one line end each.
    pub line: usize,
    /// Column in characters, not in bytes or screen cells.
    pub column: usize,
}

impl Position {
    /// Where the byte at `offset` stands in `text`.
    ///
    /// An offset past the end, or inside a character, is taken back to the nearest character
    /// start before it.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text[..floor_char_boundary(text, offset)];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |i| i + 1);
        let line_ends = before.bytes().filter(|b| matches!(b, b'\n' | b'\r')).count();
        let crlf = before.matches("\r\n").count();
        Self { line: 1 + line_ends - crlf, column: 1 + before[line_start..].chars().count() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, offset: usize) -> (usize, usize) {
        let p = Position::of(text, offset);
        (p.line, p.column)
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        assert_eq!(at("a\nb", 2), (2, 1));
        assert_eq!(at("a\r\nb", 3), (2, 1));
        assert_eq!(at("a\rb", 2), (2, 1));
        assert_eq!(at("a\n\nb", 3), (3, 1));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(at("héé x", "héé ".len()), (1, 5));
    }

    #[test]
    fn offsets_outside_are_taken_back() {
        assert_eq!(at("ab", 99), (1, 3));
        assert_eq!(at("é", 1), (1, 1));
    }
}
