//! The turns of a chat request, as native messages.
//!
//! Content that is a list of parts becomes a message for each part, as Ollama does it; what belongs
//! to the whole turn (calls, thinking, the name of a tool) goes with the last.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::{self, ImageData, Message};
use camelid_api_types::openai::{ChatMessage, ToolCall};
use serde_json::{Map, Value};

use super::options;
use crate::dialect::called_name;

/// The conversation as native messages.
///
/// # Errors
/// When a part, a call or the whole content is not what it can be.
pub(super) fn to_native(messages: Vec<ChatMessage>) -> Result<Vec<Message>, ApiError> {
    let mut native = Vec::with_capacity(messages.len());
    for message in messages {
        let turn = turn(message, &native)?;
        native.extend(turn);
    }
    Ok(native)
}

fn turn(message: ChatMessage, before: &[Message]) -> Result<Vec<Message>, ApiError> {
    let ChatMessage { content, tool_calls, name, tool_call_id, .. } = message;
    // The newer word for the same role, which templates do not know.
    let role = match message.role.as_str() {
        "developer" => "system".to_owned(),
        role => role.to_lowercase(),
    };
    let plain = |content: String| Message::new(role.clone(), content);
    let mut turn = match content {
        Value::String(text) => vec![plain(text)],
        Value::Array(parts) => parts
            .into_iter()
            .map(|content| Ok(Message { role: role.clone(), ..part(content)? }))
            .collect::<Result<_, ApiError>>()?,
        _ if !tool_calls.is_empty() => Vec::new(),
        other => {
            let message = format!("invalid message content type: {}", go_type(&other));
            return Err(ApiError::bad_request(message));
        }
    };
    let has_calls = !tool_calls.is_empty();
    if turn.is_empty() && has_calls {
        turn.push(plain(String::new()));
    }
    if let Some(last) = turn.last_mut() {
        last.tool_calls = tool_calls.into_iter().map(call).collect::<Result<_, _>>()?;
        last.thinking = match message.reasoning {
            reasoning if reasoning.is_empty() => message.reasoning_content,
            reasoning => reasoning,
        };
        if role == "tool" {
            last.tool_name = match name {
                name if name.is_empty() => called_name(before, &tool_call_id),
                name => name,
            };
        }
        last.tool_call_id = tool_call_id;
    }
    Ok(turn)
}

fn part(part: Value) -> Result<Message, ApiError> {
    let invalid = || ApiError::bad_request("invalid message format");
    let text = |key: &str| part.get(key).and_then(Value::as_str);
    match text("type") {
        Some("text") => Ok(Message {
            content: text("text").ok_or_else(invalid)?.to_owned(),
            ..Message::default()
        }),
        Some("image_url") => {
            let image = &part["image_url"];
            let url = image.as_str().or_else(|| image.get("url")?.as_str()).ok_or_else(invalid)?;
            Ok(Message { images: vec![options::image(url)?], ..Message::default() })
        }
        Some("input_audio") => {
            Ok(Message { images: vec![audio(&part["input_audio"])?], ..Message::default() })
        }
        _ => Err(invalid()),
    }
}

fn audio(audio: &Value) -> Result<ImageData, ApiError> {
    let invalid = |detail: &str| ApiError::bad_request(format!("invalid input_audio {detail}"));
    let audio = audio.as_object().ok_or_else(|| invalid("format"))?;
    let data = audio.get("data").and_then(Value::as_str);
    let data = data.ok_or_else(|| invalid("format: missing data"))?;
    ImageData::from_base64(data).map_err(|error| invalid(&format!("base64 data: {error}")))
}

fn call(call: ToolCall) -> Result<ollama::ToolCall, ApiError> {
    let arguments: Map<String, Value> = serde_json::from_str(&call.function.arguments)
        .map_err(|_| ApiError::bad_request("invalid tool call arguments"))?;
    let function =
        ollama::ToolCallFunction { index: call.index, name: call.function.name, arguments };
    Ok(ollama::ToolCall { id: call.id, function })
}

/// What Go calls the type of a value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn native(messages: Value) -> Result<Value, String> {
        let messages = serde_json::from_value(messages).expect("messages");
        let native = to_native(messages).map_err(|error| error.message)?;
        Ok(serde_json::to_value(native).expect("plain data"))
    }

    #[test]
    fn a_round_with_a_tool_is_translated() {
        let got = native(json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}]},
            {"role": "assistant", "content": null, "reasoning": "Hm.", "tool_calls": [
                {"id": "call_1", "type": "function",
                 "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ]));
        let want = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "user", "content": "", "images": ["aGVsbG8="]},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [
                {"id": "call_1", "function":
                    {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}}]},
            {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "call_1"},
        ]);
        assert_eq!(got, Ok(want));
    }

    #[test]
    fn refusals_read_as_clients_know_them() {
        let call = json!([{"function": {"name": "x", "arguments": "nonsense"}}]);
        let cases = [
            (json!({"content": null}), "invalid message content type: <nil>"),
            (json!({"content": 5}), "invalid message content type: float64"),
            (json!({"content": [{"type": "video"}]}), "invalid message format"),
            (json!({"content": [{"type": "text"}]}), "invalid message format"),
            (json!({"content": [{"type": "input_audio"}]}), "invalid input_audio format"),
            (
                json!({"content": [{"type": "input_audio", "input_audio": {}}]}),
                "invalid input_audio format: missing data",
            ),
            (
                json!({"content": [{"type": "input_audio", "input_audio": {"data": "%"}}]}),
                "invalid input_audio base64 data: illegal base64 data at input byte 0",
            ),
            (json!({"content": "", "tool_calls": call}), "invalid tool call arguments"),
        ];
        for (message, want) in cases {
            assert_eq!(native(json!([message])), Err(want.to_owned()));
        }
    }
}
