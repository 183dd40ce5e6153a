//! Go's `fmt`: how values print, and `printf`.
//!
//! `%v` is what an action prints: strings raw, lists `[a b]`, maps `map[k:v]` sorted by key,
//! structs
//! `{a b}`. A value that cannot be printed with a verb prints as `%!verb(type=value)`, as in Go,
//! and is no error. Widths and precisions above Go's own limit of a million are refused its way
//! too.

mod number;
mod spec;

use std::fmt::Write as _;

use super::json::to_json;
use super::value::{List, Map, Print, Record, Value};
use spec::{Directive, Spec, directives};

/// Nesting beyond which a value prints as `...`; requests are cut long before.
const MAX_DEPTH: usize = 100;

/// What an action prints: nil is `<no value>` there, and `<nil>` inside other values.
pub(super) fn print_value(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("<no value>"),
        Value::Str(text) => out.push_str(text),
        value => print(out, 'v', value, &Spec::default(), 0),
    }
}

/// `fmt.Sprint`: a blank between operands when neither is a string.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        let is_string = |v: &Value| matches!(v, Value::Str(_));
        if i > 0 && !is_string(value) && !is_string(&values[i - 1]) {
            out.push(' ');
        }
        print(&mut out, 'v', value, &Spec::default(), 0);
    }
    out
}

/// `fmt.Sprintln`: a blank between all operands and a line end.
pub(super) fn sprintln(values: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        print(&mut out, 'v', value, &Spec::default(), 0);
    }
    out.push('\n');
    out
}

/// `fmt.Sprintf`, stopping once the text is longer than `max_len` bytes.
pub(super) fn sprintf(format: &str, values: &[Value], max_len: usize) -> String {
    let mut out = String::new();
    let (mut next, mut reordered) = (0, false);
    for directive in directives(format) {
        match directive {
            Directive::Text(text) => out.push_str(text),
            Directive::NoVerb => out.push_str("%!(NOVERB)"),
            Directive::Verb(mut spec, verb) => {
                reordered |= spec.resolve(values, &mut next, &mut out);
                verb_to(&mut out, verb, &spec, values, &mut next);
            }
        }
        if out.len() > max_len {
            return out;
        }
    }
    if !reordered && next < values.len() {
        extra(&mut out, &values[next..]);
    }
    out
}

fn verb_to(out: &mut String, verb: char, spec: &Spec, values: &[Value], next: &mut usize) {
    if verb == '%' {
        out.push('%');
    } else if spec.bad_index {
        let _ = write!(out, "%!{verb}(BADINDEX)");
    } else if let Some(value) = values.get(*next) {
        *next += 1;
        print(out, verb, value, spec, 0);
    } else {
        let _ = write!(out, "%!{verb}(MISSING)");
    }
}

fn extra(out: &mut String, values: &[Value]) {
    out.push_str("%!(EXTRA ");
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        match value {
            Value::Nil => out.push_str("<nil>"),
            value => {
                let _ = write!(out, "{}=", value.type_name());
                print(out, 'v', value, &Spec::default(), 0);
            }
        }
    }
    out.push(')');
}

/// Prints `value` with a verb; `depth` counts the values it is inside of.
fn print(out: &mut String, verb: char, value: &Value, spec: &Spec, depth: usize) {
    if depth > MAX_DEPTH {
        out.push_str("...");
        return;
    }
    if verb == 'T' {
        return spec.pad(out, value.type_name());
    }
    if let Some(text) = stringer(value).filter(|_| !spec.sharp || verb != 'v') {
        return print_str(out, verb, &text, spec, value);
    }
    match value {
        Value::Nil if verb == 'v' => spec.pad(out, "<nil>"),
        Value::Bool(b) if matches!(verb, 'v' | 't') => {
            spec.pad(out, if *b { "true" } else { "false" });
        }
        Value::Int(n) if number::int(out, verb, *n, spec) => {}
        Value::Float(x) if number::float(out, verb, *x, spec) => {}
        Value::Str(text) => print_str(out, verb, text, spec, value),
        Value::List(list) => print_list(out, verb, list, spec, depth),
        Value::Map(map) => print_map(out, verb, map, spec, depth),
        Value::Record(record) => print_record(out, verb, record, spec, depth),
        _ => bad_verb(out, verb, value),
    }
}

/// The text of those values that print as something else than their structure.
fn stringer(value: &Value) -> Option<String> {
    match value {
        Value::List(list) => match (list.print(), list.items()) {
            (Print::Json, _) => to_json(value),
            (Print::LoneBare, []) => Some(String::new()),
            (Print::LoneBare, [Value::Str(lone)]) => Some(lone.to_string()),
            _ => None,
        },
        Value::Map(map) if map.print == Print::Json => to_json(value),
        Value::Record(record) if record.print == Print::Json => to_json(value),
        _ => None,
    }
}

fn print_str(out: &mut String, verb: char, text: &str, spec: &Spec, value: &Value) {
    let cut: String;
    let text = match spec.precision {
        Some(n) if verb != 'v' || !spec.sharp => {
            cut = text.chars().take(n).collect();
            &cut
        }
        _ => text,
    };
    match verb {
        'v' if spec.sharp => spec.pad(out, &quote(text)),
        'v' | 's' => spec.pad(out, text),
        'q' => spec.pad(out, &if spec.sharp { raw_quote(text) } else { quote(text) }),
        'x' | 'X' => spec.pad(out, &hex(text.as_bytes(), verb == 'X')),
        _ => bad_verb(out, verb, value),
    }
}

fn print_list(out: &mut String, verb: char, list: &List, spec: &Spec, depth: usize) {
    let go_syntax = spec.sharp && verb == 'v';
    out.push_str(if go_syntax { "[]interface {}{" } else { "[" });
    for (i, item) in list.items().iter().enumerate() {
        if i > 0 {
            out.push_str(if go_syntax { ", " } else { " " });
        }
        print(out, verb, item, spec, depth + 1);
    }
    out.push(if go_syntax { '}' } else { ']' });
}

fn print_map(out: &mut String, verb: char, map: &Map, spec: &Spec, depth: usize) {
    let go_syntax = spec.sharp && verb == 'v';
    out.push_str(if go_syntax { "map[string]interface {}{" } else { "map[" });
    for (i, (key, value)) in map.entries.iter().enumerate() {
        if i > 0 {
            out.push_str(if go_syntax { ", " } else { " " });
        }
        print(out, verb, &Value::Str(key.clone()), spec, depth + 1);
        out.push(':');
        print(out, verb, value, spec, depth + 1);
    }
    out.push(if go_syntax { '}' } else { ']' });
}

fn print_record(out: &mut String, verb: char, record: &Record, spec: &Spec, depth: usize) {
    let go_syntax = spec.sharp && verb == 'v';
    if go_syntax {
        out.push_str(record.type_name);
    }
    out.push('{');
    for (i, field) in record.fields.iter().enumerate() {
        if i > 0 {
            out.push_str(if go_syntax { ", " } else { " " });
        }
        if spec.sharp || spec.plus {
            let _ = write!(out, "{}:", field.name);
        }
        print(out, verb, &field.value, spec, depth + 1);
    }
    out.push('}');
}

fn bad_verb(out: &mut String, verb: char, value: &Value) {
    let _ = write!(out, "%!{verb}(");
    if !matches!(value, Value::Nil) {
        let _ = write!(out, "{}=", value.type_name());
    }
    print(out, 'v', value, &Spec::default(), 0);
    out.push(')');
}

/// A string as a Go literal.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A string in back quotes where Go can write it so.
fn raw_quote(text: &str) -> String {
    if text.chars().any(|c| c == '`' || (c.is_control() && c != '\t')) {
        return quote(text);
    }
    format!("`{text}`")
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    out
}

#[cfg(test)]
mod tests;
