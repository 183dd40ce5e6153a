//! The content blocks of a conversation, as native messages.
//!
//! A turn is one message, but for the results of tools, each of which is a message of its own before
//! the turn's text.

use camelid_api_types::ApiError;
use camelid_api_types::anthropic::InputMessage;
use camelid_api_types::ollama::{ImageData, Message, ToolCall, ToolCallFunction};
use serde_json::{Map, Value};

use crate::dialect::called_name;

/// The system text: blocks are joined as they are.
///
/// # Errors
/// When it is neither a text nor a list.
pub(super) fn system(system: &Value) -> Result<String, ApiError> {
    match system {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(blocks) => Ok(blocks.iter().filter_map(|block| text(block, "text")).collect()),
        _ => Err(ApiError::bad_request("system must be a string or an array of text blocks")),
    }
}

/// One turn, as the messages that follow `before`.
///
/// # Errors
/// When a block cannot be what it is.
pub(super) fn turn(turn: InputMessage, before: &[Message]) -> Result<Vec<Message>, ApiError> {
    let role = turn.role.to_lowercase();
    let blocks = match turn.content {
        Value::String(text) => return Ok(vec![Message::new(role, text)]),
        Value::Array(blocks) => blocks,
        _ => return Err(ApiError::bad_request("content must be a string or an array of blocks")),
    };
    let mut results = Vec::new();
    let mut said = Message::new(role, "");
    for block in &blocks {
        match text(block, "type").unwrap_or_default() {
            "text" => said.content.push_str(text(block, "text").unwrap_or_default()),
            "thinking" => said.thinking.push_str(text(block, "thinking").unwrap_or_default()),
            "image" => said.images.push(image(block)?),
            "tool_use" | "server_tool_use" => {
                let index = u32::try_from(said.tool_calls.len()).unwrap_or(u32::MAX);
                said.tool_calls.push(call(block, index)?);
            }
            "tool_result" | "web_search_tool_result" => results.push(result(block, before)?),
            // Documents, redacted thoughts and the like say nothing to a model here.
            kind => tracing::debug!(kind, "a content block is ignored"),
        }
    }
    let has_said = !said.content.is_empty()
        || !said.thinking.is_empty()
        || !said.images.is_empty()
        || !said.tool_calls.is_empty();
    if has_said || results.is_empty() {
        results.push(said);
    }
    Ok(results)
}

fn text<'a>(block: &'a Value, key: &str) -> Option<&'a str> {
    block.get(key)?.as_str()
}

fn image(block: &Value) -> Result<ImageData, ApiError> {
    let source = block.get("source").filter(|source| source.is_object());
    let source = source.ok_or_else(|| ApiError::bad_request("invalid image source"))?;
    let kind = text(source, "type").unwrap_or_default();
    if kind != "base64" {
        return Err(ApiError::bad_request(format!(
            "invalid image source type: {kind}. Only base64 images are supported."
        )));
    }
    ImageData::from_base64(text(source, "data").unwrap_or_default())
        .map_err(|error| ApiError::bad_request(format!("invalid base64 image data: {error}")))
}

fn call(block: &Value, index: u32) -> Result<ToolCall, ApiError> {
    let required = |key: &str| {
        let value = text(block, key).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| {
            ApiError::bad_request(format!("tool_use block missing required '{key}' field"))
        })
    };
    let arguments = match block.get("input") {
        Some(Value::Object(input)) => input.clone(),
        _ => Map::new(),
    };
    let (id, name) = (required("id")?, required("name")?);
    Ok(ToolCall { id, function: ToolCallFunction { index, name, arguments } })
}

fn result(block: &Value, before: &[Message]) -> Result<Message, ApiError> {
    let tool_call_id = text(block, "tool_use_id").unwrap_or_default().to_owned();
    let tool_name = called_name(before, &tool_call_id);
    let mut message = Message { tool_name, tool_call_id, ..Message::new("tool", "") };
    match block.get("content") {
        Some(Value::String(text)) => message.content.push_str(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                match text(part, "type") {
                    Some("image") => message.images.push(image(part)?),
                    _ => message.content.push_str(text(part, "text").unwrap_or_default()),
                }
            }
        }
        _ => {}
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn native(turns: Value) -> Result<Value, String> {
        let turns: Vec<InputMessage> = serde_json::from_value(turns).expect("turns");
        let mut messages = Vec::new();
        for one in turns {
            let more = turn(one, &messages).map_err(|error| error.message)?;
            messages.extend(more);
        }
        Ok(serde_json::to_value(messages).expect("plain data"))
    }

    #[test]
    fn a_round_with_a_tool_is_translated() {
        let image = json!({"type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}});
        let got = native(json!([
            {"role": "user", "content": [{"type": "text", "text": "Weather"}, image,
                {"type": "text", "text": "?"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}}]},
            {"role": "user", "content": [{"type": "text", "text": "And now?"},
                {"type": "tool_result", "tool_use_id": "t1",
                 "content": [{"type": "text", "text": "sun"}, {"type": "text", "text": "ny"}]}]},
        ]));
        let want = json!([
            {"role": "user", "content": "Weather?", "images": ["aGVsbG8="]},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [{"id": "t1",
                "function": {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}}]},
            {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "t1"},
            {"role": "user", "content": "And now?"},
        ]);
        assert_eq!(got, Ok(want));
    }

    #[test]
    fn refusals_read_as_clients_know_them() {
        let cases = [
            (json!({"type": "image"}), "invalid image source"),
            (
                json!({"type": "image", "source": {"type": "url", "url": "x"}}),
                "invalid image source type: url. Only base64 images are supported.",
            ),
            (
                json!({"type": "image", "source": {"type": "base64", "data": "%"}}),
                "invalid base64 image data: illegal base64 data at input byte 0",
            ),
            (json!({"type": "tool_use"}), "tool_use block missing required 'id' field"),
            (
                json!({"type": "tool_use", "id": "t"}),
                "tool_use block missing required 'name' field",
            ),
        ];
        for (block, want) in cases {
            let turns = json!([{"role": "user", "content": [block]}]);
            assert_eq!(native(turns), Err(want.to_owned()));
        }
        let number = json!([{"role": "user", "content": 5}]);
        assert!(native(number).is_err());
    }
}
