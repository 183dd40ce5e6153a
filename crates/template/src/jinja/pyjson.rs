//! JSON as Python's `json.dumps` writes it, which is what models saw in training.
//!
//! Hugging Face's `tojson` is `json.dumps(value, ensure_ascii=False, indent, separators,
//! sort_keys)`: a blank after each comma and colon, no escapes beyond those JSON demands, floats in
//! Python's shortest form (`1.0`, `1e+16`), mapping order kept.

use std::fmt::Write as _;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Nesting at which a value counts as hostile; requests are cut at 64 long before.
const MAX_DEPTH: usize = 128;
/// Widest indentation per level; models use 2 and 4.
const MAX_INDENT: usize = 16;

/// How the text is laid out.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    item_separator: String,
    key_separator: String,
    indent: Option<usize>,
    sort_keys: bool,
    ensure_ascii: bool,
}

impl Layout {
    /// Python's defaults: with an indent, lines end at the comma without a blank.
    pub(super) fn new(indent: Option<usize>) -> Result<Self, Error> {
        if let Some(found) = indent.filter(|&n| n > MAX_INDENT) {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("tojson indent is {found}, at most {MAX_INDENT} is allowed"),
            ));
        }
        Ok(Self {
            item_separator: if indent.is_some() { "," } else { ", " }.to_owned(),
            key_separator: ": ".to_owned(),
            indent,
            sort_keys: false,
            ensure_ascii: false,
        })
    }

    pub(super) fn separators(mut self, item: String, key: String) -> Self {
        (self.item_separator, self.key_separator) = (item, key);
        self
    }

    pub(super) fn sort_keys(mut self, yes: bool) -> Self {
        self.sort_keys = yes;
        self
    }

    pub(super) fn ensure_ascii(mut self, yes: bool) -> Self {
        self.ensure_ascii = yes;
        self
    }
}

/// `value` as JSON text.
pub(super) fn dumps(value: &Value, layout: &Layout) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), layout, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    layout: &'a Layout,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq => self.sequence(value)?,
            ValueKind::Map => self.mapping(value)?,
            other => return Err(refused(other.to_string())),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) {
        match f64::try_from(value.clone()) {
            Ok(float) if !value.is_integer() => self.out.push_str(&float_repr(float)),
            _ => self.out.push_str(&value.to_string()),
        }
    }

    fn sequence(&mut self, value: &Value) -> Result<(), Error> {
        self.open('[')?;
        let mut n_items = 0;
        for item in value.try_iter()? {
            self.begin_item(n_items);
            self.value(&item)?;
            n_items += 1;
        }
        self.close(']', n_items);
        Ok(())
    }

    fn mapping(&mut self, value: &Value) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.layout.sort_keys {
            keys.sort();
        }
        self.open('{')?;
        for (i, key) in keys.iter().enumerate() {
            self.begin_item(i);
            self.key(key)?;
            self.out.push_str(&self.layout.key_separator);
            self.value(&value.get_item(key)?)?;
        }
        self.close('}', keys.len());
        Ok(())
    }

    /// Python turns scalar keys into their JSON text, quoted.
    fn key(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.string(key.as_str().unwrap_or_default()),
            ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                self.out.push('"');
                self.value(key)?;
                self.out.push('"');
            }
            other => return Err(refused(format!("{other} as a key"))),
        }
        Ok(())
    }

    fn open(&mut self, bracket: char) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refused(format!("a value nested deeper than {MAX_DEPTH}")));
        }
        self.out.push(bracket);
        Ok(())
    }

    fn begin_item(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(&self.layout.item_separator);
        }
        self.line_break();
    }

    fn close(&mut self, bracket: char, n_items: usize) {
        self.depth -= 1;
        if n_items > 0 {
            self.line_break();
        }
        self.out.push(bracket);
    }

    fn line_break(&mut self) {
        if let Some(indent) = self.layout.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * self.depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.layout.ensure_ascii && !c.is_ascii()) => self.escaped(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    /// `\uXXXX`, as a surrogate pair where one unit is not enough.
    fn escaped(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(self.out, "\\u{unit:04x}");
        }
    }
}

fn refused(what: String) -> Error {
    Error::new(ErrorKind::BadSerialization, format!("{what} is not JSON serializable"))
}

/// Python's `repr(float)`: shortest digits that read back, exponents from 1e16 and below 1e-4.
pub(super) fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, size) = match exponent.strip_prefix('-') {
            Some(size) => ('-', size),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{size:0>2}");
    }
    let text = format!("{value}");
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;

    fn plain(value: &serde_json::Value) -> String {
        let layout = Layout::new(None).expect("no indent");
        dumps(&Value::from(Serde(value)), &layout).expect("plain JSON")
    }

    #[test]
    fn separators_have_blanks_and_order_is_kept() {
        let value = serde_json::json!({"b": [1, 2.0, null], "a": {"x": true, "e": {}}, "l": []});
        assert_eq!(plain(&value), r#"{"b": [1, 2.0, null], "a": {"x": true, "e": {}}, "l": []}"#);
    }

    #[test]
    fn only_necessary_escapes_are_written() {
        let value = serde_json::json!("é <&> \"q\" \\ \n\u{1}");
        assert_eq!(plain(&value), "\"é <&> \\\"q\\\" \\\\ \\n\\u0001\"");
    }

    #[test]
    fn indent_breaks_lines_without_trailing_blanks() {
        let value = Value::from(Serde(serde_json::json!({"a": [1, 2], "b": {}})));
        let layout = Layout::new(Some(2)).expect("small indent");
        assert_eq!(
            dumps(&value, &layout).expect("plain JSON"),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}"
        );
    }

    #[test]
    fn floats_print_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (123_456_789.125, "123456789.125"),
            (0.0001, "0.0001"),
            (0.0, "0.0"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(float_repr(value), text);
        }
    }

    #[test]
    fn undefined_and_absurd_indents_are_refused() {
        let layout = Layout::new(None).expect("no indent");
        assert!(dumps(&Value::UNDEFINED, &layout).is_err());
        assert!(Layout::new(Some(1000)).is_err());
    }
}
