//! Argument values that a model wrote as bare text, turned into what the tool's schema asks for.

use camelid_api_types::ollama::{Tool, ToolProperty};
use serde_json::{Number, Value as Json};

/// The schema of the parameter `key` of the tool `name`, when both are declared.
pub(super) fn property<'t>(tools: &'t [Tool], name: &str, key: &str) -> Option<&'t ToolProperty> {
    let tool = tools.iter().find(|tool| tool.function.name == name)?;
    tool.function.parameters.properties.as_ref()?.get(key)
}

/// Is `name` one of the tools, and do the arguments hold all that it requires?
pub(super) fn is_complete(tools: &[Tool], call: &super::event::Call) -> bool {
    tools.iter().find(|tool| tool.function.name == call.0).is_some_and(|tool| {
        tool.function.parameters.required.iter().all(|key| call.1.contains_key(key))
    })
}

/// `text` as a value of the types that `schema` allows.
///
/// One line end at either side belongs to the notation. Without a declared type the text stays
/// text; with several, the narrowest that fits wins: null, boolean, integer, number, array, object.
pub(super) fn typed(text: &str, schema: Option<&ToolProperty>) -> Json {
    let text = text.strip_prefix('\n').unwrap_or(text);
    typed_exact(text.strip_suffix('\n').unwrap_or(text), schema)
}

/// [`typed`] for notations without those line ends.
pub(super) fn typed_exact(text: &str, schema: Option<&ToolProperty>) -> Json {
    if text.eq_ignore_ascii_case("null") {
        return Json::Null;
    }
    let mut types = Vec::new();
    if let Some(schema) = schema {
        collect_types(schema, &mut types, 0);
    }
    let allows = |name: &str| types.contains(&name);
    let trimmed = text.trim();
    if allows("boolean") {
        match trimmed.to_ascii_lowercase().as_str() {
            "true" => return Json::Bool(true),
            // Ollama reads any other text as false when nothing else is allowed.
            "false" => return Json::Bool(false),
            _ if types == ["boolean"] => return Json::Bool(false),
            _ => {}
        }
    }
    if allows("integer")
        && let Ok(n) = trimmed.parse::<i64>()
    {
        return Json::from(n);
    }
    if allows("number")
        && let Some(number) = number(trimmed)
    {
        return number;
    }
    let json = || serde_json::from_str::<Json>(trimmed).ok();
    if allows("array")
        && let Some(list @ Json::Array(_)) = json()
    {
        return list;
    }
    if allows("object")
        && let Some(object @ Json::Object(_)) = json()
    {
        return object;
    }
    Json::from(text)
}

/// Alternatives inside alternatives that are looked into.
const MAX_DEPTH: usize = 16;

fn collect_types<'s>(schema: &'s ToolProperty, types: &mut Vec<&'s str>, depth: usize) {
    types.extend(schema.kind.0.iter().map(String::as_str));
    if depth < MAX_DEPTH {
        schema.any_of.iter().for_each(|branch| collect_types(branch, types, depth + 1));
    }
}

/// A number; a whole one is an integer.
fn number(text: &str) -> Option<Json> {
    if let Ok(n) = text.parse::<i64>() {
        return Some(Json::from(n));
    }
    let value = text.parse::<f64>().ok().filter(|x| x.is_finite())?;
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        // In range by the test above.
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Some(Json::from(value as i64));
    }
    Number::from_f64(value).map(Json::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(json: Json) -> ToolProperty {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn text_becomes_what_the_schema_allows() {
        for (types, text, wanted) in [
            (json!("string"), "\n12\n", json!("12")),
            (json!("string"), "NULL", json!(null)),
            (json!("boolean"), "True", json!(true)),
            (json!("boolean"), "maybe", json!(false)),
            (json!(["boolean", "string"]), "maybe", json!("maybe")),
            (json!("integer"), "12", json!(12)),
            (json!("integer"), "1.5", json!("1.5")),
            (json!("number"), "2.0", json!(2)),
            (json!("number"), "2.5", json!(2.5)),
            (json!("array"), "[1]", json!([1])),
            (json!("array"), "[1", json!("[1")),
            (json!("object"), "{\"a\": 1}", json!({"a": 1})),
        ] {
            assert_eq!(typed(text, Some(&schema(json!({"type": types})))), wanted, "{text}");
        }
        let any = schema(json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}));
        assert_eq!(typed("7", Some(&any)), json!(7));
        assert_eq!(typed("7", None), json!("7"));
    }
}
