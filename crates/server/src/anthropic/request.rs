//! A messages request, as a native chat request.

use camelid_api_types::ApiError;
use camelid_api_types::anthropic::ToolChoice as MessageToolChoice;
use camelid_api_types::anthropic::{MessageTool, MessagesRequest, Thinking};
use camelid_api_types::ollama::{
    ChatRequest, Message, Think, ThinkLevel, Tool, ToolChoice, ToolFunction,
};
use serde_json::{Map, Value};

use super::blocks;
use crate::format;
use crate::native_options::NativeOptions;

/// What the tools that a server would run itself begin with in their `type`.
const SERVER_TOOLS: [&str; 2] = ["web_search", "web_fetch"];

/// Translates a request.
///
/// # Errors
/// When something in it cannot be what it is.
pub(super) fn to_native(request: MessagesRequest) -> Result<ChatRequest, ApiError> {
    if request.messages.is_empty() {
        return Err(ApiError::bad_request("messages is required"));
    }
    let options = options(&request);
    let mut messages = Vec::new();
    let system = blocks::system(&request.system)?;
    messages.extend((!system.is_empty()).then(|| Message::system(system)));
    for message in request.messages {
        let turn = blocks::turn(message, &messages)?;
        messages.extend(turn);
    }
    let choice = request.tool_choice.as_ref();
    let config = request.output_config.unwrap_or_default();
    let think = think(request.thinking.as_ref(), config.effort.as_deref())?;
    let format = config.format.or(request.output_format);
    Ok(ChatRequest {
        model: request.model,
        messages,
        tools: tools(request.tools)?,
        tool_choice: choice.map(tool_choice).transpose()?,
        parallel_tool_calls: choice.map(|choice| !choice.disable_parallel_tool_use),
        think,
        keep_alive: request.keep_alive,
        format: format::to_native("output_config.format", format)?,
        stream: Some(request.stream),
        options: Some(options),
        ..ChatRequest::default()
    })
}

/// How many tokens a request may have: a quarter of its characters. Streams begin before anybody
/// has counted.
pub(super) fn estimate_tokens(request: &MessagesRequest) -> u64 {
    fn chars(value: &Value) -> usize {
        match value {
            Value::String(text) => text.chars().count(),
            Value::Array(values) => values.iter().map(chars).sum(),
            Value::Object(map) => map.values().map(chars).sum(),
            _ => 0,
        }
    }
    let messages = request.messages.iter();
    let messages: usize = messages.map(|m| m.role.chars().count() + chars(&m.content)).sum();
    let tools = request.tools.iter();
    let tools: usize = tools
        .map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.to_string().len())
        .sum();
    let n_chars = chars(&request.system) + messages + tools;
    (n_chars as u64 / 4).max(1)
}

fn options(request: &MessagesRequest) -> Map<String, Value> {
    let mut options = NativeOptions::default();
    options
        .set("num_predict", (request.max_tokens > 0).then_some(request.max_tokens))
        .set("temperature", request.temperature)
        .set("top_p", request.top_p)
        .set("top_k", request.top_k)
        .set("stop", request.stop_sequences.clone());
    options.into_map()
}

fn tools(tools: Vec<MessageTool>) -> Result<Vec<Tool>, ApiError> {
    let is_servers = |tool: &MessageTool| SERVER_TOOLS.iter().any(|k| tool.kind.starts_with(k));
    let (servers, own): (Vec<_>, Vec<_>) = tools.into_iter().partition(is_servers);
    if !servers.is_empty() {
        let names: Vec<&str> = servers.iter().map(|tool| tool.name.as_str()).collect();
        tracing::warn!(tools = names.join(", "), "tools that a server runs are not available");
    }
    own.into_iter().map(tool).collect()
}

fn tool(tool: MessageTool) -> Result<Tool, ApiError> {
    let parameters = match tool.input_schema {
        Value::Null => Ok(Default::default()),
        schema => serde_json::from_value(schema),
    };
    let parameters = parameters.map_err(|error| {
        let message = format!("invalid input_schema for tool {:?}: {error}", tool.name);
        ApiError::bad_request(message)
    })?;
    let function = ToolFunction { name: tool.name, description: tool.description, parameters };
    Ok(Tool { kind: "function".to_owned(), function, ..Tool::default() })
}

fn tool_choice(choice: &MessageToolChoice) -> Result<ToolChoice, ApiError> {
    match choice.kind.as_str() {
        "auto" | "" => Ok(ToolChoice::Auto),
        "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        "tool" if !choice.name.is_empty() => Ok(ToolChoice::Named(choice.name.clone())),
        "tool" => Err(ApiError::bad_request("tool_choice of type tool has no name")),
        other => Err(ApiError::bad_request(format!(
            r#"invalid tool_choice: {other:?} (must be "auto", "any", "tool", or "none")"#
        ))),
    }
}

fn think(thinking: Option<&Thinking>, effort: Option<&str>) -> Result<Option<Think>, ApiError> {
    match thinking.map_or("", |thinking| thinking.kind.as_str()) {
        "enabled" => return Ok(Some(Think::On)),
        "disabled" => return Ok(Some(Think::Off)),
        _ => {}
    }
    let level = match effort.unwrap_or_default() {
        "" => return Ok(None),
        "low" => ThinkLevel::Low,
        "medium" => ThinkLevel::Medium,
        "high" | "xhigh" => ThinkLevel::High,
        "max" => ThinkLevel::Max,
        other => {
            return Err(ApiError::bad_request(format!(
                r#"invalid effort: {other:?} (must be "low", "medium", "high", "xhigh", or "max")"#
            )));
        }
    };
    Ok(Some(Think::Level(level)))
}

#[cfg(test)]
mod tests {
    use camelid_api_types::json;
    use serde_json::json;

    use super::*;

    fn native(request: &Value) -> Result<Value, String> {
        let request = json::decode(request.to_string().as_bytes()).expect("a request");
        let native = to_native(request).map_err(|error| error.message)?;
        Ok(serde_json::to_value(native).expect("plain data"))
    }

    #[test]
    fn only_what_is_said_becomes_an_option() {
        let request = json!({
            "model": "m", "max_tokens": 5, "system": [{"type": "text", "text": "Be "},
            {"type": "text", "text": "brief."}], "messages": [{"role": "user", "content": "Hi"}]
        });
        let want = json!({
            "model": "m", "stream": false, "options": {"num_predict": 5},
            "messages": [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"}]
        });
        assert_eq!(native(&request), Ok(want));
    }

    #[test]
    fn everything_that_is_said_is_translated() {
        let request = json!({
            "model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.5, "top_p": 0.25, "top_k": 3, "stop_sequences": ["x"], "stream": true,
            "tools": [{"name": "now", "description": "d", "input_schema": {"type": "object"}},
                {"type": "web_search_20250305", "name": "web_search"}],
            "tool_choice": {"type": "tool", "name": "now", "disable_parallel_tool_use": true},
            "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": "u"}
        });
        let want = json!({
            "model": "m", "stream": true, "think": true,
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": "now", "description": "d",
                "parameters": {"type": "object", "properties": null}}}],
            "tool_choice": {"type": "function", "function": {"name": "now"}},
            "parallel_tool_calls": false,
            "options": {"num_predict": 5, "temperature": 0.5, "top_p": 0.25, "top_k": 3,
                "stop": ["x"]}
        });
        assert_eq!(native(&request), Ok(want));
    }

    #[test]
    fn effort_decides_where_thinking_does_not() {
        let thinking = |kind: &str| Thinking { kind: kind.to_owned(), budget_tokens: None };
        let got = |kind| think(Some(&thinking(kind)), Some("xhigh"));
        assert_eq!(got("disabled"), Ok(Some(Think::Off)));
        assert_eq!(got("adaptive"), Ok(Some(Think::Level(ThinkLevel::High))));
        assert_eq!(think(None, None), Ok(None));
    }

    #[test]
    fn requests_that_cannot_be_are_refused() {
        let cases = [
            (json!({"messages": []}), "messages is required"),
            (
                json!({"tool_choice": {"type": "some"}}),
                r#"invalid tool_choice: "some" (must be "auto", "any", "tool", or "none")"#,
            ),
            (json!({"tool_choice": {"type": "tool"}}), "tool_choice of type tool has no name"),
        ];
        for (change, want) in cases {
            let mut request = json!({"messages": [{"role": "user", "content": "Hi"}]});
            let change = change.as_object().cloned().unwrap_or_default();
            request.as_object_mut().expect("an object").extend(change);
            assert_eq!(native(&request), Err(want.to_owned()));
        }
        let tools = json!([{"name": "x", "input_schema": 5}]);
        let request = json!({"messages": [{"role": "user", "content": "Hi"}], "tools": tools});
        let error = native(&request).expect_err("a number is no schema");
        assert!(error.starts_with(r#"invalid input_schema for tool "x": "#), "{error}");
    }
}
