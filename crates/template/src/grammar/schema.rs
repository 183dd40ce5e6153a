//! The tools' parameters as JSON Schemas.

use camelid_api_types::ollama::{Tool, ToolParameters};
use serde_json::{Map, Value as Json, json};

/// The schema of a tool's arguments.
pub(super) fn arguments(parameters: &ToolParameters) -> Json {
    // Parameters are plain data; there is nothing in them that JSON cannot say.
    let mut schema = serde_json::to_value(parameters).unwrap_or_default();
    if let Json::Object(map) = &mut schema {
        map.retain(|key, value| !value.is_null() && (key != "type" || value != ""));
        map.entry("type").or_insert_with(|| "object".into());
        map.entry("properties").or_insert_with(|| Json::Object(Map::new()));
        map.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

/// The schema of a call of one of `tools`.
///
/// Definitions move to the root, where references look for them.
pub(super) fn calls(tools: &[&Tool]) -> Json {
    let mut definitions = Map::new();
    let branches: Vec<Json> = tools
        .iter()
        .map(|tool| {
            let mut schema = arguments(&tool.function.parameters);
            if let Some(Json::Object(own)) = schema.as_object_mut().and_then(|m| m.remove("$defs"))
            {
                definitions.extend(own);
            }
            json!({
                "type": "object",
                "properties": {"name": {"const": tool.function.name}, "arguments": schema},
                "required": ["name", "arguments"],
                "additionalProperties": false
            })
        })
        .collect();
    let mut schema = match <[Json; 1]>::try_from(branches) {
        Ok([lone]) => lone,
        Err(branches) => json!({"anyOf": branches}),
    };
    if !definitions.is_empty() {
        schema["$defs"] = Json::Object(definitions);
    }
    schema
}
