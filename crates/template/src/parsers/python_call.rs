//! Calls written as Python: `name(key="value", list=[1, 2])`.
//!
//! Literals only: strings in either quotes with escapes, numbers, `True`, `False`, `None` (and the
//! JSON spellings), lists, tuples and dictionaries.

use serde_json::{Map, Value as Json};

use super::event::Call;
use super::tagged::Body;

/// Nesting of literals that is read.
const MAX_DEPTH: usize = 64;

/// Calls one after another, separated by line ends, commas or nothing.
pub(super) fn lines(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut reader = Reader { text: body.text, at: 0 };
    let calls = reader.calls(None)?;
    if calls.is_empty() { Err("no call inside the markers".to_owned()) } else { Ok(calls) }
}

/// The same in square brackets.
pub(super) fn list(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut reader = Reader { text: body.text, at: 0 };
    reader.skip_space();
    reader.expect('[')?;
    let calls = reader.calls(Some(']'))?;
    reader.skip_space();
    if reader.at < body.text.len() {
        return Err(format!("unexpected text after the list, at byte {}", reader.at));
    }
    Ok(calls)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.expected(&format!("`{wanted}`"))) }
    }

    fn expected(&self, what: &str) -> String {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("`{c}`"));
        format!("expected {what} at byte {}, found {found}", self.at)
    }

    fn calls(&mut self, close: Option<char>) -> Result<Vec<Call>, String> {
        let mut calls = Vec::new();
        loop {
            self.skip_space();
            while self.take(',') {
                self.skip_space();
            }
            match (self.peek(), close) {
                (None, None) => return Ok(calls),
                (None, Some(close)) => return Err(self.expected(&format!("`{close}`"))),
                (Some(c), Some(close)) if c == close => {
                    self.take(close);
                    return Ok(calls);
                }
                _ => calls.push(self.call()?),
            }
        }
    }

    fn call(&mut self) -> Result<Call, String> {
        let name = self.word()?;
        self.skip_space();
        self.expect('(')?;
        let mut arguments = Map::new();
        loop {
            self.skip_space();
            if self.take(')') {
                return Ok((name.to_owned(), arguments));
            }
            let key = self.word()?;
            self.skip_space();
            self.expect('=')?;
            let value = self.literal(0)?;
            arguments.insert(key.to_owned(), value);
            self.skip_space();
            if !self.take(',') && self.peek() != Some(')') {
                return Err(self.expected("`,` or `)`"));
            }
        }
    }

    /// A name, with the dots and dashes that tools' names may hold.
    fn word(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected("a name"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn literal(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.skip_space();
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.string(quote).map(Json::String),
            Some('[') => self.items('[', ']', depth).map(Json::Array),
            Some('(') => self.items('(', ')', depth).map(Json::Array),
            Some('{') => self.dictionary(depth).map(Json::Object),
            _ => self.scalar(),
        }
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Result<Vec<Json>, String> {
        self.expect(open)?;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.take(close) {
                return Ok(items);
            }
            items.push(self.literal(depth + 1)?);
            self.skip_space();
            if !self.take(',') && self.peek() != Some(close) {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Map<String, Json>, String> {
        self.expect('{')?;
        let mut map = Map::new();
        loop {
            self.skip_space();
            if self.take('}') {
                return Ok(map);
            }
            let key = match self.literal(depth + 1)? {
                Json::String(key) => key,
                other => other.to_string(),
            };
            self.skip_space();
            self.expect(':')?;
            let value = self.literal(depth + 1)?;
            map.insert(key, value);
            self.skip_space();
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        self.expect(quote)?;
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, 'u')) => {
                        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&digits, 16).ok();
                        out.push(
                            code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER),
                        );
                    }
                    Some((_, c @ ('\\' | '"' | '\'' | '/'))) => out.push(c),
                    // Python keeps the backslash of an escape that it does not know.
                    Some((_, c)) => out.extend(['\\', c]),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("a string is not closed".to_owned())
    }

    fn scalar(&mut self) -> Result<Json, String> {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ')' | ']' | '}' | ':');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let value = match word {
            "True" | "true" => Json::Bool(true),
            "False" | "false" => Json::Bool(false),
            "None" | "null" => Json::Null,
            word => match serde_json::from_str(word) {
                Ok(number @ Json::Number(_)) => number,
                _ => return Err(self.expected("a value")),
            },
        };
        self.at += word.len();
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Call>, String> {
        lines(&Body { text, tools: &[] })
    }

    #[test]
    fn literals_of_every_kind_are_read() {
        let calls = read(
            r#"f(a="x\n'y'", b=-1.5, c=[1, 'two', (True, None)], d={'k': {"n": 2}},)
g()"#,
        )
        .unwrap();
        assert_eq!(calls[0].0, "f");
        assert_eq!(
            Json::Object(calls[0].1.clone()),
            serde_json::json!({"a": "x\n'y'", "b": -1.5, "c": [1, "two", [true, null]], "d": {"k": {"n": 2}}})
        );
        assert_eq!(calls[1], ("g".to_owned(), Map::new()));
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for text in ["", "f", "f(", "f(1)", "f(a=)", "f(a=\"x)", "f(a=b)", "1 + 2"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(list(&Body { text: "[f()] more", tools: &[] }).is_err());
        let deep = format!("f(a={})", "[".repeat(100_000));
        assert!(read(&deep).is_err());
    }
}
