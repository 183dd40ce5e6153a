//! Messages and tools as values of the template language.
//!
//! They are records, so a misspelt field is an error; the names are Ollama's. Tools, their parts,
//! properties and arguments print as compact JSON when a template uses them as text.

use std::sync::Arc;

use camelid_api_types::ollama::{Message, Think, Tool, ToolCall, ToolParameters, ToolProperty};
use serde_json::Value as Json;

use crate::go::{Field, List, Map, Print, Record, Value};

/// Nesting of a tool's schema that templates can see.
const MAX_DEPTH: usize = 64;

/// The root value of a render.
pub(super) fn root(entries: Vec<(&'static str, Value)>) -> Value {
    Value::Map(Arc::new(entries.into_iter().collect::<Map>()))
}

/// `Think`, `ThinkLevel` and `IsThinkSet`; a plain `true` reads as `medium`.
pub(super) fn think_entries(think: Option<Think>) -> [(&'static str, Value); 3] {
    let level = match think {
        Some(Think::Level(level)) => level.as_str(),
        Some(Think::On) => "medium",
        Some(Think::Off) | None => "",
    };
    [
        ("Think", think.is_some_and(Think::is_on).into()),
        ("ThinkLevel", level.into()),
        ("IsThinkSet", think.is_some().into()),
    ]
}

/// `.Messages`.
pub(super) fn messages(messages: &[Message]) -> Value {
    list(messages.iter().map(message), Print::Go)
}

/// `.Tools`.
pub(super) fn tools(tools: &[Tool]) -> Value {
    list(tools.iter().map(tool), Print::Json)
}

fn list(items: impl Iterator<Item = Value>, print: Print) -> Value {
    Value::List(List::new(items.collect(), print))
}

fn strings(texts: &[String]) -> Value {
    list(texts.iter().map(|t| t.as_str().into()), Print::Go)
}

fn field(name: &'static str, json_key: &'static str, value: Value) -> Field {
    Field { name, json_key: Some(json_key), value }
}

/// A field that JSON leaves out when it is empty.
fn optional(name: &'static str, json_key: &'static str, value: Value) -> Field {
    let json_key = value.is_true().then_some(json_key);
    Field { name, json_key, value }
}

fn record(type_name: &'static str, fields: Vec<Field>, print: Print) -> Value {
    Value::Record(Arc::new(Record { type_name, fields, print }))
}

fn message(message: &Message) -> Value {
    let images = message
        .images
        .iter()
        .map(|image| list(image.0.iter().map(|&byte| Value::Int(i64::from(byte))), Print::Go));
    let fields = vec![
        field("Role", "role", message.role.as_str().into()),
        field("Content", "content", message.content.as_str().into()),
        optional("Thinking", "thinking", message.thinking.as_str().into()),
        optional("Images", "images", list(images, Print::Go)),
        optional("ToolCalls", "tool_calls", list(message.tool_calls.iter().map(call), Print::Go)),
        optional("ToolName", "tool_name", message.tool_name.as_str().into()),
        optional("ToolCallID", "tool_call_id", message.tool_call_id.as_str().into()),
    ];
    record("api.Message", fields, Print::Go)
}

fn call(call: &ToolCall) -> Value {
    let function = &call.function;
    let arguments = function.arguments.iter().map(|(k, v)| (k.as_str(), Value::from(v)));
    let function = vec![
        field("Index", "index", Value::Int(i64::from(function.index))),
        field("Name", "name", function.name.as_str().into()),
        field("Arguments", "arguments", json_map(arguments.collect())),
    ];
    let fields = vec![
        optional("ID", "id", call.id.as_str().into()),
        field("Function", "function", record("api.ToolCallFunction", function, Print::Go)),
    ];
    record("api.ToolCall", fields, Print::Go)
}

fn json_map(map: Map) -> Value {
    Value::Map(Arc::new(Map { print: Print::Json, ..map }))
}

fn tool(tool: &Tool) -> Value {
    let function = vec![
        field("Name", "name", tool.function.name.as_str().into()),
        field("Description", "description", tool.function.description.as_str().into()),
        field("Parameters", "parameters", parameters(&tool.function.parameters)),
    ];
    let fields = vec![
        field("Type", "type", tool.kind.as_str().into()),
        optional_json("Items", "items", tool.items.as_ref()),
        field("Function", "function", record("api.ToolFunction", function, Print::Json)),
    ];
    record("api.Tool", fields, Print::Json)
}

fn optional_json(name: &'static str, json_key: &'static str, json: Option<&Json>) -> Field {
    Field { name, json_key: json.map(|_| json_key), value: json.map_or(Value::Nil, Value::from) }
}

fn parameters(parameters: &ToolParameters) -> Value {
    let properties = parameters.properties.as_ref().map_or(Value::Nil, |map| {
        json_map(map.iter().map(|(k, v)| (k.as_str(), property(v, 0))).collect())
    });
    let fields = vec![
        field("Type", "type", parameters.kind.as_str().into()),
        optional_json("Defs", "$defs", parameters.defs.as_ref()),
        optional_json("Items", "items", parameters.items.as_ref()),
        optional("Required", "required", strings(&parameters.required)),
        field("Properties", "properties", properties),
    ];
    record("api.ToolFunctionParameters", fields, Print::Json)
}

fn property(schema: &ToolProperty, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Nil;
    }
    let nested = schema.properties.as_ref().map_or(Value::Nil, |map| {
        json_map(map.iter().map(|(k, v)| (k.as_str(), property(v, depth + 1))).collect())
    });
    let any_of = schema.any_of.iter().map(|branch| property(branch, depth + 1));
    let types = schema.kind.0.iter().map(|name| name.as_str().into());
    let fields = vec![
        optional("AnyOf", "anyOf", list(any_of, Print::Go)),
        optional("Type", "type", list(types, Print::LoneBare)),
        optional_json("Items", "items", schema.items.as_ref()),
        optional("Description", "description", schema.description.as_str().into()),
        optional("Enum", "enum", list(schema.values.iter().map(Value::from), Print::Go)),
        optional("Properties", "properties", nested),
        optional("Required", "required", strings(&schema.required)),
    ];
    record("api.ToolProperty", fields, Print::Json)
}
