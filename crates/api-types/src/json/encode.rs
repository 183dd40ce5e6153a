//! Writing JSON with the characters escaped that Go escapes.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::ApiError;

/// Compact JSON in which `<`, `>`, `&`, U+2028 and U+2029 are written as `\u` escapes, so that it can
/// stand inside HTML and JavaScript. Any parser reads the same text.
///
/// # Errors
/// `Internal`, when `value`'s own `Serialize` fails or a map key is no text. The wire types never do.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, GoFormatter);
    value.serialize(&mut serializer).map_err(|error| {
        ApiError::internal(format!("answer cannot be written as JSON: {error}"))
    })?;
    Ok(bytes)
}

/// [`encode`] as a text, for JSON that stands inside JSON.
///
/// # Errors
/// As [`encode`].
pub fn encode_text<T: Serialize + ?Sized>(value: &T) -> Result<String, ApiError> {
    String::from_utf8(encode(value)?)
        .map_err(|error| ApiError::internal(format!("answer is not UTF-8: {error}")))
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_escaped) {
            let (plain, from_here) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = from_here.chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_escaped(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markup_is_escaped_in_keys_and_values() {
        let bytes = encode(&json!({"a&b": "<|x|>\u{2028}\u{2029}\n\"é"})).expect("plain data");
        assert_eq!(
            String::from_utf8(bytes).expect("UTF-8"),
            r#"{"a\u0026b":"\u003c|x|\u003e\u2028\u2029\n\"é"}"#
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({"t": "<<>>&&\u{2028}", "n": [1, -0.5, null, true]});
        let bytes = encode(&value).expect("plain data");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON"), value);
    }
}
