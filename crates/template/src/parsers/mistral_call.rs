//! Mistral's calls after `[TOOL_CALLS]`: a JSON list in old models, `NAME[ARGS]{...}` in new ones.

use serde_json::Value as Json;

use super::event::Call;
use super::json_call::{self, arguments_of, balanced};
use super::tagged::Body;

const ARGS: &str = "[ARGS]";
/// New models may write an id between the name and the arguments.
const CALL_ID: &str = "[CALL_ID]";

/// Where the block after the marker ends.
pub(super) fn end(text: &str) -> Option<usize> {
    let start = json_start(text)?;
    balanced(&text[start..]).map(|length| start + length)
}

/// Where the JSON starts; `None` until that can be told.
fn json_start(text: &str) -> Option<usize> {
    let first = text.len() - text.trim_start().len();
    match text[first..].chars().next()? {
        '[' | '{' => Some(first),
        _ => {
            let after = text.find(ARGS)? + ARGS.len();
            let blank = text[after..].len() - text[after..].trim_start().len();
            (after + blank < text.len()).then_some(after + blank)
        }
    }
}

/// Reads either form.
pub(super) fn calls(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let Some((head, arguments)) = body.text.split_once(ARGS) else {
        return json_call::calls(body);
    };
    let name = head.split_once(CALL_ID).map_or(head, |(name, _)| name).trim();
    if !body.tools.is_empty() && !body.tools.iter().any(|tool| tool.function.name == name) {
        return Err(format!("tool `{name}` is not declared"));
    }
    Ok(vec![(name.to_owned(), arguments_of(Json::String(arguments.to_owned()))?)])
}
