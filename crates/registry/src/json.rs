//! JSON as Go's encoder writes it.
//!
//! Blobs are named by the digest of their bytes, so two programs share a configuration blob only
//! if they write the same JSON to the byte: no blanks, `<`, `>`, `&`, U+2028 and U+2029 escaped,
//! whole floats without a decimal point, and a line end after the document. The order of keys is
//! that of the value.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// `value` in Go's spelling, followed by a line end.
///
/// # Errors
/// If the value cannot be JSON: a map with keys that are no strings, or a failing serializer.
///
/// ```
/// let bytes = camelid_registry::to_json_line(&serde_json::json!({"stop": ["<|end|>"], "top_p": 1.0}))?;
/// assert_eq!(bytes, b"{\"stop\":[\"\\u003c|end|\\u003e\"],\"top_p\":1}\n");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn to_json_line(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, GoFormatter))?;
    bytes.push(b'\n');
    Ok(bytes)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            let escaped = chars.next().map_or(0, u32::from);
            write!(writer, "\\u{escaped:04x}")?;
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        write_float(writer, f64::from(value), || value.to_string(), format!("{value:e}"))
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write_float(writer, value, || value.to_string(), format!("{value:e}"))
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: serde_json::ser::CharEscape,
    ) -> io::Result<()> {
        CompactFormatter.write_char_escape(writer, escape)
    }
}

/// The shortest digits that read back; an exponent of at least two digits below 1e-6 and from
/// 1e21 on, as in JavaScript.
fn write_float<W: ?Sized + Write>(
    writer: &mut W,
    value: f64,
    plain: impl FnOnce() -> String,
    exponential: String,
) -> io::Result<()> {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let (digits, exponent) = exponential.split_once('e').unwrap_or((&exponential, "0"));
        let sign = if exponent.starts_with('-') { '-' } else { '+' };
        let exponent = exponent.trim_start_matches('-');
        // Go's encoder drops the leading zero of a two-digit negative exponent: 1e-7, 1e+21.
        return write!(writer, "{digits}e{sign}{exponent}");
    }
    writer.write_all(plain().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use serde_json::{Value, json};

    fn line(value: &Value) -> String {
        String::from_utf8(to_json_line(value).unwrap()).unwrap()
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            line(&json!("a<b>&c\u{2028}é\"\n\\")),
            "\"a\\u003cb\\u003e\\u0026c\\u2028é\\\"\\n\\\\\"\n"
        );
    }

    #[test]
    fn floats_are_as_short_as_in_go() {
        for (value, text) in [
            (0.3, "0.3\n"),
            (1.0, "1\n"),
            (-2.0, "-2\n"),
            (0.0, "0\n"),
            (1e20, "100000000000000000000\n"),
            (1e21, "1e+21\n"),
            (1.5e-7, "1.5e-7\n"),
            (0.000001, "0.000001\n"),
            (1048576.0, "1048576\n"),
        ] {
            assert_eq!(line(&json!(value)), text);
        }
        assert_eq!(to_json_line(&0.7f32).unwrap(), b"0.7\n");
    }

    #[test]
    fn known_blobs_have_their_known_digests() {
        // Digests that Ollama's own tests record for these documents.
        let digest = |value| Digest::of(line(&value).as_bytes()).hex();
        let params = json!({"stop": ["USER:", "ASSISTANT:"], "temperature": 1.0, "top_k": 10});
        assert!(digest(params).starts_with("1d0ad71299d4"));
        let params =
            json!({"stop": ["USER:", "ASSISTANT:"], "temperature": 0.6, "top_k": 10, "top_p": 0.7});
        assert!(digest(params).starts_with("e29a7b3c4728"));
        let stops = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"];
        assert!(digest(json!({ "stop": stops })).starts_with("0d79f567714c"));
    }
}
