//! Text to items, one pass, no backtracking.
//!
//! ```text
//! between      blanks and line ends are skipped; `#` starts a comment up to the line end;
//!              anything else starts an instruction
//! instruction  KEYWORD blank value
//!              PARAMETER blank name blank value
//!              MESSAGE blank role blank value
//! value        up to the first line end at which no quote is open (see `text`)
//! ```
//!
//! `#` means a comment only where an instruction could start. Where Ollama insists on exactly one
//! blank after `PARAMETER` and `MESSAGE`, several are accepted here.
//!
//! The items tile the text: put together again they are the source. A mistake becomes an item too,
//! and the scanner goes on at the next line, so that an editor sees the rest of the file.

use crate::charset::{is_blank, is_dropped, is_newline};
use crate::error::{ParseError, ParseErrorKind};
use crate::instruction::{Instruction, Keyword, ParameterName, Role};
use crate::span::Span;
use crate::text::{Quote, Text, ValueBuffer};

/// A stretch of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where it is. Line ends after comments and instructions belong to the blank that follows.
    pub span: Span,
}

/// What a stretch of the source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// Blanks, line ends and characters that nobody can see.
    Blank,
    /// `#` and what follows on its line.
    Comment,
    /// An instruction.
    Command(Box<Command>),
    /// A mistake, up to the end of its line, or of the file for an open quote.
    Invalid(Box<ParseError>),
}

/// An instruction with the places of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it says.
    pub instruction: Instruction,
    /// The whole, from the keyword to the end of the value.
    pub span: Span,
    /// The keyword.
    pub keyword_span: Span,
    /// A parameter's name or a message's role.
    pub name_span: Option<Span>,
    /// The value with its quotes, without blanks around; empty where the value is.
    pub value_span: Span,
}

/// Yields the items of a text in order.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
}

/// A word and the character after it, none at the end of the text.
struct Word {
    span: Span,
    next: Option<char>,
}

type Mistake = (ParseErrorKind, Span);

/// An instruction and the spans of its name, if it has one, and of its value.
type Parts = (Instruction, Option<Span>, Span);

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.pos..].chars().next()
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = &self.text[self.pos..];
        self.pos += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> Word {
        let start = self.pos;
        self.skip_while(belongs);
        Word { span: Span::new(start, self.pos), next: self.peek() }
    }

    fn str(&self, span: Span) -> &'a str {
        &self.text[span.start..span.end]
    }

    fn command(&mut self) -> Result<Command, Mistake> {
        let start = self.pos;
        let (keyword, keyword_span) = self.keyword()?;
        self.skip_while(is_blank);
        let (instruction, name_span, value_span) = match keyword {
            Keyword::Parameter => {
                let (name, name_span) = self.parameter_name()?;
                let (value, value_span) = self.value()?;
                (Instruction::Parameter { name, value }, Some(name_span), value_span)
            }
            Keyword::Message => {
                let (role, role_span) = self.role()?;
                let (content, value_span) = self.value()?;
                (Instruction::Message { role, content }, Some(role_span), value_span)
            }
            Keyword::From => self.plain(Instruction::From)?,
            Keyword::License => self.plain(Instruction::License)?,
            Keyword::Template => self.plain(Instruction::Template)?,
            Keyword::System => self.plain(Instruction::System)?,
            Keyword::Adapter => self.plain(Instruction::Adapter)?,
            Keyword::Draft => self.plain(Instruction::Draft)?,
            Keyword::Renderer => self.plain(Instruction::Renderer)?,
            Keyword::Parser => self.plain(Instruction::Parser)?,
            Keyword::Requires => self.plain(Instruction::Requires)?,
        };
        let span = Span::new(start, value_span.end);
        Ok(Command { instruction, span, keyword_span, name_span, value_span })
    }

    /// Reads what follows a keyword that takes nothing but a value.
    fn plain(&mut self, make: fn(Text) -> Instruction) -> Result<Parts, Mistake> {
        let (value, value_span) = self.value()?;
        Ok((make(value), None, value_span))
    }

    fn keyword(&mut self) -> Result<(Keyword, Span), Mistake> {
        let start = self.pos;
        // The first character is part of the word whatever it is, so that there is a word to show.
        self.pos += self.peek().map_or(0, char::len_utf8);
        let Word { span: Span { end, .. }, next } = self.word(|c| c.is_ascii_alphabetic());
        let span = Span::new(start, end);
        let word = self.str(span);
        match (Keyword::from_word(word), next) {
            (Some(keyword), Some(c)) if is_blank(c) => Ok((keyword, span)),
            (Some(keyword), None | Some('\n' | '\r')) => {
                Err((ParseErrorKind::MissingValue { keyword, next }, span))
            }
            _ => Err((ParseErrorKind::UnknownInstruction { word: word.to_owned(), next }, span)),
        }
    }

    fn parameter_name(&mut self) -> Result<(ParameterName, Span), Mistake> {
        let Word { span, next } = self.word(ParameterName::may_contain);
        let name = self.str(span).to_owned();
        let kind = match next {
            None | Some('\n' | '\r') => ParseErrorKind::MissingParameterValue { name, next },
            Some(c) if is_blank(c) => {
                // Blanks were skipped before it, so a name that a blank ends is not empty.
                let name = ParameterName::new(name).expect("because only its characters were read");
                return Ok((name, span));
            }
            Some(next) => ParseErrorKind::InvalidParameterName { name, next },
        };
        Err((kind, span))
    }

    fn role(&mut self) -> Result<(Role, Span), Mistake> {
        let Word { span, next } = self.word(|c| c.is_ascii_alphabetic());
        let role = self.str(span).to_owned();
        let kind = match (Role::from_word(&role), next) {
            (Some(role), Some(c)) if is_blank(c) => return Ok((role, span)),
            (_, None | Some('\n' | '\r')) => ParseErrorKind::MissingMessageText { role, next },
            (_, Some(next)) => ParseErrorKind::UnknownRole { role, next },
        };
        Err((kind, span))
    }

    /// Reads a value and stops before the line end that ends it.
    fn value(&mut self) -> Result<(Text, Span), Mistake> {
        self.skip_while(|c| is_blank(c) || is_dropped(c));
        let start = self.pos;
        let mut end = start;
        let mut buffer = ValueBuffer::default();
        while let Some(c) = self.peek() {
            if is_newline(c) && buffer.value().is_some() {
                break;
            }
            self.pos += c.len_utf8();
            buffer.push(c);
            if !c.is_whitespace() && !is_dropped(c) {
                end = self.pos;
            }
        }
        match buffer.value() {
            Some(value) => Ok((Text::from_scanned(value), Span::new(start, end))),
            None => {
                let quote = Quote::of(buffer.written());
                let mark = Span::new(start, start + quote.mark().len());
                Err((ParseErrorKind::UnclosedQuote { quote }, mark))
            }
        }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let start = self.pos;
        let first = self.peek()?;
        let kind = if is_blank(first) || is_newline(first) || is_dropped(first) {
            self.skip_while(|c| is_blank(c) || is_newline(c) || is_dropped(c));
            ItemKind::Blank
        } else if first == '#' {
            self.skip_while(|c| !is_newline(c));
            ItemKind::Comment
        } else {
            match self.command() {
                Ok(command) => {
                    self.pos = command.span.end;
                    ItemKind::Command(Box::new(command))
                }
                Err((kind, span)) => {
                    self.skip_while(|c| !is_newline(c));
                    ItemKind::Invalid(Box::new(ParseError::new(kind, span, self.text)))
                }
            }
        };
        Some(Item { kind, span: Span::new(start, self.pos) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> String {
        Scanner::new(text)
            .map(|item| match item.kind {
                ItemKind::Blank => '.',
                ItemKind::Comment => '#',
                ItemKind::Command(_) => 'C',
                ItemKind::Invalid(_) => '!',
            })
            .collect()
    }

    #[test]
    fn items_tile_the_text() {
        let text =
            "# one\r\n  from a \t\nSYSTEM \"x\ny\" \nBOGUS z\nPARAMETER  stop   # no comment";
        let items: Vec<Item> = Scanner::new(text).collect();
        assert_eq!(kinds(text), "#.C.C.!.C");
        let joined: String = items.iter().filter_map(|i| i.span.slice(text)).collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn parts_point_at_their_text() {
        let text = "  parameter stop  \"a b\"  \n";
        let command = Scanner::new(text).find_map(|item| match item.kind {
            ItemKind::Command(command) => Some(command),
            _ => None,
        });
        let command = command.unwrap();
        let slice = |span: Span| span.slice(text).unwrap();
        assert_eq!(slice(command.keyword_span), "parameter");
        assert_eq!(slice(command.name_span.unwrap()), "stop");
        assert_eq!(slice(command.value_span), "\"a b\"");
        assert_eq!(slice(command.span), "parameter stop  \"a b\"");
        assert_eq!(command.instruction.value(), &"a b");
    }

    #[test]
    fn a_mistake_costs_its_line_only() {
        assert_eq!(kinds("BOGUS x\nFROM a"), "!.C");
        assert_eq!(kinds("FROM\nFROM a"), "!.C");
        assert_eq!(kinds("SYSTEM \"open\nFROM a"), "!");
    }

    #[test]
    fn text_after_a_closing_quote_opens_it_again() {
        let text = "SYSTEM \"a\" b\nPARAMETER stop \"x\"\n";
        let item = Scanner::new(text).next().unwrap();
        let ItemKind::Command(command) = item.kind else { panic!("{item:?}") };
        assert_eq!(command.instruction.value(), &"a\" b\nPARAMETER stop \"x");
    }

    #[test]
    fn a_long_run_of_line_ends_in_a_quote_is_read_in_one_pass() {
        let text = format!("SYSTEM \"{}\"", "\n".repeat(1_000_000));
        assert_eq!(kinds(&text), "C");
    }
}
