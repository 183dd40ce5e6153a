//! A request's JSON schema as its author meant it.
//!
//! By the standard an object may have further properties unless they are forbidden. Who sends a
//! schema to a model means the properties that are listed, and other servers generate no others; a
//! model that may add some will. So objects that list properties and do not speak of further ones
//! are closed. Where schemas are composed (`allOf`, or properties beside `anyOf` and the like), closing
//! one part would forbid the other's properties; such a schema is left as it is.

use serde_json::{Map, Value};

/// Keywords whose presence beside `properties` adds to them.
const COMPOSING: [&str; 5] = ["anyOf", "oneOf", "$ref", "if", "dependentSchemas"];
/// Keywords that say what further properties may be.
const SPEAKING: [&str; 3] = ["additionalProperties", "patternProperties", "unevaluatedProperties"];
/// Keywords with one schema.
const ONE: [&str; 2] = ["items", "additionalProperties"];
/// Keywords with a list of schemas.
const LISTS: [&str; 3] = ["anyOf", "oneOf", "prefixItems"];
/// Keywords with schemas by name.
const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];

/// The schema with its objects closed.
pub(crate) fn closed(schema: &Map<String, Value>) -> Value {
    let mut schema = Value::Object(schema.clone());
    if !is_composed(&schema) {
        close(&mut schema);
    }
    schema
}

fn is_composed(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            let adds =
                map.contains_key("properties") && COMPOSING.iter().any(|k| map.contains_key(*k));
            map.contains_key("allOf") || adds || map.values().any(is_composed)
        }
        Value::Array(items) => items.iter().any(is_composed),
        _ => false,
    }
}

fn close(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map.get("properties").is_some_and(Value::is_object)
        && !SPEAKING.iter().any(|keyword| map.contains_key(*keyword))
    {
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for (keyword, value) in map {
        let keyword = keyword.as_str();
        match value {
            Value::Object(by_name) if NAMED.contains(&keyword) => {
                by_name.values_mut().for_each(close)
            }
            Value::Array(schemas) if LISTS.contains(&keyword) => schemas.iter_mut().for_each(close),
            schema if ONE.contains(&keyword) => close(schema),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn closes(schema: Value, wanted: Value) {
        assert_eq!(closed(schema.as_object().expect("an object")), wanted);
    }

    #[test]
    fn listed_properties_are_all() {
        closes(
            json!({"properties": {"a": {"items": {"properties": {}}}}, "default": {"properties": 1}}),
            json!({
                "properties": {"a": {"items": {"properties": {}, "additionalProperties": false}}},
                "default": {"properties": 1},
                "additionalProperties": false,
            }),
        );
        closes(
            json!({"anyOf": [{"properties": {}}, {"type": "null"}], "$defs": {"x": {"properties": {}}}}),
            json!({
                "anyOf": [{"properties": {}, "additionalProperties": false}, {"type": "null"}],
                "$defs": {"x": {"properties": {}, "additionalProperties": false}},
            }),
        );
    }

    #[test]
    fn what_the_author_says_stands() {
        for schema in [
            json!({"type": "object"}),
            json!({"properties": {}, "additionalProperties": true}),
            json!({"properties": {}, "patternProperties": {"^x": {}}}),
            json!({"allOf": [{"$ref": "#/$defs/x"}, {"properties": {}}], "$defs": {"x": {"properties": {}}}}),
            json!({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}),
        ] {
            closes(schema.clone(), schema);
        }
    }
}
