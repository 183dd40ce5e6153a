//! Calls written as JSON objects.

use serde_json::{Deserializer, Map, Value as Json};

use super::event::Call;
use super::tagged::Body;

/// One or more `{"name": ..., "arguments": {...}}`, also in a list.
pub(super) fn calls(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    for value in Deserializer::from_str(body.text.trim()).into_iter::<Json>() {
        match value.map_err(|e| format!("not JSON: {e}"))? {
            Json::Array(items) => {
                for item in items {
                    calls.push(call(item)?);
                }
            }
            other => calls.push(call(other)?),
        }
    }
    if calls.is_empty() { Err("no call inside the markers".to_owned()) } else { Ok(calls) }
}

/// Where an object ends whose opening brace has been read.
pub(super) fn bare_end(text: &str) -> Option<usize> {
    end_at_depth(text, 1)
}

/// The call that a whole reply is, its opening brace having been read; only a declared tool makes
/// a JSON answer a call.
pub(super) fn bare_object(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let text = format!("{{{}", body.text);
    let value = serde_json::from_str(&text).map_err(|e| format!("not JSON: {e}"))?;
    let call = call(value)?;
    if !body.tools.iter().any(|tool| tool.function.name == call.0) {
        return Err(format!("tool `{}` is not declared", call.0));
    }
    Ok(vec![call])
}

/// The call that a JSON object stands for.
///
/// The arguments may be under `arguments` or `parameters`, and may be a text that holds JSON.
pub(super) fn call(value: Json) -> Result<Call, String> {
    let Json::Object(mut object) = value else {
        return Err("a call is a JSON object".to_owned());
    };
    // OpenAI's form wraps the call in `{"type": "function", "function": {...}}`.
    if let Some(Json::Object(inner)) = object.remove("function") {
        object = inner;
    }
    let name = ["name", "tool_name"].into_iter().find_map(|key| object.get(key)?.as_str());
    let name = name.filter(|name| !name.is_empty()).ok_or("the call has no name")?.to_owned();
    let arguments =
        ["arguments", "parameters"].into_iter().find_map(|key| object.shift_remove(key));
    Ok((name, arguments_of(arguments.unwrap_or(Json::Null))?))
}

/// Arguments as an object, also when they are a text that holds one, or absent.
pub(super) fn arguments_of(value: Json) -> Result<Map<String, Json>, String> {
    match value {
        Json::Object(map) => Ok(map),
        Json::Null => Ok(Map::new()),
        Json::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Json::String(text) => match serde_json::from_str(&text) {
            Ok(Json::Object(map)) => Ok(map),
            Ok(_) => Err("the arguments are no JSON object".to_owned()),
            Err(e) => Err(format!("the arguments are not JSON: {e}")),
        },
        _ => Err("the arguments are no JSON object".to_owned()),
    }
}

/// Where the first JSON object or list of `text` ends; `None` while it is open.
///
/// Only brackets outside strings count; whether it is JSON is for the parser to say.
pub(super) fn balanced(text: &str) -> Option<usize> {
    end_at_depth(text, 0)
}

fn end_at_depth(text: &str, mut depth: usize) -> Option<usize> {
    let (mut in_string, mut escaped) = (false, false);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}
