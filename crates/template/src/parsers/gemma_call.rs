//! Gemma's calls: `call:NAME{key:<mark>text<mark>,n:1,list:[...],object:{...}}`.
//!
//! Keys are bare, texts stand between marks (`<escape>` in FunctionGemma, `<|"|>` in Gemma 4), and
//! other values are JSON's scalars; a bare word is a text.

use serde_json::{Map, Value as Json};

use super::event::Call;
use super::tagged::Body;

/// Nesting of values that is read.
const MAX_DEPTH: usize = 64;

/// A call with FunctionGemma's mark.
pub(super) fn function_gemma(body: &Body<'_>) -> Result<Vec<Call>, String> {
    read(body.text, "<escape>")
}

/// A call with Gemma 4's mark.
pub(super) fn gemma4(body: &Body<'_>) -> Result<Vec<Call>, String> {
    read(body.text, "<|\"|>")
}

fn read(text: &str, mark: &str) -> Result<Vec<Call>, String> {
    let text = text.trim().strip_prefix("call:").ok_or("expected `call:`")?;
    let brace = text.find('{').ok_or("expected `{`")?;
    let name = text[..brace].trim();
    if name.is_empty() {
        return Err("the call has no name".to_owned());
    }
    let mut reader = Reader { rest: &text[brace..], mark };
    let arguments = reader.object(0)?;
    match reader.rest.trim() {
        "" => Ok(vec![(name.to_owned(), arguments)]),
        rest => Err(format!("unexpected text after the arguments: {rest:?}")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    mark: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(format!("expected `{wanted}`")) }
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Json>, String> {
        self.expect('{')?;
        let mut map = Map::new();
        while !self.take('}') {
            let key = match self.marked()? {
                Some(key) => key,
                None => {
                    let end = self.rest.find(':').ok_or("expected `:`")?;
                    let (key, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    key.trim()
                }
            };
            self.expect(':')?;
            let value = self.value(depth + 1)?;
            map.insert(key.to_owned(), value);
            if !self.take(',') && !self.rest.starts_with('}') {
                return Err("expected `,` or `}`".to_owned());
            }
        }
        Ok(map)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Json>, String> {
        self.expect('[')?;
        let mut items = Vec::new();
        while !self.take(']') {
            items.push(self.value(depth + 1)?);
            if !self.take(',') && !self.rest.starts_with(']') {
                return Err("expected `,` or `]`".to_owned());
            }
        }
        Ok(items)
    }

    /// A text between marks, if one stands here.
    fn marked(&mut self) -> Result<Option<&'a str>, String> {
        self.rest = self.rest.trim_start();
        let Some(inside) = self.rest.strip_prefix(self.mark) else { return Ok(None) };
        let (text, rest) = inside.split_once(self.mark).ok_or("a text is not closed")?;
        self.rest = rest;
        Ok(Some(text))
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        if let Some(text) = self.marked()? {
            return Ok(Json::from(text));
        }
        match self.rest.chars().next() {
            Some('{') => self.object(depth).map(Json::Object),
            Some('[') => self.list(depth).map(Json::Array),
            Some(_) => Ok(self.scalar()),
            None => Err("expected a value".to_owned()),
        }
    }

    fn scalar(&mut self) -> Json {
        let end = self.rest.find([',', '}', ']']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let word = word.trim();
        match serde_json::from_str(word) {
            Ok(value @ (Json::Bool(_) | Json::Number(_) | Json::Null | Json::String(_))) => value,
            _ => Json::from(word.trim_matches('\'')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_arguments_are_read() {
        let text =
            r#"call:f{a:<|"|>x, {y}<|"|>,n:1.5,ok:true,w:bare,l:[1,<|"|>b<|"|>],o:{k:{z:2}}}"#;
        let calls = read(text, "<|\"|>").unwrap();
        assert_eq!(
            Json::Object(calls[0].1.clone()),
            serde_json::json!({"a": "x, {y}", "n": 1.5, "ok": true, "w": "bare", "l": [1, "b"], "o": {"k": {"z": 2}}})
        );
    }

    #[test]
    fn malformed_calls_are_refused() {
        for text in ["f{}", "call:{}", "call:f", "call:f{a:<|\"|>x}", "call:f{a:1", "call:f{}x"] {
            assert!(read(text, "<|\"|>").is_err(), "{text}");
        }
        assert!(read(&format!("call:f{{a:{}", "[".repeat(100_000)), "x").is_err());
    }
}
