//! The items of a response's input, as native messages.
//!
//! What belongs to one turn of the assistant stands in several items: thinking, text and calls. They
//! are put together again, wherever the text stands among them.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::{Message, ToolCall, ToolCallFunction};
use serde_json::{Map, Value};

use super::options;
use crate::dialect::called_name;

/// The conversation as native messages; none where there is no input.
///
/// # Errors
/// When an item cannot be what it is.
pub(super) fn to_native(input: &Value) -> Result<Vec<Message>, ApiError> {
    match input {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Message::user(text.as_str())]),
        Value::Array(items) => conversation(items),
        _ => Err(ApiError::bad_request("input must be a string or array")),
    }
}

/// A conversation being put together.
#[derive(Default)]
struct Turns {
    messages: Vec<Message>,
    /// Of the assistant's next turn.
    thinking: String,
}

fn conversation(items: &[Value]) -> Result<Vec<Message>, ApiError> {
    let mut turns = Turns::default();
    for (i, item) in items.iter().enumerate() {
        turns
            .add(item)
            .map_err(|error| ApiError::bad_request(format!("input[{i}]: {}", error.message)))?;
    }
    if !turns.thinking.is_empty() {
        turns.assistant();
    }
    Ok(turns.messages)
}

impl Turns {
    fn add(&mut self, item: &Value) -> Result<(), ApiError> {
        let kind = match text(item, "type") {
            Some(kind) => kind,
            None if text(item, "role").is_some() => "message",
            None => {
                return Err(ApiError::bad_request("input item missing required 'type' field"));
            }
        };
        match kind {
            "message" => self.message(item),
            "function_call" => self.call(item),
            "function_call_output" => self.call_output(item),
            "reasoning" => {
                self.thinking.push_str(&thinking(item));
                Ok(())
            }
            "web_search_call" => Ok(()),
            other => Err(ApiError::bad_request(format!("unknown input item type: {other:?}"))),
        }
    }

    /// The assistant's turn that is being put together: the last message, unless it is another's.
    fn assistant(&mut self) -> &mut Message {
        let goes_on = self.thinking.is_empty()
            && self.messages.last().is_some_and(|last| last.role == "assistant");
        if !goes_on {
            let thinking = std::mem::take(&mut self.thinking);
            self.messages.push(Message { thinking, ..Message::assistant("") });
        }
        self.messages.last_mut().expect("because one was pushed if there was none")
    }

    fn message(&mut self, item: &Value) -> Result<(), ApiError> {
        let message = content(item.get("content").unwrap_or(&Value::Null))?;
        // The newer word for the same role, which templates do not know.
        let role = match text(item, "role").unwrap_or_default() {
            "developer" => "system".to_owned(),
            role => role.to_lowercase(),
        };
        if role != "assistant" {
            self.messages.push(Message { role, ..message });
            return Ok(());
        }
        // Text beside calls belongs to their turn; text after text is a turn of its own.
        let has_text = self.thinking.is_empty()
            && self.messages.last().is_some_and(|l| l.role == "assistant" && !l.content.is_empty());
        if has_text {
            self.messages.push(Message { role, ..message });
        } else {
            let turn = self.assistant();
            turn.content = message.content;
            turn.images = message.images;
        }
        Ok(())
    }

    fn call(&mut self, item: &Value) -> Result<(), ApiError> {
        let arguments: Map<String, Value> = match text(item, "arguments").unwrap_or_default() {
            "" => Map::new(),
            arguments => serde_json::from_str(arguments)
                .map_err(|_| ApiError::bad_request("invalid tool call arguments"))?,
        };
        let owned = |key: &str| text(item, key).unwrap_or_default().to_owned();
        let (id, name) = (owned("call_id"), owned("name"));
        let turn = self.assistant();
        let index = u32::try_from(turn.tool_calls.len()).unwrap_or(u32::MAX);
        turn.tool_calls
            .push(ToolCall { id, function: ToolCallFunction { index, name, arguments } });
        Ok(())
    }

    fn call_output(&mut self, item: &Value) -> Result<(), ApiError> {
        let id = text(item, "call_id").unwrap_or_default();
        let tool_name = called_name(&self.messages, id);
        let output = content(item.get("output").unwrap_or(&Value::Null))?;
        let tool_call_id = id.to_owned();
        self.messages.push(Message { role: "tool".to_owned(), tool_name, tool_call_id, ..output });
        Ok(())
    }
}

fn text<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// What was thought: as it was given out, or else its summary.
fn thinking(item: &Value) -> String {
    if let Some(text) = text(item, "encrypted_content") {
        return text.to_owned();
    }
    let summary = item.get("summary").and_then(Value::as_array);
    summary.into_iter().flatten().filter_map(|part| text(part, "text")).collect()
}

/// A text or a list of parts, as a message without a role.
fn content(content: &Value) -> Result<Message, ApiError> {
    let mut message = Message::default();
    match content {
        Value::String(text) => message.content.push_str(text),
        Value::Array(parts) => {
            for part in parts {
                match text(part, "type").unwrap_or_default() {
                    "input_text" | "output_text" | "text" => {
                        message.content.push_str(text(part, "text").unwrap_or_default());
                    }
                    "input_image" => {
                        let url = text(part, "image_url").unwrap_or_default();
                        message.images.push(options::image(url)?);
                    }
                    "refusal" => {}
                    "input_file" => {
                        let message = "file inputs are not currently supported";
                        return Err(ApiError::bad_request(message));
                    }
                    other => {
                        let message = format!("unknown content type: {other}");
                        return Err(ApiError::bad_request(message));
                    }
                }
            }
        }
        Value::Null => {}
        _ => return Err(ApiError::bad_request("content must be a string or array")),
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn native(input: &Value) -> Result<Value, String> {
        let messages = to_native(input).map_err(|error| error.message)?;
        Ok(serde_json::to_value(messages).expect("plain data"))
    }

    #[test]
    fn a_text_is_a_users_and_nothing_is_nothing() {
        assert_eq!(native(&json!("Hi")), Ok(json!([{"role": "user", "content": "Hi"}])));
        assert_eq!(native(&json!(null)), Ok(json!([])));
        assert_eq!(native(&json!("")), Ok(json!([])));
    }

    #[test]
    fn a_turns_items_are_put_together() {
        let got = native(&json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Weather"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8="}]},
            {"type": "reasoning", "encrypted_content": "Hm."},
            {"type": "function_call", "call_id": "c1", "name": "w", "arguments": "{\"a\":1}"},
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "c2", "name": "w"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"type": "function_call_output", "call_id": "c2",
                "output": [{"type": "input_text", "text": "rain"}]},
            {"type": "message", "role": "assistant", "content": "Both."},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "So."}]},
        ]));
        let call = |index: u32, id: &str, arguments: Value| json!({"id": id, "function": {"index": index, "name": "w", "arguments": arguments}});
        let want = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather", "images": ["aGVsbG8="]},
            {"role": "assistant", "content": "I look.", "thinking": "Hm.",
                "tool_calls": [call(0, "c1", json!({"a": 1})), call(1, "c2", json!({}))]},
            {"role": "tool", "content": "sunny", "tool_name": "w", "tool_call_id": "c1"},
            {"role": "tool", "content": "rain", "tool_name": "w", "tool_call_id": "c2"},
            {"role": "assistant", "content": "Both."},
            {"role": "assistant", "content": "", "thinking": "So."},
        ]);
        assert_eq!(got, Ok(want));
    }

    #[test]
    fn refusals_name_the_item() {
        let cases = [
            (json!([{"type": "x"}]), r#"input[0]: unknown input item type: "x""#),
            (json!(["Hi"]), "input[0]: input item missing required 'type' field"),
            (
                json!([{"role": "user", "content": [{"type": "input_file"}]}]),
                "input[0]: file inputs are not currently supported",
            ),
            (
                json!([{"role": "user", "content": [{"type": "smell"}]}]),
                "input[0]: unknown content type: smell",
            ),
            (json!(5), "input must be a string or array"),
        ];
        for (input, want) in cases {
            assert_eq!(native(&input), Err(want.to_owned()));
        }
    }
}
