//! Cohere's calls: a JSON list of `{"tool_call_id", "tool_name", "parameters"}`.

use serde_json::Value as Json;

use super::event::Call;
use super::json_call::{balanced, call};
use super::tagged::Body;

/// The list of actions; when it is not whole, the objects in it that are.
pub(super) fn actions(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let text = body.text.trim();
    let text = text.strip_prefix("```json").unwrap_or(text);
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Array(items)) => items.into_iter().map(call).collect(),
        Ok(other) => call(other).map(|call| vec![call]),
        Err(error) => {
            let calls = salvage(text);
            if calls.is_empty() { Err(format!("not JSON: {error}")) } else { Ok(calls) }
        }
    }
}

fn salvage(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = balanced(&rest[start..]) else { break };
        let (object, after) = rest[start..].split_at(length);
        calls.extend(serde_json::from_str(object).ok().and_then(|json| call(json).ok()));
        rest = after;
    }
    calls
}
