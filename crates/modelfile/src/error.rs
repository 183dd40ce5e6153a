//! Why a text is not a Modelfile.

use std::fmt;

use crate::instruction::{Keyword, Role};
use crate::snippet::Snippet;
use crate::span::{Position, Span};
use crate::suggest;
use crate::text::Quote;

/// A mistake in a Modelfile, and where it is.
///
/// The message names line, column, the offending text and what was expected; [`hint`] adds a
/// guess at what was meant, and [`snippet`] shows the line.
///
/// [`hint`]: ParseError::hint
/// [`snippet`]: ParseError::snippet
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {kind}")]
pub struct ParseError {
    kind: ParseErrorKind,
    span: Span,
    position: Position,
    /// Line number by Ollama's count, for [`ParseError::ollama_message`].
    ollama_line: usize,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A line starts with a word that is no keyword.
    #[error("unknown instruction {word:?}, expected one of {}", KeywordList)]
    UnknownInstruction {
        /// The word as written.
        word: String,
        /// The character that ended the word; none at the end of the file.
        next: Option<char>,
    },
    /// The line, or the file, ends right after a keyword.
    #[error("{keyword} has no value, expected a space and the value on the same line")]
    MissingValue {
        /// The keyword.
        keyword: Keyword,
        /// The character that ended the keyword; none at the end of the file.
        next: Option<char>,
    },
    /// The line, or the file, ends where a parameter's value should start.
    #[error("PARAMETER {name} has no value, expected a space and the value on the same line")]
    MissingParameterValue {
        /// The parameter's name; empty where that is missing too.
        name: String,
        /// The character that ended the name; none at the end of the file.
        next: Option<char>,
    },
    /// A parameter's name goes on with a character that names do not have.
    #[error(
        "parameter name {name:?} is followed by {next:?}, expected letters, digits, `_` or a space"
    )]
    InvalidParameterName {
        /// The name as far as it is one.
        name: String,
        /// The character that stands there.
        next: char,
    },
    /// The line, or the file, ends where a message's text should start.
    #[error("MESSAGE {role} has no text, expected a space and the text on the same line")]
    MissingMessageText {
        /// The role as written; empty where that is missing too.
        role: String,
        /// The character that ended the role; none at the end of the file.
        next: Option<char>,
    },
    /// A message's role is none of the three.
    #[error("unknown role {role:?}, expected \"system\", \"user\" or \"assistant\"")]
    UnknownRole {
        /// The role as written.
        role: String,
        /// The character that ended it, a space unless the role is no word either.
        next: char,
    },
    /// The file ends within a quoted value.
    #[error(
        "the value opened with {} is never closed, expected {} at the end of a line",
        .quote.mark(), .quote.mark()
    )]
    UnclosedQuote {
        /// The quote that is open.
        quote: Quote,
    },
    /// No instruction says what to build on.
    #[error("no FROM instruction, expected one that names a model, a file or a directory")]
    MissingFrom,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, span: Span, text: &str) -> Self {
        let position = Position::of(text, span.start);
        let ollama_line = ollama_line(text, kind.next_char_at(span));
        Self { kind, span, position, ollama_line }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// The offending text's place in the decoded source.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Line and column of the offending text.
    pub fn position(&self) -> Position {
        self.position
    }

    /// A guess at what was meant, for example `` did you mean `PARAMETER stop`? ``.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            ParseErrorKind::UnknownInstruction { word, .. } => suggest::for_instruction(word),
            ParseErrorKind::UnknownRole { role, .. } => {
                let known = Role::ALL.map(Role::as_str);
                suggest::nearest(role, known).map(|role| format!("did you mean `{role}`?"))
            }
            ParseErrorKind::UnclosedQuote { .. } => Some(
                "a quoted value ends only where a line ends with its quote; \
                 text after the closing quote opens it again"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// The error with the line it is on, to show to a person.
    ///
    /// `source` is the text that was parsed; `file` the name to show for it.
    pub fn snippet<'a>(&self, source: &'a str, file: &'a str) -> Snippet<'a> {
        Snippet::new("error", self.kind.to_string(), self.span, source, file).help(self.hint())
    }

    /// The message Ollama gives for the same mistake, for programs that compare it.
    pub fn ollama_message(&self) -> String {
        use ParseErrorKind as K;
        let line = self.ollama_line;
        match &self.kind {
            K::UnknownInstruction { next: None, .. }
            | K::MissingValue { next: None, .. }
            | K::MissingParameterValue { next: None, .. }
            | K::MissingMessageText { next: None, .. }
            | K::UnclosedQuote { .. } => "unexpected EOF".to_owned(),
            K::UnknownInstruction { .. } | K::MissingValue { .. } => {
                format!("(line {line}): command must be one of {}", OllamaList(&KEYWORDS_LOWER))
            }
            K::MissingParameterValue { name: partial, .. }
            | K::InvalidParameterName { name: partial, .. }
            | K::MissingMessageText { role: partial, .. } => format!("unexpected EOF: {partial}"),
            K::UnknownRole { next, role } if !matches!(next, ' ' | '\t') => {
                format!("unexpected EOF: {role}")
            }
            K::UnknownRole { .. } => {
                let roles = Role::ALL.map(Role::as_str);
                format!("(line {line}): message role must be one of {}", OllamaList(&roles))
            }
            K::MissingFrom => "no FROM line".to_owned(),
        }
    }
}

impl ParseErrorKind {
    /// Offset just past the character at which a reader notices the mistake.
    fn next_char_at(&self, span: Span) -> usize {
        use ParseErrorKind as K;
        let next = match self {
            K::UnknownInstruction { next, .. }
            | K::MissingValue { next, .. }
            | K::MissingParameterValue { next, .. }
            | K::MissingMessageText { next, .. } => *next,
            K::InvalidParameterName { next, .. } | K::UnknownRole { next, .. } => Some(*next),
            K::UnclosedQuote { .. } | K::MissingFrom => None,
        };
        span.end + next.map_or(0, char::len_utf8)
    }
}

/// Ollama counts `\r` and `\n` one each, and the offending character with them.
fn ollama_line(text: &str, end: usize) -> usize {
    let read = text.as_bytes().get(..end).unwrap_or(text.as_bytes());
    1 + read.iter().filter(|b| matches!(b, b'\n' | b'\r')).count()
}

/// The keywords as Ollama's message spells them; the order is that of [`Keyword::ALL`].
const KEYWORDS_LOWER: [&str; 11] = [
    "from",
    "license",
    "template",
    "system",
    "adapter",
    "draft",
    "renderer",
    "parser",
    "parameter",
    "message",
    "requires",
];

/// `"a", "b", or "c"`.
struct OllamaList<'a>(&'a [&'a str]);

impl fmt::Display for OllamaList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            let before = match i {
                0 => "",
                _ if i + 1 == self.0.len() => ", or ",
                _ => ", ",
            };
            write!(f, "{before}\"{word}\"")?;
        }
        Ok(())
    }
}

/// `FROM, LICENSE, ...`.
struct KeywordList;

impl fmt::Display for KeywordList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, keyword) in Keyword::ALL.iter().enumerate() {
            let before = if i == 0 { "" } else { ", " };
            write!(f, "{before}{keyword}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_case_list_matches_the_keywords() {
        assert_eq!(Keyword::ALL.map(|k| k.as_str().to_lowercase()), KEYWORDS_LOWER);
    }

    #[test]
    fn messages_say_where_what_and_allowed() {
        let kind = ParseErrorKind::UnknownRole { role: "bot".into(), next: ' ' };
        let error = ParseError::new(kind, Span::new(8, 11), "MESSAGE bot hi");
        assert_eq!(
            error.to_string(),
            "line 1, column 9: unknown role \"bot\", expected \"system\", \"user\" or \"assistant\""
        );
        assert_eq!(
            error.ollama_message(),
            "(line 1): message role must be one of \"system\", \"user\", or \"assistant\""
        );
    }
}
