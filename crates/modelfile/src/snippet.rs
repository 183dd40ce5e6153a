//! A message with the line it is about, in the form `rustc` made familiar.
//!
//! ```text
//! error: unknown role "bot", expected "system", "user" or "assistant"
//!  --> Modelfile:3:9
//!   |
//! 3 | MESSAGE bot hello
//!   |         ^^^
//!   = help: ...
//! ```
//!
//! Plain text without colour. Control characters of the source are shown as `·`, tabs as one
//! space, and long lines are cut, so that a hostile file cannot play tricks with a terminal.

use std::fmt;

use crate::charset::is_dropped;
use crate::span::{Position, Span};

/// Characters of a source line that are shown at most.
const MAX_LINE_CHARS: usize = 160;

/// A message and the piece of source it is about; [`Display`](fmt::Display) renders it over
/// several lines, ending with a line end.
#[derive(Debug, Clone)]
pub struct Snippet<'a> {
    level: &'static str,
    message: String,
    span: Span,
    source: &'a str,
    file: &'a str,
    help: Option<String>,
}

impl<'a> Snippet<'a> {
    pub(crate) fn new(
        level: &'static str,
        message: String,
        span: Span,
        source: &'a str,
        file: &'a str,
    ) -> Self {
        Self { level, message, span, source, file, help: None }
    }

    pub(crate) fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// The line the span starts on, and the number of characters to underline in it.
    fn line(&self, position: Position) -> (&'a str, usize) {
        let start = self.span.start.min(self.source.len());
        let line_start = self.source[..start].rfind(['\n', '\r']).map_or(0, |i| i + 1);
        let line_end =
            self.source[start..].find(['\n', '\r']).map_or(self.source.len(), |i| start + i);
        let marked = self.source.get(start..self.span.end.min(line_end)).unwrap_or("");
        let visible = MAX_LINE_CHARS.saturating_sub(position.column - 1);
        (&self.source[line_start..line_end], marked.chars().count().min(visible).max(1))
    }
}

impl fmt::Display for Snippet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = Position::of(self.source, self.span.start);
        let (line, n_marked) = self.line(position);
        let number = position.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}: {}", self.level, self.message)?;
        writeln!(f, "{margin}--> {}:{}:{}", self.file, position.line, position.column)?;
        if position.column <= MAX_LINE_CHARS {
            let shown: String = line.chars().take(MAX_LINE_CHARS).map(displayed).collect();
            let more = if line.chars().nth(MAX_LINE_CHARS).is_some() { "..." } else { "" };
            let indent = " ".repeat(position.column - 1);
            writeln!(f, "{margin} |")?;
            writeln!(f, "{number} | {shown}{more}")?;
            writeln!(f, "{margin} | {indent}{}", "^".repeat(n_marked))?;
        }
        match &self.help {
            Some(help) => writeln!(f, "{margin} = help: {help}"),
            None => Ok(()),
        }
    }
}

fn displayed(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_dropped(c) => '·',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offending_text_is_underlined() {
        let source = "FROM a\nMESSAGE bot hello\n";
        let snippet = Snippet::new("error", "unknown role".into(), Span::new(15, 18), source, "M")
            .help(Some("try `user`".into()));
        assert_eq!(
            snippet.to_string(),
            "error: unknown role\n --> M:2:9\n  |\n2 | MESSAGE bot hello\n  |         ^^^\n  = help: try `user`\n"
        );
    }

    #[test]
    fn hostile_lines_are_tamed() {
        let source = format!("\u{1b}[2J{}", "x".repeat(1000));
        let text = Snippet::new("error", "m".into(), Span::new(0, 900), &source, "M").to_string();
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().all(|l| l.chars().count() < 200), "{text}");
    }

    #[test]
    fn spans_outside_the_source_do_not_panic() {
        let text = Snippet::new("error", "m".into(), Span::new(50, 60), "é", "M").to_string();
        assert!(text.contains("M:1:2"), "{text}");
    }
}
