//! JSON in the layouts that model families were trained on.
//!
//! Built on Go's encoder: numbers as Go prints them (`1.0` is `1`), and `<`, `>` and `&` escaped
//! unless a family has them plain. Order is the client's, unless sorted.

use camelid_api_types::ollama::Tool;
use serde_json::{Number, Value as Json};

/// Nesting beyond which a value is written as null; requests are cut long before.
const MAX_DEPTH: usize = 128;

/// A layout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    item: &'static str,
    key: &'static str,
    indent: Option<usize>,
    escapes_html: bool,
    sorts: bool,
}

impl Style {
    /// `{"a":1,"b":[1,2]}`
    pub(super) const PLAIN: Self =
        Self { item: ",", key: ":", indent: None, escapes_html: true, sorts: false };
    /// `{"a": 1, "b": [1, 2]}`
    pub(super) const SPACED: Self = Self { item: ", ", key: ": ", ..Self::PLAIN };
    /// [`Style::SPACED`] without escapes.
    pub(super) const SPACED_RAW: Self = Self { escapes_html: false, ..Self::SPACED };
    /// One item per line, four blanks deep.
    pub(super) const INDENTED: Self = Self { item: ",", key: ": ", indent: Some(4), ..Self::PLAIN };
    /// [`Style::PLAIN`] without escapes.
    pub(super) const PLAIN_RAW: Self = Self { escapes_html: false, ..Self::PLAIN };

    pub(super) fn write(self, value: &Json) -> String {
        let mut out = String::new();
        self.value(&mut out, value, 0);
        out
    }

    fn value(self, out: &mut String, value: &Json, depth: usize) {
        match value {
            _ if depth > MAX_DEPTH => out.push_str("null"),
            Json::Null => out.push_str("null"),
            Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Json::Number(n) => out.push_str(&number(n)),
            Json::String(s) => self.string(out, s),
            Json::Array(items) => {
                self.list(out, depth, ('[', ']'), items, |out, item| {
                    self.value(out, item, depth + 1);
                });
            }
            Json::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                if self.sorts {
                    entries.sort_by_key(|(key, _)| *key);
                }
                self.list(out, depth, ('{', '}'), &entries, |out, (key, value)| {
                    self.string(out, key);
                    out.push_str(self.key);
                    self.value(out, value, depth + 1);
                });
            }
        }
    }

    fn list<T>(
        self,
        out: &mut String,
        depth: usize,
        (open, close): (char, char),
        items: &[T],
        mut each: impl FnMut(&mut String, &T),
    ) {
        let line = |out: &mut String, depth: usize| {
            if let Some(indent) = self.indent {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * depth));
            }
        };
        out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(self.item);
            }
            line(out, depth + 1);
            each(out, item);
        }
        if !items.is_empty() {
            line(out, depth);
        }
        out.push(close);
    }

    fn string(self, out: &mut String, text: &str) {
        if self.escapes_html {
            crate::go::write_json_string(out, text);
            return;
        }
        let mut quoted = String::new();
        crate::go::write_json_string(&mut quoted, text);
        // Only the three characters are ever written in this form by that function.
        for (escape, plain) in [("\\u003c", "<"), ("\\u003e", ">"), ("\\u0026", "&")] {
            quoted = unescape(&quoted, escape, plain);
        }
        out.push_str(&quoted);
    }
}

/// Replaces `escape`, unless its backslash is itself escaped.
fn unescape(text: &str, escape: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(escape) {
            out.push_str(plain);
            rest = after;
        } else {
            // The backslash and what it escapes, which is one ASCII character.
            out.push_str(&rest[..2]);
            rest = &rest[2..];
        }
    }
    out.push_str(rest);
    out
}

/// A number as Go prints a float that it read from JSON.
pub(super) fn number(n: &Number) -> String {
    if n.is_i64() || n.is_u64() {
        return n.to_string();
    }
    let float = crate::go::Value::Float(n.as_f64().unwrap_or_default());
    float.to_json().unwrap_or_else(|| n.to_string())
}

/// A tool as JSON, in Ollama's order of keywords and the client's order of properties.
pub(super) fn tool(tool: &Tool) -> Json {
    // A tool is plain data; there is nothing in it that JSON cannot say.
    serde_json::to_value(tool).unwrap_or_default()
}

/// A tool's function with its description, also where that is empty.
pub(super) fn function(tool: &Tool) -> Json {
    let mut json = self::tool(tool)["function"].take();
    let mut out = serde_json::Map::new();
    out.insert("name".to_owned(), tool.function.name.as_str().into());
    out.insert("description".to_owned(), tool.function.description.as_str().into());
    out.insert("parameters".to_owned(), json["parameters"].take());
    Json::Object(out)
}

/// An argument as text: strings bare, all else as JSON.
pub(super) fn bare(value: &Json, style: Style) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => style.write(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layouts_differ_in_blanks_escapes_and_order() {
        let value = json!({"b": [1.0, "<\\u003c>"], "a": {}});
        assert_eq!(Style::PLAIN.write(&value), r#"{"b":[1,"\u003c\\u003c\u003e"],"a":{}}"#);
        assert_eq!(Style::SPACED_RAW.write(&value), r#"{"b": [1, "<\\u003c>"], "a": {}}"#);
        assert_eq!(
            Style::INDENTED.write(&value),
            "{\n    \"b\": [\n        1,\n        \"\\u003c\\\\u003c\\u003e\"\n    ],\n    \"a\": {}\n}"
        );
    }
}
