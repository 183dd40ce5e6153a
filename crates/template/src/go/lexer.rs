//! Cuts a template's text into tokens.
//!
//! Outside `{{` `}}` everything is text. A `-` next to a delimiter, set off by white space, trims
//! the white space of the neighbouring text: `{{- ` before, ` -}}` after. `{{/* */}}` is a comment.

use super::ast::Pos;

/// One token with where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) pos: Pos,
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Bool,
    /// `'x'`
    Char,
    /// Punctuation; the parser wants only the comma.
    Other,
    Assign,
    Declare,
    Field,
    Identifier,
    LeftParen,
    RightParen,
    Number,
    Pipe,
    RawString,
    String,
    Variable,
    /// Words of the language: `if`, `.`, `nil`, ...
    Keyword,
    Eof,
}

/// Why the text is not made of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LexError {
    pub(crate) line: usize,
    /// Line on which the action began.
    pub(crate) action_line: usize,
    pub(crate) message: String,
}

const KEYWORDS: [&str; 11] = [
    "block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with",
];

/// All tokens of `text`, ending with [`Kind::Eof`].
///
/// Tokens are made at once, and an error is kept for the end, so that the parser can first report
/// what is wrong before it, as Go does.
pub(crate) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<LexError>) {
    let mut lexer = Lexer { text, pos: 0, line: 1, action_line: 0, parens: 0, tokens: Vec::new() };
    let error = lexer.run().err();
    lexer.push(Kind::Eof, text.len());
    (lexer.tokens, error)
}

struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    line: usize,
    action_line: usize,
    parens: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    /// Makes a token of the text up to `end`, unless that is an empty text.
    fn push(&mut self, kind: Kind, end: usize) {
        let text = &self.text[self.pos..end];
        if kind != Kind::Text || !text.is_empty() {
            self.tokens.push(Token { kind, pos: self.pos, line: self.line, text });
        }
        self.skip(end);
    }

    fn skip(&mut self, end: usize) {
        self.line += self.text[self.pos..end].matches('\n').count();
        self.pos = end;
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { line: self.line, action_line: self.action_line, message: message.into() })
    }

    fn run(&mut self) -> Result<(), LexError> {
        while let Some(at) = self.rest().find("{{") {
            let open = self.pos + at;
            let trims = trims_before(&self.text[open + 2..]);
            let text = &self.text[self.pos..open];
            let kept = if trims { text.trim_end_matches(is_space).len() } else { text.len() };
            self.push(Kind::Text, self.pos + kept);
            self.skip(open);
            self.open_delim(trims)?;
        }
        self.push(Kind::Text, self.text.len());
        Ok(())
    }

    /// From a `{{` to just after its `}}`.
    fn open_delim(&mut self, trims: bool) -> Result<(), LexError> {
        let marker = if trims { 2 } else { 0 };
        if self.text[self.pos + 2 + marker..].starts_with("/*") {
            return self.comment(marker);
        }
        self.action_line = self.line;
        self.push(Kind::LeftDelim, self.pos + 2);
        self.skip(self.pos + marker);
        self.parens = 0;
        self.inside()
    }

    fn comment(&mut self, marker: usize) -> Result<(), LexError> {
        self.skip(self.pos + 2 + marker);
        let Some(end) = self.rest().find("*/") else { return self.error("unclosed comment") };
        self.skip(self.pos + end + 2);
        match right_delim(self.rest()) {
            Some(width) => self.close(width),
            None => return self.error("comment ends before closing delimiter"),
        }
        Ok(())
    }

    /// Passes a right delimiter of `width` bytes and the white space it trims.
    fn close(&mut self, width: usize) {
        self.skip(self.pos + width);
        if width > 2 {
            let rest = self.rest();
            self.skip(self.pos + rest.len() - rest.trim_start_matches(is_space).len());
        }
    }

    fn inside(&mut self) -> Result<(), LexError> {
        loop {
            if let Some(width) = right_delim(self.rest()) {
                if self.parens > 0 {
                    return self.error("unclosed left paren");
                }
                let (kind, pos, line) = (Kind::RightDelim, self.pos, self.line);
                self.tokens.push(Token { kind, pos, line, text: "}}" });
                self.close(width);
                return Ok(());
            }
            let Some(c) = self.rest().chars().next() else {
                return self.error("unclosed action");
            };
            self.token(c)?;
        }
    }

    fn token(&mut self, c: char) -> Result<(), LexError> {
        let next = self.rest()[c.len_utf8()..].chars().next();
        match c {
            c if is_space(c) => self.space(),
            '=' => self.push(Kind::Assign, self.pos + 1),
            ':' if next == Some('=') => self.push(Kind::Declare, self.pos + 2),
            ':' => return self.error("expected :="),
            '|' => self.push(Kind::Pipe, self.pos + 1),
            '"' => return self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => return self.quoted('\'', Kind::Char, "unterminated character constant"),
            '`' => return self.raw_string(),
            '$' => return self.name(Kind::Variable),
            '.' if !next.is_some_and(|n| n.is_ascii_digit()) => return self.name(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => return self.number(),
            c if is_alphanumeric(c) => return self.word(),
            '(' => {
                self.parens += 1;
                self.push(Kind::LeftParen, self.pos + 1);
            }
            ')' => {
                let Some(parens) = self.parens.checked_sub(1) else {
                    return self.error("unexpected right paren");
                };
                self.parens = parens;
                self.push(Kind::RightParen, self.pos + 1);
            }
            c if c.is_ascii_graphic() => self.push(Kind::Other, self.pos + 1),
            c => return self.error(format!("unrecognized character in action: {}", code_point(c))),
        }
        Ok(())
    }

    /// White space, but for the blank that belongs to a trim marker.
    fn space(&mut self) {
        let rest = self.rest();
        let mut width = rest.len() - rest.trim_start_matches(is_space).len();
        if rest[width..].starts_with("-}}") {
            width -= 1;
        }
        self.push(Kind::Space, self.pos + width);
    }

    fn quoted(&mut self, quote: char, kind: Kind, unclosed: &str) -> Result<(), LexError> {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' => {
                    if matches!(chars.next(), None | Some((_, '\n'))) {
                        break;
                    }
                }
                c if c == quote => {
                    self.push(kind, self.pos + at + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.error(unclosed)
    }

    fn raw_string(&mut self) -> Result<(), LexError> {
        match self.rest()[1..].find('`') {
            Some(end) => self.push(Kind::RawString, self.pos + end + 2),
            None => return self.error("unterminated raw quoted string"),
        }
        Ok(())
    }

    /// `.Field` or `$variable`; alone they are dot and the root.
    fn name(&mut self, kind: Kind) -> Result<(), LexError> {
        let width =
            1 + self.rest()[1..].len() - self.rest()[1..].trim_start_matches(is_alphanumeric).len();
        if width == 1 && kind == Kind::Field {
            self.push(Kind::Keyword, self.pos + 1);
            return Ok(());
        }
        self.check_terminator(width)?;
        self.push(kind, self.pos + width);
        Ok(())
    }

    fn word(&mut self) -> Result<(), LexError> {
        let width = self.rest().len() - self.rest().trim_start_matches(is_alphanumeric).len();
        self.check_terminator(width)?;
        let kind = match &self.rest()[..width] {
            word if KEYWORDS.contains(&word) => Kind::Keyword,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.push(kind, self.pos + width);
        Ok(())
    }

    /// A name must be followed by something that can end one: `.X$Y` is no name.
    fn check_terminator(&self, width: usize) -> Result<(), LexError> {
        let after = &self.rest()[width..];
        match after.chars().next() {
            None => Ok(()),
            Some(c) if is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(_) if after.starts_with("}}") => Ok(()),
            Some(c) => self.error(format!("bad character {}", code_point(c))),
        }
    }

    /// Takes what may be a number; the parser decides whether it is one.
    fn number(&mut self) -> Result<(), LexError> {
        let rest = self.rest();
        let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let sign = rest.len() - unsigned.len();
        let hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
        let mut width = 0;
        for (at, c) in unsigned.char_indices() {
            let before = unsigned[..at].chars().next_back();
            let signs_exponent = matches!(
                (c, before, hexadecimal),
                ('+' | '-', Some('e' | 'E'), false) | ('+' | '-', Some('p' | 'P'), true)
            );
            if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || signs_exponent) {
                break;
            }
            width = at + c.len_utf8();
        }
        let after = &unsigned[width..];
        let ends = after.chars().next().is_none_or(|c| {
            is_space(c) || matches!(c, ',' | '|' | ':' | ')' | '(') || after.starts_with("}}")
        });
        let bad_end = if ends { 0 } else { after.chars().next().map_or(0, char::len_utf8) };
        if width == 0 || !ends {
            let text = &rest[..sign + width + bad_end];
            return self.error(format!("bad number syntax: {text:?}"));
        }
        self.push(Kind::Number, self.pos + sign + width);
        Ok(())
    }
}

/// Does the text after a `{{` begin with a trim marker?
fn trims_before(after: &str) -> bool {
    let mut chars = after.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

/// Width of the right delimiter that `text` begins with, trim marker included.
fn right_delim(text: &str) -> Option<usize> {
    if text.starts_with("}}") {
        return Some(2);
    }
    let first = text.chars().next().filter(|&c| is_space(c))?;
    text[first.len_utf8()..].starts_with("-}}").then_some(first.len_utf8() + 3)
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Go's `%#U`: the code point, and the character itself when it prints.
fn code_point(c: char) -> String {
    if c.is_control() {
        format!("U+{:04X}", u32::from(c))
    } else {
        format!("U+{:04X} '{c}'", u32::from(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let (tokens, error) = tokens(text);
        assert_eq!(error, None);
        tokens.iter().map(|t| t.text).collect()
    }

    fn refusal(text: &str) -> String {
        tokens(text).1.expect("an error").message
    }

    #[test]
    fn trim_markers_trim_and_comments_vanish() {
        assert_eq!(texts("a {{- .B -}} \n c"), ["a", "{{", ".B", "}}", "c", ""]);
        assert_eq!(texts("a {{- /* x }} */ -}} b"), ["a", "b", ""]);
        assert_eq!(texts("a {{-1}}"), ["a ", "{{", "-1", "}}", ""]);
        assert_eq!(texts("x {{/* c */}} y"), ["x ", " y", ""]);
    }

    #[test]
    fn words_and_fields_are_told_apart() {
        let kinds: Vec<Kind> = tokens("{{if .A.B $x true eq}}").0.iter().map(|t| t.kind).collect();
        use Kind::{Bool, Eof, Field, Identifier, Keyword, LeftDelim, RightDelim, Space, Variable};
        let wanted = [
            LeftDelim, Keyword, Space, Field, Field, Space, Variable, Space, Bool, Space,
            Identifier, RightDelim, Eof,
        ];
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn malformed_actions_are_named() {
        for (text, message) in [
            ("{{ .A", "unclosed action"),
            ("{{/* x", "unclosed comment"),
            ("{{/* x */ y}}", "comment ends before closing delimiter"),
            ("{{ \"a\nb\" }}", "unterminated quoted string"),
            ("{{ 'a }}", "unterminated character constant"),
            ("{{ `a }}", "unterminated raw quoted string"),
            ("{{ (1 }}", "unclosed left paren"),
            ("{{ 1) }}", "unexpected right paren"),
            ("{{ .A$b }}", "bad character U+0024 '$'"),
            ("{{ a : b }}", "expected :="),
            ("{{ \u{1} }}", "unrecognized character in action: U+0001"),
        ] {
            assert_eq!(refusal(text), message, "{text}");
        }
    }
}
