//! From a chat request to the variables that Hugging Face templates read.
//!
//! Templates were written for Python callers: `messages` are mappings of `role`, `content`,
//! `tool_calls` with arguments as an object, `name` and `tool_call_id` on results; `tools` is
//! `none` rather than empty. There is no agreed name for thinking, so the known ones are all set:
//! `enable_thinking` (Qwen, GLM, ...), `thinking` (DeepSeek, Granite), `reasoning_effort`
//! (gpt-oss). Thinking of past turns is given as `reasoning_content` and `thinking`; templates
//! themselves drop it from turns that are over.

use camelid_api_types::ollama::{Message, Think, Tool, ToolCall};
use serde_json::{Map, Value as Json, json};

use super::{JinjaError, JsonContext};

/// What a render of a chat template needs besides the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChatInputs<'a> {
    /// The conversation, oldest turn first.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [Tool],
    /// Ends the prompt with the start of the assistant's turn.
    pub add_generation_prompt: bool,
    /// Text of the token that begins a sequence, empty when the model has none.
    pub bos_token: &'a str,
    /// Text of the token that ends one.
    pub eos_token: &'a str,
    /// Whether to think; absent leaves it to the template.
    pub think: Option<Think>,
    /// Further variables; they win over those above.
    pub extra: Option<&'a JsonContext>,
}

impl ChatInputs<'_> {
    /// The variables as JSON.
    ///
    /// # Errors
    /// [`JinjaError::Shape`] when a tool cannot be written as JSON.
    pub fn to_json(&self) -> Result<JsonContext, JinjaError> {
        let mut context = Map::new();
        let mut set = |key: &str, value: Json| context.insert(key.to_owned(), value);
        set("messages", self.messages.iter().map(message_json).collect());
        set("tools", tools_json(self.tools)?);
        set("add_generation_prompt", self.add_generation_prompt.into());
        set("bos_token", self.bos_token.into());
        set("eos_token", self.eos_token.into());
        if let Some(think) = self.think {
            set("enable_thinking", think.is_on().into());
            set("thinking", think.is_on().into());
            if let Some(level) = think.level() {
                set("reasoning_effort", level.as_str().into());
            }
        }
        for (key, value) in self.extra.into_iter().flatten() {
            set(key, value.clone());
        }
        Ok(context)
    }
}

fn tools_json(tools: &[Tool]) -> Result<Json, JinjaError> {
    if tools.is_empty() {
        return Ok(Json::Null);
    }
    let mut json = serde_json::to_value(tools)
        .map_err(|_| JinjaError::Shape { found: "a tool that is not JSON" })?;
    for tool in json.as_array_mut().into_iter().flatten() {
        if let Some(parameters) = tool.pointer_mut("/function/parameters") {
            sort_schema(parameters, 0);
        }
    }
    Ok(json)
}

/// Nesting of schemas that is put in order; deeper ones keep Ollama's order.
const MAX_SCHEMA_DEPTH: usize = 64;

/// Puts a schema's keywords in the order of OpenAI's and Hugging Face's examples, which models saw
/// in training; the wire types have Ollama's order, with `required` before `properties`.
fn sort_schema(schema: &mut Json, depth: usize) {
    const ORDER: [&str; 8] =
        ["type", "description", "enum", "items", "properties", "required", "anyOf", "$defs"];
    let Json::Object(map) = schema else { return };
    if depth > MAX_SCHEMA_DEPTH {
        return;
    }
    let mut rest = std::mem::take(map);
    for key in ORDER {
        if let Some(value) = rest.shift_remove(key) {
            map.insert(key.to_owned(), value);
        }
    }
    map.append(&mut rest);
    if let Some(Json::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(|property| sort_schema(property, depth + 1));
    }
}

fn message_json(message: &Message) -> Json {
    let mut out = Map::new();
    let mut set = |key: &str, value: Json| out.insert(key.to_owned(), value);
    set("role", message.role.as_str().into());
    set("content", content_json(message));
    if !message.thinking.is_empty() {
        set("reasoning_content", message.thinking.as_str().into());
        set("thinking", message.thinking.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        set("tool_calls", message.tool_calls.iter().map(call_json).collect());
    }
    if !message.tool_call_id.is_empty() {
        set("tool_call_id", message.tool_call_id.as_str().into());
    }
    if !message.tool_name.is_empty() {
        set("name", message.tool_name.as_str().into());
    }
    Json::Object(out)
}

/// The text alone, or images and text as parts, which only templates of vision models know.
fn content_json(message: &Message) -> Json {
    if message.images.is_empty() {
        return message.content.as_str().into();
    }
    let mut parts: Vec<Json> = message.images.iter().map(|_| json!({"type": "image"})).collect();
    parts.push(json!({"type": "text", "text": message.content}));
    parts.into()
}

fn call_json(call: &ToolCall) -> Json {
    let function = json!({"name": call.function.name, "arguments": call.function.arguments});
    let mut out = Map::new();
    if !call.id.is_empty() {
        out.insert("id".to_owned(), call.id.as_str().into());
    }
    out.insert("type".to_owned(), "function".into());
    out.insert("function".to_owned(), function);
    Json::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_round_trip_has_hugging_face_s_form() {
        let call = json!({"id": "c1", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}});
        let messages = [
            Message {
                tool_calls: vec![serde_json::from_value(call).unwrap()],
                ..Message::assistant("")
            },
            Message {
                tool_name: "f".into(),
                tool_call_id: "c1".into(),
                ..Message::new("tool", "3")
            },
        ];
        let inputs =
            ChatInputs { messages: &messages, think: Some(Think::On), ..ChatInputs::default() };
        let context = inputs.to_json().unwrap();
        assert_eq!(
            context["messages"].to_string(),
            json!([
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}}
                ]},
                {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "f"}
            ])
            .to_string()
        );
        assert_eq!(context["tools"], Json::Null);
        assert_eq!(context["enable_thinking"], true);
        assert!(!context.contains_key("reasoning_effort"));
    }
}
