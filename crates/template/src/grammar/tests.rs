//! The grammars against the parsers: what a grammar forces must be read back as that very call.

use serde_json::json;

use super::shape::{Arguments, Shape, Text, fill};
use super::*;
use crate::{ParserOptions, Reply};

fn tools() -> Vec<Tool> {
    serde_json::from_value(json!([
        {"type": "function", "function": {"name": "get_weather", "parameters": {
            "type": "object", "required": ["city"], "properties": {
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "city": {"type": "string"},
                "days": {"type": "integer"}
            }}}},
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    ]))
    .unwrap()
}

/// The text of a call as the shape writes it, which is one that its grammar accepts.
fn example(shape: &Shape, name: &str, arguments: &serde_json::Map<String, Json>) -> String {
    let mut out = shape.open.to_owned() + &fill(shape.before, name, "", false, "");
    match &shape.arguments {
        Arguments::Json => out += &Json::Object(arguments.clone()).to_string(),
        Arguments::Each(each) => {
            let written: Vec<String> = arguments
                .iter()
                .map(|(key, value)| {
                    let is_text = value.is_string();
                    let kind = if is_text { "string" } else { "integer" };
                    let value = match (value, each.text) {
                        (Json::String(text), Text::Bare) => text.clone(),
                        (Json::String(text), Text::Between(mark)) => format!("{mark}{text}{mark}"),
                        (value, _) => value.to_string(),
                    };
                    fill(each.before, name, key, is_text, kind) + &value + each.after
                })
                .collect();
            out += &written.join(each.separator);
        }
    }
    out + &fill(shape.after, name, "", false, "") + shape.close
}

#[test]
fn every_format_with_tools_reads_back_what_its_grammar_forces() {
    let tools = tools();
    let mut n_formats = 0;
    for name in OutputFormat::names() {
        let format = OutputFormat::by_name(name).unwrap();
        let Some(shape) = shape::of(name) else {
            assert!(!format.has_tools(), "{name} has tools and no grammar");
            continue;
        };
        n_formats += 1;
        for (called, arguments) in [
            ("get_weather", json!({"unit": "celsius", "city": "New York", "days": 3})),
            ("get_weather", json!({"city": "Rome"})),
            ("now", json!({})),
        ] {
            let arguments = arguments.as_object().unwrap();
            let text = example(shape, called, arguments);
            let options = ParserOptions {
                tools: &tools,
                think: Some(false.into()),
                ..ParserOptions::default()
            };
            let mut parser = format.parser(&options);
            let mut reply: Reply = parser.push(&text).into_iter().collect();
            reply.extend(parser.finish());
            let thinks_always = matches!(name, "qwen3-vl-thinking");
            let calls: Vec<_> = reply
                .tool_calls
                .iter()
                .map(|call| (call.function.name.as_str(), &call.function.arguments))
                .collect();
            assert_eq!(calls, [(called, arguments)], "{name}: {text}");
            assert!(
                reply.content.is_empty() && (thinks_always || reply.thinking.is_empty()),
                "{name}"
            );
        }
    }
    assert!(n_formats > 30);
}

#[test]
fn a_json_format_holds_the_name_and_the_schema() {
    let format = OutputFormat::by_name("qwen3").unwrap();
    let token = |text: &str| (text == "<tool_call>").then_some(7);
    let lark = tool_grammar(format, &tools()[1..], ToolChoice::Required, true, &token).unwrap();
    assert_eq!(
        lark,
        "start: call (\"\\n\" call)*\n\
         call: call_0\n\
         call_0: <[7]> \"\\n{\\\"name\\\": \\\"now\\\", \\\"arguments\\\": \" json_0 \"}\\n</tool_call>\"\n\
         json_0: %json {\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}\n"
    );
}

#[test]
fn arguments_one_by_one_chain_in_order() {
    let format = OutputFormat::by_name("lfm2").unwrap();
    let choice = ToolChoice::Named("get_weather");
    let lark = tool_grammar(format, &tools(), choice, false, &|_| None).unwrap();
    for line in [
        "start: \"<|tool_call_start|>[\" call \"]<|tool_call_end|>\"",
        "call_0: \"get_weather(\" args_0_0 \")\"",
        "args_0_0: arg_0_0 more_0_1 | args_0_1",
        "args_0_1: arg_0_1 more_0_2",
        "more_0_1: \", \" arg_0_1 more_0_2",
        "more_0_2: \", \" arg_0_2 more_0_3 | more_0_3",
        "args_0_3: \"\"",
    ] {
        assert!(lark.lines().any(|l| l.trim_end() == line), "{line} is not in\n{lark}");
    }
}

#[test]
fn schemas_name_the_tool_and_share_definitions() {
    let mut tools = tools();
    tools[1].function.parameters.defs = Some(json!({"Day": {"type": "string"}}));
    let schema = tool_call_schema(&tools, ToolChoice::Required).unwrap();
    assert_eq!(schema["anyOf"][0]["properties"]["name"], json!({"const": "get_weather"}));
    assert_eq!(schema["$defs"], json!({"Day": {"type": "string"}}));
    let lone = tool_call_schema(&tools, ToolChoice::Named("now")).unwrap();
    assert_eq!(lone["properties"]["name"]["const"], "now");
}

#[test]
fn what_cannot_be_called_is_refused() {
    let format = OutputFormat::by_name("olmo3-think").unwrap();
    let refuse = |tools: &[Tool], choice| tool_grammar(format, tools, choice, false, &|_| None);
    assert_eq!(refuse(&[], ToolChoice::Required), Err(GrammarError::NoTools));
    assert_eq!(
        refuse(&tools(), ToolChoice::Required),
        Err(GrammarError::NoCalls { format: "olmo3-think" })
    );
    let error = refuse(&tools(), ToolChoice::Named("x")).unwrap_err();
    assert_eq!(error.to_string(), "tool `x` is not one of the request's: `get_weather`, `now`");
}
