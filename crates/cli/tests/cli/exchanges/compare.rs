//! When two answers are the same.
//!
//! Bodies are compared as values: JSON as JSON, the lines of a stream as a list. The parts of a
//! generated text are put together first, because where an engine cuts its text is its own affair.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Map<String, Value>,
    pub(super) body: String,
}

/// Headers that are the connection's affair, or that only this server sends.
const OTHER_HEADERS: [&str; 5] =
    ["transfer-encoding", "connection", "content-length", "allow", "x-request-id"];

/// Fields that no two runs, stores or machines share.
const VOLATILE: [&str; 22] = [
    "created_at",
    "completed_at",
    "created",
    "modified_at",
    "expires_at",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
    "size",
    "id",
    "item_id",
    "call_id",
    "request_id",
    "version",
    // Written into the file by Ollama's `create`, which makes a new one.
    "general.quantization_version",
    // What only this server tells.
    "prompt_cached_count",
    "prompt_dropped_count",
    "messages_dropped_count",
    "token_count",
    "prompt_tokens_details",
    "cached_tokens",
];

/// The headers that are compared, each one's values in order.
pub(super) fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().map(|name| name.as_str());
    let value = |name: &str| {
        let all: Vec<&str> = headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
        Value::from(all.join(", "))
    };
    names.map(|name| (name.to_owned(), value(name))).collect()
}

/// What differs, if anything does.
pub(super) fn difference(got: &Answer, recorded: &Value) -> Option<String> {
    let status = recorded["status"].as_u64().unwrap();
    if u64::from(got.status) != status {
        return Some(format!("status {} instead of {status}: {}", got.status, got.body));
    }
    let (ours, theirs) = (sorted(&got.headers), sorted(recorded["headers"].as_object().unwrap()));
    if ours != theirs {
        return Some(format!("headers {ours:?} instead of {theirs:?}"));
    }
    let body = recorded["body"].as_str().unwrap();
    let (ours, theirs) = (masked(&got.body), masked(body));
    (ours != theirs).then(|| format!("body\n  {ours}\n  instead of\n  {theirs}"))
}

fn sorted(headers: &Map<String, Value>) -> Vec<(String, Vec<String>)> {
    let compared = headers.iter().filter(|(name, _)| !OTHER_HEADERS.contains(&name.as_str()));
    let values = |text: &str| {
        let mut values: Vec<String> = text.split(", ").map(str::to_owned).collect();
        values.sort();
        values
    };
    let mut headers: Vec<_> =
        compared.map(|(name, value)| (name.clone(), values(value.as_str().unwrap()))).collect();
    headers.sort();
    headers
}

/// A body as a value without what is volatile.
fn masked(body: &str) -> Value {
    let lines: Option<Vec<Value>> = body
        .lines()
        .map(|line| line.strip_prefix("data: ").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.starts_with("event: ") && *line != "[DONE]")
        .map(|line| serde_json::from_str(line).ok())
        .collect();
    let Some(mut values) = lines else { return Value::from(body) };
    values.iter_mut().for_each(mask);
    Value::Array(join_texts(values))
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !VOLATILE.contains(&key.as_str()));
            if let Some(logprob) = object.get_mut("logprob") {
                // Two programs' sums differ in the last digits, and what is all but impossible in
                // more.
                *logprob = format!("{:.0}", logprob.as_f64().unwrap().max(-9.0)).into();
            }
            object.iter_mut().for_each(|(_, value)| mask(value));
            // Their order says nothing.
            for key in ["tensors", "capabilities"] {
                if let Some(Value::Array(values)) = object.get_mut(key) {
                    values.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::String(text) => *text = without_digests(text),
        Value::Number(number) => {
            // 1 and 1.0 are the same number.
            if let Some(x) = number.as_f64() {
                *value = x.into();
            }
        }
        _ => {}
    }
}

/// The weights' digest is another there, where the file was written anew, and with it every digest
/// of what holds it; and so are paths.
fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut n_hex = 0;
    for c in text.chars() {
        out.push(c);
        n_hex = if c.is_ascii_hexdigit() { n_hex + 1 } else { 0 };
        if n_hex == 64 {
            out.truncate(out.len() - 64);
            out.push_str("DIGEST");
        }
    }
    let lines = out.lines().map(|line| match line.split_once("/blobs/") {
        Some((before, blob)) => {
            format!("{} STORE/{blob}", before.split(' ').next().unwrap_or_default())
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Puts the parts of a generated text together.
fn join_texts(parts: Vec<Value>) -> Vec<Value> {
    let mut joined: Vec<Value> = Vec::new();
    for mut part in parts {
        let is_text = ["/response", "/message/content"].iter().any(|at| part.pointer(at).is_some());
        match joined.last_mut().filter(|_| is_text) {
            None => joined.push(part),
            Some(before) => {
                for at in ["/response", "/message/content"] {
                    let text = before.pointer(at).and_then(Value::as_str).map(str::to_owned);
                    if let (Some(text), Some(now)) = (text, part.pointer_mut(at)) {
                        *now = format!("{text}{}", now.as_str().unwrap()).into();
                    }
                }
                for at in ["/message/tool_calls", "/logprobs"] {
                    append(before, &mut part, at);
                }
                *before = part;
            }
        }
    }
    joined
}

/// Puts a list of the part before in front of the same list.
fn append(before: &Value, part: &mut Value, at: &str) {
    let Some(Value::Array(list)) = before.pointer(at) else { return };
    let mut list = list.clone();
    let (parent, key) = at.rsplit_once('/').unwrap();
    let parent = part.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if let Some(Value::Array(more)) = parent.get_mut(key) {
        list.append(more);
    }
    parent.insert(key.to_owned(), list.into());
}
