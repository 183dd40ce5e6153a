//! The functions every Go template has.

use std::cmp::Ordering;

use super::exec::MAX_STRING;
use super::format::{sprint, sprintf, sprintln};
use super::functions::{Call, Context, Function};
use super::value::Value;

type Outcome = Result<Value, String>;
type Eager = fn(&Context, &[Value]) -> Outcome;

/// The table; [`Function::max_args`] is absent where Go's function is variadic.
pub(super) static BUILTINS: &[Function] = &[
    Function { name: "and", min_args: 1, max_args: None, call: Call::And },
    Function { name: "or", min_args: 1, max_args: None, call: Call::Or },
    Function { name: "call", min_args: 1, max_args: None, call: Call::FunctionValue },
    row("not", 1, Some(1), |_, args| Ok(Value::Bool(!args[0].is_true()))),
    row("len", 1, Some(1), |_, args| len(&args[0])),
    row("index", 1, None, |_, args| index(args)),
    row("slice", 1, None, |_, args| slice(args)),
    row("print", 0, None, |_, args| Ok(sprint(args).into())),
    row("println", 0, None, |_, args| Ok(sprintln(args).into())),
    row("printf", 1, None, |_, args| printf(args)),
    row("html", 0, None, |_, args| Ok(html(&text_of(args)).into())),
    row("js", 0, None, |_, args| Ok(js(&text_of(args)).into())),
    row("urlquery", 0, None, |_, args| Ok(urlquery(&text_of(args)).into())),
    row("eq", 1, None, |_, args| eq(args).map(Value::Bool)),
    row("ne", 2, Some(2), |_, args| eq(args).map(|equal| Value::Bool(!equal))),
    row("lt", 2, Some(2), |_, args| lt(args).map(Value::Bool)),
    row("le", 2, Some(2), |_, args| Ok(Value::Bool(lt(args)? || eq(args)?))),
    row("gt", 2, Some(2), |_, args| Ok(Value::Bool(!lt(args)? && !eq(args)?))),
    row("ge", 2, Some(2), |_, args| Ok(Value::Bool(!lt(args)?))),
];

const fn row(
    name: &'static str,
    min_args: usize,
    max_args: Option<usize>,
    call: Eager,
) -> Function {
    Function { name, min_args, max_args, call: Call::Eager(call) }
}

fn len(value: &Value) -> Outcome {
    let n = match value {
        Value::Nil => return Err("len of nil pointer".to_owned()),
        Value::Str(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.entries.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(int(n))
}

fn int(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// A position up to and including `limit`.
fn position(value: &Value, limit: usize) -> Result<usize, String> {
    let n = match value {
        Value::Int(n) => *n,
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    match usize::try_from(n) {
        Ok(at) if at <= limit => Ok(at),
        _ => Err(format!("index out of range: {n}")),
    }
}

/// `index item 1 2` is `item[1][2]`.
fn index(args: &[Value]) -> Outcome {
    let mut item = args[0].clone();
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    for key in &args[1..] {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".to_owned()),
            Value::List(list) => match list.items().get(position(key, list.items().len())?) {
                Some(value) => value.clone(),
                None => return Err("reflect: slice index out of range".to_owned()),
            },
            Value::Str(text) => match text.as_bytes().get(position(key, text.len())?) {
                Some(byte) => Value::Int(i64::from(*byte)),
                None => return Err("reflect: string index out of range".to_owned()),
            },
            Value::Map(map) => match key {
                Value::Str(key) => map.get(key),
                Value::Nil => return Err("value is nil; should be of type string".to_owned()),
                other => {
                    return Err(format!("value has type {}; should be string", other.type_name()));
                }
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// `slice item 1 2` is `item[1:2]`, of lists and of bytes of a string.
fn slice(args: &[Value]) -> Outcome {
    let (item, bounds) = (&args[0], &args[1..]);
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        _ if bounds.len() > 3 => return Err(format!("too many slice indexes: {}", bounds.len())),
        Value::Str(_) if bounds.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::Str(text) => text.len(),
        Value::List(list) => list.items().len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut at = [0, length, length];
    for (slot, bound) in at.iter_mut().zip(bounds) {
        *slot = position(bound, length)?;
    }
    if at[0] > at[1] {
        return Err(format!("invalid slice index: {} > {}", at[0], at[1]));
    }
    if bounds.len() == 3 && at[1] > at[2] {
        return Err(format!("invalid slice index: {} > {}", at[1], at[2]));
    }
    Ok(match item {
        Value::List(list) => list.slice(at[0], at[1]).map_or(Value::Nil, Value::List),
        Value::Str(text) => String::from_utf8_lossy(&text.as_bytes()[at[0]..at[1]]).as_ref().into(),
        _ => Value::Nil,
    })
}

fn printf(args: &[Value]) -> Outcome {
    match &args[0] {
        Value::Str(format) => Ok(sprintf(format, &args[1..], MAX_STRING).into()),
        other => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
    }
}

/// The kinds Go compares, and their values.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    match value {
        Value::Bool(b) => Some(Basic::Bool(*b)),
        Value::Int(n) => Some(Basic::Int(*n)),
        Value::Float(x) => Some(Basic::Float(*x)),
        Value::Str(text) => Some(Basic::Str(text)),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Record(_) => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Is the first equal to any of the others?
fn eq(args: &[Value]) -> Result<bool, String> {
    let (first, others) = (&args[0], &args[1..]);
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Some(x), Some(y)) if std::mem::discriminant(&x) == std::mem::discriminant(&y) => {
            Ok(x == y)
        }
        _ if matches!((a, b), (Value::Nil, _) | (_, Value::Nil)) => {
            Ok(matches!((a, b), (Value::Nil, Value::Nil)))
        }
        (None, None) => Err(format!(
            "non-comparable type {}: {}",
            sprint(std::slice::from_ref(a)),
            a.type_name()
        )),
        _ => Err(incompatible(a, b)),
    }
}

fn lt(args: &[Value]) -> Result<bool, String> {
    const UNORDERED: &str = "invalid type for comparison";
    let (a, b) = (&args[0], &args[1]);
    let (Some(x), Some(y)) = (basic(a), basic(b)) else { return Err(UNORDERED.to_owned()) };
    if std::mem::discriminant(&x) != std::mem::discriminant(&y) {
        return Err(incompatible(a, b));
    }
    if matches!(x, Basic::Bool(_)) {
        return Err(UNORDERED.to_owned());
    }
    Ok(x.partial_cmp(&y) == Some(Ordering::Less))
}

/// What the escaping functions escape: a lone string itself, else what `print` makes.
fn text_of(args: &[Value]) -> String {
    match args {
        [Value::Str(text)] => text.to_string(),
        _ => {
            // Go prints nil as an action would here, not as `print` would.
            let shown: Vec<Value> = args
                .iter()
                .map(|v| if matches!(v, Value::Nil) { "<no value>".into() } else { v.clone() })
                .collect();
            sprint(&shown)
        }
    }
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
