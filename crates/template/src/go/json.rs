//! JSON as Go's `encoding/json` writes it: compact, map keys sorted, `<`, `>` and `&` escaped.

use std::fmt::Write as _;

use super::value::{Record, Value};

/// `value` as JSON text; `None` for what JSON cannot say (NaN, infinities).
pub(crate) fn to_json(value: &Value) -> Option<String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Some(out)
}

fn write(out: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Float(x) => write_float(out, *x)?,
        Value::Str(s) => write_string(out, s),
        Value::List(list) => match (list.print(), list.items()) {
            (super::value::Print::LoneBare, [lone]) => write(out, lone)?,
            (_, items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    comma(out, i);
                    write(out, item)?;
                }
                out.push(']');
            }
        },
        Value::Map(map) => {
            out.push('{');
            for (i, (key, value)) in map.entries.iter().enumerate() {
                comma(out, i);
                write_string(out, key);
                out.push(':');
                write(out, value)?;
            }
            out.push('}');
        }
        Value::Record(record) => write_record(out, record)?,
    }
    Some(())
}

fn write_record(out: &mut String, record: &Record) -> Option<()> {
    out.push('{');
    let keyed = record.fields.iter().filter_map(|f| Some((f.json_key?, &f.value)));
    for (i, (key, value)) in keyed.enumerate() {
        comma(out, i);
        write_string(out, key);
        out.push(':');
        write(out, value)?;
    }
    out.push('}');
    Some(())
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

/// Plain digits, or an exponent below 1e-6 and from 1e21.
fn write_float(out: &mut String, x: f64) -> Option<()> {
    if !x.is_finite() {
        return None;
    }
    let magnitude = x.abs();
    let _ = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{x:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                write!(out, "{digits}e+{exponent}")
            }
            _ => write!(out, "{text}"),
        }
    } else {
        write!(out, "{x}")
    };
    Some(())
}

/// A string with the escapes of Go's default encoder.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_html_is_escaped() {
        let value = serde_json::json!({"b": [1, 1.5, null, true], "a": "<&>\n\u{2028}é"});
        assert_eq!(
            to_json(&Value::from(&value)).as_deref(),
            Some(r#"{"a":"\u003c\u0026\u003e\n\u2028é","b":[1,1.5,null,true]}"#)
        );
    }

    #[test]
    fn floats_print_as_go_s_encoder_prints_them() {
        for (x, text) in [
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.000001, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (-0.0, "-0"),
        ] {
            assert_eq!(to_json(&Value::Float(x)).as_deref(), Some(text));
        }
        assert_eq!(to_json(&Value::Float(f64::NAN)), None);
    }
}
