//! A request for a response, as a native chat request, and what of it the response repeats.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::{ChatRequest, Message, Tool};
use camelid_api_types::openai::{
    Response, ResponseFormat, ResponseReasoning, ResponsesRequest, TextFormat,
};
use serde_json::{Map, Value, json};

use super::options::think;
use super::response_input;
use crate::format;
use crate::native_options::NativeOptions;

/// The word by which `include` asks for log-probabilities.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Translates a request.
///
/// # Errors
/// When something in it cannot be what it is.
pub(super) fn to_native(request: &ResponsesRequest) -> Result<ChatRequest, ApiError> {
    let mut options = NativeOptions::default();
    options
        .set("num_predict", request.max_output_tokens)
        // Not the model's own, as in chat completions; top_p is another matter here.
        .set("temperature", Some(request.temperature.unwrap_or(1.0)))
        .set("top_p", request.top_p);
    let instructions = request.instructions.as_deref().filter(|text| !text.is_empty());
    let mut messages: Vec<Message> = instructions.map(Message::system).into_iter().collect();
    messages.extend(response_input::to_native(&request.input)?);
    let effort = request.reasoning.as_ref().and_then(|reasoning| reasoning.effort.as_deref());
    Ok(ChatRequest {
        model: request.model.clone(),
        messages,
        tools: tools(&request.tools)?,
        tool_choice: request.tool_choice.clone(),
        parallel_tool_calls: request.parallel_tool_calls,
        keep_alive: request.keep_alive,
        stream: Some(request.stream),
        format: format::to_native("text.format", text_format(request))?,
        think: think(effort)?,
        truncate: (request.truncation.as_deref() == Some("disabled")).then_some(false),
        logprobs: request.include.iter().any(|what| what == LOGPROBS),
        top_logprobs: request.top_logprobs.unwrap_or(0),
        options: Some(options.into_map()),
        ..ChatRequest::default()
    })
}

/// The response before anything has been answered.
pub(super) fn heading(id: String, created_at: i64, request: &ResponsesRequest) -> Response {
    let text = || ResponseFormat { kind: "text".to_owned(), ..ResponseFormat::default() };
    let format = Some(text_format(request).unwrap_or_else(text));
    let reasoning = request.reasoning.as_ref().map(|reasoning| ResponseReasoning {
        effort: reasoning.effort.clone(),
        summary: reasoning.summary.clone(),
    });
    Response {
        id,
        object: "response".to_owned(),
        created_at,
        status: "in_progress".to_owned(),
        model: request.model.clone(),
        instructions: request.instructions.clone(),
        tools: request.tools.iter().map(repeated_tool).collect(),
        tool_choice: request.tool_choice.clone().unwrap_or_default(),
        truncation: request.truncation.clone().unwrap_or_else(|| "disabled".to_owned()),
        parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
        text: TextFormat { format },
        top_p: request.top_p.unwrap_or(1.0),
        top_logprobs: request.top_logprobs.unwrap_or(0),
        temperature: request.temperature.unwrap_or(1.0),
        reasoning,
        max_output_tokens: request.max_output_tokens,
        background: request.background.unwrap_or(false),
        service_tier: "default".to_owned(),
        metadata: request.metadata.clone().unwrap_or_default(),
        ..Response::default()
    }
}

fn text_format(request: &ResponsesRequest) -> Option<ResponseFormat> {
    request.text.as_ref()?.format.clone()
}

/// A tool as the response repeats it: a function always says whether it is strict.
fn repeated_tool(tool: &Value) -> Value {
    let mut tool = tool.clone();
    if let Some(function) =
        tool.as_object_mut().filter(|tool| tool.get("type") == Some(&"function".into()))
    {
        function.entry("strict").or_insert(Value::Null);
    }
    tool
}

fn tools(tools: &[Value]) -> Result<Vec<Tool>, ApiError> {
    let mut native = Vec::new();
    for tool in tools {
        match tool.get("type").and_then(Value::as_str).unwrap_or_default() {
            "function" => native.push(function("", tool)?),
            "namespace" => {
                let prefix = format!("{}.", name_of(tool));
                let members = tool.get("tools").and_then(Value::as_array);
                for member in members.into_iter().flatten() {
                    native.push(function(&prefix, member)?);
                }
            }
            kind => tracing::warn!(kind, "tools that a server runs are not available"),
        }
    }
    Ok(native)
}

fn name_of(tool: &Value) -> &str {
    tool.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn function(prefix: &str, tool: &Value) -> Result<Tool, ApiError> {
    let name = format!("{prefix}{}", name_of(tool));
    let mut function = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
    for key in ["description", "parameters"] {
        if let Some(value) = tool.get(key).filter(|value| !value.is_null()) {
            function.insert(key.to_owned(), value.clone());
        }
    }
    serde_json::from_value(json!({"type": "function", "function": function}))
        .map_err(|error| ApiError::bad_request(format!("invalid tool {name:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use camelid_api_types::json;

    use super::*;

    fn read(request: &Value) -> ResponsesRequest {
        json::decode(request.to_string().as_bytes()).expect("a request")
    }

    #[test]
    fn everything_that_is_said_is_translated() {
        let request = read(&json!({
            "model": "m", "input": "Hi", "instructions": "Be brief.", "max_output_tokens": 5,
            "top_p": 0.5, "reasoning": {"effort": "high"}, "stream": true, "truncation": "disabled",
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "name": "now"},
                {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "f"}]},
                {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "now"}, "parallel_tool_calls": false,
            "include": ["message.output_text.logprobs"], "top_logprobs": 2
        }));
        let tool = |name: &str| {
            json!({"type": "function",
                "function": {"name": name, "parameters": {"type": "", "properties": null}}})
        };
        let want = json!({
            "model": "m", "stream": true, "think": "high", "truncate": false,
            "messages": [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"}],
            "tools": [tool("now"), tool("ns.f")],
            "tool_choice": {"type": "function", "function": {"name": "now"}},
            "parallel_tool_calls": false, "format": {"type": "object"},
            "logprobs": true, "top_logprobs": 2,
            "options": {"num_predict": 5, "temperature": 1.0, "top_p": 0.5}
        });
        let native = to_native(&request).expect("a valid request");
        assert_eq!(serde_json::to_value(native).expect("plain data"), want);
    }

    #[test]
    fn a_response_repeats_its_request() {
        let request = read(&json!({"model": "m", "tools": [{"type": "function", "name": "f"}]}));
        let heading = heading("resp_1".to_owned(), 7, &request);
        let heading = serde_json::to_value(heading).expect("plain data");
        assert_eq!(heading["tools"][0], json!({"type": "function", "name": "f", "strict": null}));
        assert_eq!(heading["text"], json!({"format": {"type": "text"}}));
        assert_eq!((&heading["status"], &heading["usage"]), (&json!("in_progress"), &Value::Null));
    }
}
