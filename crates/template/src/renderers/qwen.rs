//! Qwen 3-Coder, 3-VL, 3.5, 3.8 and Ornith: ChatML with tools in the system turn.

use camelid_api_types::ollama::{Message, Think, ThinkLevel, Tool, ToolCall};

use super::json::{self, Style};
use super::prose::{
    CODER_SYSTEM, CODER_TOOLS, CODER_USAGE, JSON_TOOLS, QWEN_EFFORT_HIGH, QWEN_EFFORT_LOW,
    QWEN_JSON_USAGE,
};
use super::table::{RenderError, RenderInputs};

/// Appends a ChatML turn.
pub(super) fn turn(out: &mut String, role: &str, content: &str) {
    open_turn(out, role);
    out.push_str(content);
    out.push_str("<|im_end|>\n");
}

pub(super) fn open_turn(out: &mut String, role: &str) {
    out.push_str("<|im_start|>");
    out.push_str(role);
    out.push('\n');
}

/// Where a turn of the conversation stands.
struct Place {
    /// The conversation's last.
    is_last: bool,
    /// After the last question that a person asked.
    is_after_query: bool,
}

/// The conversation without its system turn.
fn turns(
    out: &mut String,
    messages: &[Message],
    trims: bool,
    assistant: impl Fn(&mut String, &Message, Place),
) {
    let last_query = messages.iter().rposition(is_query);
    for (i, message) in messages.iter().enumerate() {
        let is_last = i + 1 == messages.len();
        match message.role.as_str() {
            "assistant" => {
                let is_after_query = last_query.is_none_or(|query| i > query);
                open_turn(out, "assistant");
                assistant(out, message, Place { is_last, is_after_query });
                // A last answer without calls is for the model to go on with.
                if !is_last || !message.tool_calls.is_empty() {
                    out.push_str("<|im_end|>\n");
                }
            }
            "tool" => {
                if i == 0 || messages[i - 1].role != "tool" {
                    out.push_str("<|im_start|>user");
                }
                out.push_str("\n<tool_response>\n");
                out.push_str(if trims { message.content.trim() } else { &message.content });
                out.push_str("\n</tool_response>");
                if messages.get(i + 1).is_none_or(|next| next.role != "tool") {
                    out.push_str("<|im_end|>\n");
                }
            }
            role => turn(out, role, if trims { message.content.trim() } else { &message.content }),
        }
    }
}

/// A user's message that is not a tool's answer in disguise.
fn is_query(message: &Message) -> bool {
    let content = message.content.trim();
    let is_response =
        content.starts_with("<tool_response>") && content.ends_with("</tool_response>");
    message.role == "user" && !is_response
}

fn is_prefill(messages: &[Message]) -> bool {
    messages.last().is_some_and(|m| m.role == "assistant")
}

/// Qwen3-Coder's tools in tags; Nemotron has them too, with its own lists.
pub(super) fn xml_tools(tools: &[Tool], lists: Style) -> String {
    let mut out = String::from(CODER_TOOLS);
    for tool in tools {
        let function = &tool.function;
        out += &format!("\n<function>\n<name>{}</name>", function.name);
        if !function.description.is_empty() {
            out += &format!("\n<description>{}</description>", function.description);
        }
        out += "\n<parameters>";
        let schema = json::tool(tool);
        let parameters = &schema["function"]["parameters"];
        for (name, property) in parameters["properties"].as_object().into_iter().flatten() {
            out += &format!("\n<parameter>\n<name>{name}</name>");
            out += &elements(property, &["type", "description"], &[], lists);
            out += &elements(property, &[], &["type", "description"], lists);
            out += "\n</parameter>";
        }
        out += &elements(parameters, &[], &["type", "properties"], lists);
        out += "\n</parameters>\n</function>";
    }
    out + "\n</tools>" + CODER_USAGE
}

/// The keywords of a schema as tags: those in `only`, or all but those in `not`.
fn elements(schema: &serde_json::Value, only: &[&str], not: &[&str], lists: Style) -> String {
    let mut out = String::new();
    for (key, value) in schema.as_object().into_iter().flatten() {
        let wanted = if only.is_empty() { !not.contains(&&**key) } else { only.contains(&&**key) };
        if wanted {
            out += &format!("\n<{key}>{}</{key}>", json::bare(value, lists));
        }
    }
    out
}

/// A call in tags, without the white space around it.
pub(super) fn xml_call(call: &ToolCall, lists: Style) -> String {
    let mut out = format!("<tool_call>\n<function={}>\n", call.function.name);
    for (key, value) in &call.function.arguments {
        out += &format!("<parameter={key}>\n{}\n</parameter>\n", json::bare(value, lists));
    }
    out + "</function>\n</tool_call>"
}

/// `qwen3-coder`
pub(super) fn coder(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let mut out = String::new();
    let system = inputs.messages.iter().find(|m| m.role == "system").map(|m| m.content.as_str());
    let has_tools = !inputs.tools.is_empty();
    if system.is_some() || has_tools {
        let mut text = system.unwrap_or(CODER_SYSTEM).to_owned();
        if has_tools {
            text += "\n\n";
            text += &xml_tools(inputs.tools, Style::PLAIN);
        }
        turn(&mut out, "system", &text);
    }
    let rest: Vec<Message> =
        inputs.messages.iter().filter(|m| m.role != "system").cloned().collect();
    turns(&mut out, &rest, false, |out, message, _| {
        out.push_str(&message.content);
        if !message.tool_calls.is_empty() && !message.content.is_empty() {
            out.push('\n');
        }
        for call in &message.tool_calls {
            out.push('\n');
            out.push_str(&xml_call(call, Style::PLAIN));
        }
    });
    if !is_prefill(&rest) {
        open_turn(&mut out, "assistant");
    }
    Ok(out)
}

/// `qwen3-vl-instruct`
pub(super) fn vl_instruct(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(vl(inputs, false))
}

/// `qwen3-vl-thinking`
pub(super) fn vl_thinking(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(vl(inputs, true))
}

fn vl(inputs: &RenderInputs<'_>, thinks_by_default: bool) -> String {
    let mut out = String::new();
    let thinks = inputs.thinks(thinks_by_default);
    let (system, rest) = inputs.leading_system();
    if inputs.tools.is_empty() {
        if let Some(system) = system {
            turn(&mut out, "system", system);
        }
    } else {
        let before = system.map_or(String::new(), |text| format!("{text}\n\n"));
        turn(
            &mut out,
            "system",
            &(before + &json_tools(inputs.tools, JSON_TOOLS) + QWEN_JSON_USAGE),
        );
    }
    turns(&mut out, rest, false, |out, message, place| {
        let (thinking, content) = split_thinking(message);
        let shows = thinks && place.is_after_query && (place.is_last || !thinking.is_empty());
        if shows {
            push_thinking(out, thinking.trim_matches('\n'));
        }
        out.push_str(if shows { content.trim_start_matches('\n') } else { content });
        for (i, call) in message.tool_calls.iter().enumerate() {
            if i > 0 || !content.is_empty() {
                out.push('\n');
            }
            let (name, arguments) = (&call.function.name, &call.function.arguments);
            let arguments = Style::SPACED.write(&serde_json::Value::Object(arguments.clone()));
            *out += &format!(
                "<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>"
            );
        }
    });
    if !is_prefill(rest) {
        open_turn(&mut out, "assistant");
        if thinks {
            out += "<think>\n";
        }
    }
    out
}

/// A heading and a line of JSON for each tool.
pub(super) fn json_tools(tools: &[Tool], heading: &str) -> String {
    tools
        .iter()
        .fold(heading.to_owned(), |out, tool| out + "\n" + &Style::SPACED.write(&json::tool(tool)))
}

fn push_thinking(out: &mut String, thinking: &str) {
    *out += &format!("<think>\n{thinking}\n</think>\n\n");
}

/// The thinking of a message and its answer, also where both are in its text.
fn split_thinking(message: &Message) -> (&str, &str) {
    if !message.thinking.is_empty() {
        return (&message.thinking, &message.content);
    }
    match message.content.rsplit_once("</think>") {
        Some((before, after)) => {
            let before = before.rsplit_once("<think>").map_or(before, |(_, thinking)| thinking);
            (before.trim_matches('\n'), after.trim_start_matches('\n'))
        }
        None => ("", &message.content),
    }
}

/// `qwen3.5`
pub(super) fn qwen35(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let (system, rest) = inputs.leading_system();
    let system: Vec<&str> = system.into_iter().collect();
    Ok(tagged(inputs, None, &system, rest, |place| place.is_after_query, true))
}

/// `ornith`
pub(super) fn ornith(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let (system, rest) = inputs.leading_system();
    let system: Vec<&str> = system.into_iter().collect();
    Ok(tagged(inputs, None, &system, rest, |_| true, true))
}

/// `qwen3.8`
pub(super) fn qwen38(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let refuse = |problem| Err(RenderError::Unsupported { renderer: "qwen3.8", problem });
    let is_system = |m: &&Message| matches!(m.role.as_str(), "system" | "developer");
    if inputs.messages.is_empty() {
        return refuse("there are no messages");
    }
    if !inputs.messages.iter().any(is_query) {
        return refuse("there is no user query");
    }
    if inputs.messages.iter().filter(is_system).any(|m| !m.images.is_empty()) {
        return refuse("system messages cannot hold images");
    }
    let system: Vec<&str> =
        inputs.messages.iter().filter(is_system).map(|m| m.content.as_str()).collect();
    let rest: Vec<Message> = inputs.messages.iter().filter(|m| !is_system(m)).cloned().collect();
    let effort = match inputs.think {
        None | Some(Think::Level(ThinkLevel::High | ThinkLevel::Max)) => Some(QWEN_EFFORT_HIGH),
        Some(Think::Level(ThinkLevel::Low)) => Some(QWEN_EFFORT_LOW),
        Some(Think::On | Think::Off | Think::Level(ThinkLevel::Medium)) => None,
    };
    Ok(tagged(inputs, effort, &system, &rest, |_| true, false))
}

/// The families with thinking tags in every answer that `shows` says, and calls in tags.
fn tagged(
    inputs: &RenderInputs<'_>,
    effort: Option<&str>,
    system: &[&str],
    rest: &[Message],
    shows: impl Fn(&Place) -> bool,
    splits: bool,
) -> String {
    let mut out = String::new();
    let tools = (!inputs.tools.is_empty())
        .then(|| json_tools(inputs.tools, CODER_TOOLS) + "\n</tools>" + CODER_USAGE);
    let parts: Vec<&str> = effort
        .into_iter()
        .chain(tools.as_deref())
        .chain(system.iter().map(|text| text.trim()).filter(|text| !text.is_empty()))
        .collect();
    if !parts.is_empty() {
        turn(&mut out, "system", &parts.join("\n\n"));
    }
    turns(&mut out, rest, true, |out, message, place| {
        let (thinking, content) = match splits {
            true => split_thinking(message),
            false => (message.thinking.as_str(), message.content.as_str()),
        };
        if shows(&place) {
            push_thinking(out, thinking.trim());
        }
        let content = content.trim();
        out.push_str(content);
        for (i, call) in message.tool_calls.iter().enumerate() {
            out.push_str(match (i, content.is_empty()) {
                (0, true) => "",
                (0, false) => "\n\n",
                _ => "\n",
            });
            out.push_str(&xml_call(call, Style::SPACED));
        }
    });
    if !is_prefill(rest) {
        open_turn(&mut out, "assistant");
        out += if inputs.thinks(true) { "<think>\n" } else { "<think>\n\n</think>\n\n" };
    }
    out
}
