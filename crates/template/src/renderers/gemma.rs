//! FunctionGemma and Gemma 4: declarations and calls in Gemma's own notation, keys sorted.

use camelid_api_types::ollama::{Message, Tool};
use serde_json::{Map, Value as Json};

use super::json::{self, number};
use super::prose::FUNCTION_GEMMA;
use super::table::{RenderError, RenderInputs};

/// Nesting of values that is written; requests are cut long before.
const MAX_DEPTH: usize = 64;

/// FunctionGemma's marks around texts.
const ESCAPE: &str = "<escape>";
/// Gemma 4's.
const QUOTE: &str = "<|\"|>";

/// Entries sorted by key.
fn sorted(map: &Map<String, Json>) -> Vec<(&String, &Json)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// A value: texts between marks, the rest as in JSON without quotes around keys.
fn value(json: &Json, mark: &str, depth: usize) -> String {
    match json {
        _ if depth > MAX_DEPTH => "null".to_owned(),
        Json::String(text) => format!("{mark}{text}{mark}"),
        Json::Number(n) => number(n),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|i| value(i, mark, depth + 1)).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(map) => object(map, mark, depth),
        other => other.to_string(),
    }
}

fn object(map: &Map<String, Json>, mark: &str, depth: usize) -> String {
    let entries: Vec<String> = sorted(map)
        .into_iter()
        .map(|(key, json)| format!("{key}:{}", value(json, mark, depth + 1)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn call(name: &str, arguments: &Map<String, Json>, mark: &str) -> String {
    format!("call:{name}{}", object(arguments, mark, 0))
}

/// A type's name in capitals between marks; of several the first.
fn type_name(schema: &Json, mark: &str) -> String {
    let name = match &schema["type"] {
        Json::String(name) => name.as_str(),
        Json::Array(names) => names.first().and_then(Json::as_str).unwrap_or_default(),
        _ => "",
    };
    format!("{mark}{}{mark}", name.to_uppercase())
}

/// `declaration:NAME{description:...,parameters:{properties:{...},required:[...],type:...}}`
fn declaration(tool: &Tool, mark: &str, property: fn(&Json, &str, usize) -> String) -> String {
    let function = &tool.function;
    let json = json::tool(tool);
    let schema = &json["function"]["parameters"];
    let mut parts = Vec::new();
    if let Some(map) = schema["properties"].as_object().filter(|map| !map.is_empty()) {
        parts.push(format!("properties:{{{}}}", properties(map, mark, property, 0)));
    }
    if !function.parameters.required.is_empty() {
        parts.push(format!("required:{}", value(&schema["required"], mark, 0)));
    }
    parts.push(format!("type:{}", type_name(schema, mark)));
    format!(
        "declaration:{}{{description:{mark}{}{mark},parameters:{{{}}}}}",
        function.name,
        function.description,
        parts.join(",")
    )
}

fn properties(
    map: &Map<String, Json>,
    mark: &str,
    property: fn(&Json, &str, usize) -> String,
    depth: usize,
) -> String {
    if depth > MAX_DEPTH {
        return String::new();
    }
    let entries: Vec<String> = sorted(map)
        .into_iter()
        .map(|(key, schema)| format!("{key}:{{{}}}", property(schema, mark, depth)))
        .collect();
    entries.join(",")
}

/// FunctionGemma tells a property's description, also an empty one, and its type.
fn short_property(schema: &Json, mark: &str, _: usize) -> String {
    let description = schema["description"].as_str().unwrap_or_default();
    format!("description:{mark}{description}{mark},type:{}", type_name(schema, mark))
}

/// Gemma 4 tells all of a property but what is empty.
fn full_property(schema: &Json, mark: &str, depth: usize) -> String {
    let mut parts = Vec::new();
    if let Some(text) = schema["description"].as_str().filter(|text| !text.is_empty()) {
        parts.push(format!("description:{mark}{text}{mark}"));
    }
    let kind = schema["type"].as_str().unwrap_or_default().to_lowercase();
    if kind == "string" && schema["enum"].is_array() {
        parts.push(format!("enum:{}", value(&schema["enum"], mark, depth)));
    }
    if kind == "array"
        && let Some(items) = schema["items"].as_object()
    {
        parts.push(format!("items:{{{}}}", items_schema(items, mark, depth + 1)));
    }
    if kind == "object" {
        if let Some(map) = schema["properties"].as_object() {
            let inner = properties(map, mark, full_property, depth + 1);
            parts.push(format!("properties:{{{inner}}}"));
        }
        if schema["required"].as_array().is_some_and(|list| !list.is_empty()) {
            parts.push(format!("required:{}", value(&schema["required"], mark, depth)));
        }
    }
    parts.push(format!("type:{}", type_name(schema, mark)));
    parts.join(",")
}

/// The schema of an array's elements, every keyword of it sorted.
fn items_schema(map: &Map<String, Json>, mark: &str, depth: usize) -> String {
    if depth > MAX_DEPTH {
        return String::new();
    }
    let parts: Vec<String> = sorted(map)
        .into_iter()
        .filter(|(_, json)| !json.is_null())
        .map(|(key, json)| match (key.as_str(), json) {
            ("properties", Json::Object(map)) => {
                format!("properties:{{{}}}", properties(map, mark, full_property, depth + 1))
            }
            ("type", Json::String(name)) => format!("type:{mark}{}{mark}", name.to_uppercase()),
            (key, json) => format!("{key}:{}", value(json, mark, depth)),
        })
        .collect();
    parts.join(",")
}

/// The name of the function that a result answers: its own, or that of the call in its place.
fn answered<'a>(message: &'a Message, calls: Option<&'a Message>, n_before: usize) -> &'a str {
    let calls = calls.map_or(&[][..], |m| m.tool_calls.as_slice());
    let by_id = calls.iter().find(|c| !c.id.is_empty() && c.id == message.tool_call_id);
    match by_id.or_else(|| calls.get(n_before)) {
        Some(call) => &call.function.name,
        None => &message.tool_name,
    }
}

/// `functiongemma`
pub(super) fn function_gemma(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let mut out = String::from("<bos>");
    let (system, rest) = inputs.leading_system();
    let system = system.map(str::trim).filter(|text| !text.is_empty());
    if system.is_some() || !inputs.tools.is_empty() {
        out += "<start_of_turn>developer\n";
        out += system.unwrap_or_default();
        if !inputs.tools.is_empty() {
            out += if system.is_some() { "\n" } else { "" };
            out += FUNCTION_GEMMA;
        }
        for tool in inputs.tools {
            let declaration = declaration(tool, ESCAPE, short_property);
            out += &format!("<start_function_declaration>{declaration}<end_function_declaration>");
        }
        out += "<end_of_turn>\n";
    }
    let (mut calling, mut n_results) = (None, 0);
    for (i, message) in rest.iter().enumerate() {
        let after_tool = i > 0 && rest[i - 1].role == "tool";
        match message.role.as_str() {
            "assistant" => {
                if !after_tool {
                    out += "<start_of_turn>model\n";
                }
                out += &message.content;
                for c in &message.tool_calls {
                    let call = call(&c.function.name, &c.function.arguments, ESCAPE);
                    out += &format!("<start_function_call>{call}<end_function_call>");
                }
                if message.tool_calls.is_empty() {
                    out += "<end_of_turn>\n";
                } else {
                    (calling, n_results) = (Some(message), 0);
                }
            }
            "tool" => {
                let name = answered(message, calling, n_results);
                n_results += 1;
                let content = &message.content;
                out += &format!(
                    "<start_function_response>response:{name}{{{ESCAPE}{content}{ESCAPE}}}<end_function_response>"
                );
            }
            role => out += &format!("<start_of_turn>{role}\n{}<end_of_turn>\n", message.content),
        }
    }
    if rest.last().is_none_or(|m| m.role != "tool") {
        out += "<start_of_turn>model\n";
    }
    Ok(out)
}

/// `gemma4-small`
pub(super) fn gemma4_small(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(gemma4(inputs, false))
}

/// `gemma4-large`
pub(super) fn gemma4_large(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(gemma4(inputs, true))
}

fn gemma4(inputs: &RenderInputs<'_>, is_large: bool) -> String {
    let thinks = inputs.thinks(false);
    let (system, rest) = inputs.leading_system();
    let mut out = String::from("<bos>");
    if thinks || system.is_some() || !inputs.tools.is_empty() {
        out += "<|turn>system\n";
        out += if thinks { "<|think|>\n" } else { "" };
        out += system.unwrap_or_default().trim();
        for tool in inputs.tools {
            out += &format!("<|tool>{}<tool|>", declaration(tool, QUOTE, full_property));
        }
        out += "<turn|>\n";
    }
    let last_user = rest.iter().rposition(|m| m.role == "user");
    let turns: Vec<(usize, &Message)> =
        rest.iter().enumerate().filter(|(_, m)| m.role != "tool").collect();
    for (n, &(i, message)) in turns.iter().enumerate() {
        let is_model = message.role == "assistant";
        if !(is_model && n > 0 && turns[n - 1].1.role == "assistant") {
            let role = if is_model { "model" } else { &message.role };
            out += &format!("<|turn>{role}\n");
        }
        let results: Vec<&Message> =
            rest[i + 1..].iter().take_while(|m| m.role == "tool").collect();
        if is_model {
            let is_current = last_user.is_none_or(|user| i > user);
            model_turn(&mut out, message, &results, is_current);
        } else {
            out += message.content.trim();
        }
        let goes_on =
            turns.get(n + 1).is_some_and(|(_, next)| is_model && next.role == "assistant");
        // After results the model's own turn stays open for it to go on.
        let is_last = n + 1 == turns.len();
        let has_results = is_model && !results.is_empty();
        let waits = is_last && has_results && message.content.trim().is_empty();
        if !goes_on && !waits {
            out += "<turn|>\n";
        }
    }
    out + &gemma4_end(rest, thinks, is_large)
}

/// An answer's thinking, its calls with their results, and its text.
fn model_turn(out: &mut String, message: &Message, results: &[&Message], is_current: bool) {
    if is_current && !message.thinking.is_empty() {
        *out += &format!("<|channel>thought\n{}\n<channel|>", message.thinking);
    }
    for c in &message.tool_calls {
        let call = call(&c.function.name, &c.function.arguments, QUOTE);
        *out += &format!("<|tool_call>{call}<tool_call|>");
    }
    for (n, result) in results.iter().enumerate() {
        let name = answered(result, Some(message), n);
        let content = &result.content;
        *out += &format!(
            "<|tool_response>response:{name}{{value:{QUOTE}{content}{QUOTE}}}<tool_response|>"
        );
    }
    *out += without_channels(&message.content).trim();
}

/// The text without what stands in channels.
fn without_channels(text: &str) -> String {
    let kept =
        text.split("<channel|>").map(|part| part.split("<|channel>").next().unwrap_or_default());
    kept.collect()
}

/// What makes the model speak.
fn gemma4_end(rest: &[Message], thinks: bool, is_large: bool) -> String {
    match rest.last() {
        // A result stands inside the model's own turn, which goes on.
        Some(last) if last.role == "tool" => match thinks {
            true => "<|channel>thought\n".to_owned(),
            false => String::new(),
        },
        _ if is_large && !thinks => "<|turn>model\n<|channel>thought\n<channel|>".to_owned(),
        _ => "<|turn>model\n".to_owned(),
    }
}
