//! Glimmer: messages with recipients, calls in tags of their own namespace.

use camelid_api_types::ollama::{Message, Think};

use super::json::{self, Style};
use super::prose::{GLIMMER_EXAMPLE, GLIMMER_SYSTEM, GLIMMER_USAGE};
use super::table::{RenderError, RenderInputs};

/// `glimmer`
pub(super) fn glimmer(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let (system, rest) = inputs.leading_system();
    let mut out = String::from("<|begin_of_text|><|start|>system<|message|>");
    match system {
        Some(system) => out += system,
        None => {
            let today = inputs.today;
            out +=
                &format!("{GLIMMER_SYSTEM}\nKnowledge cutoff: 2026-01-04.\nCurrent date: {today}.");
        }
    }
    let strength = match inputs.think {
        None | Some(Think::On) => "high",
        Some(Think::Off) => "none",
        Some(Think::Level(level)) => level.as_str(),
    };
    out += &format!("\n\nReasoning strength: {strength}.\n\n");
    out += &tools(inputs);
    out += &format!("# Valid recipients: {}.<|eot|>", recipients(inputs));
    for (i, message) in rest.iter().enumerate() {
        match message.role.as_str() {
            "assistant" => assistant(&mut out, message),
            "tool" => {
                let name = result_name(rest, i);
                out += &format!(
                    "<|start|>tool {name}<|message|><tool_output name=\"{name}\">\n{}\n</tool_output><|eot|>",
                    message.content
                );
            }
            role => out += &format!("<|start|>{role}<|message|>{}<|eot|>", message.content),
        }
    }
    Ok(out + "<|start|>assistant")
}

/// A tool's namespace: the part of its name before the first dot.
fn namespace(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn namespaces<'a>(inputs: &RenderInputs<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for tool in inputs.tools {
        let name = namespace(&tool.function.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn recipients(inputs: &RenderInputs<'_>) -> String {
    let tools = namespaces(inputs).into_iter().map(|name| format!("\"{name}.*\""));
    let all: Vec<String> = std::iter::once("\"self\"".to_owned())
        .chain(tools)
        .chain(["\"user\"".to_owned()])
        .collect();
    all.join(", ")
}

fn tools(inputs: &RenderInputs<'_>) -> String {
    if inputs.tools.is_empty() {
        return String::new();
    }
    let mut out = format!("{GLIMMER_USAGE}// Tool metadata\n");
    for name in namespaces(inputs) {
        let metadata = serde_json::json!({"name": name, "description": ""});
        out += &format!("{}\n", Style::SPACED_RAW.write(&metadata));
    }
    out += "// Function schemas\n";
    for tool in inputs.tools {
        out += &format!("{}\n", Style::SPACED_RAW.write(&json::function(tool)));
    }
    out + GLIMMER_EXAMPLE
}

/// Thinking to itself, an answer to the user, calls to tools; the last part ends the turn.
fn assistant(out: &mut String, message: &Message) {
    let mut parts = Vec::new();
    if !message.thinking.is_empty() {
        parts.push(("self", message.thinking.clone()));
    }
    if !message.content.is_empty() {
        parts.push(("user", message.content.clone()));
    }
    for call in &message.tool_calls {
        let name = &call.function.name;
        let mut text = format!("<atem:function_calls>\n<atem:invoke name=\"{name}\">\n");
        for (key, value) in &call.function.arguments {
            let value = json::bare(value, Style::SPACED_RAW);
            text += &format!("<atem:parameter name=\"{key}\">{value}</atem:parameter>\n");
        }
        parts.push((name, text + "</atem:invoke>\n</atem:function_calls>"));
    }
    let n_parts = parts.len();
    for (i, (recipient, text)) in parts.into_iter().enumerate() {
        let end = if i + 1 == n_parts { "<|eot|>" } else { "<|eom|>" };
        *out += &format!("<|start|>assistant to={recipient}<|message|>{text}{end}");
    }
}

/// The name of the tool that answers: its own, or that of the call it refers to.
fn result_name(messages: &[Message], i: usize) -> &str {
    let message = &messages[i];
    if !message.tool_name.is_empty() {
        return &message.tool_name;
    }
    let calls = messages[..i].iter().rev().flat_map(|m| &m.tool_calls);
    let found = calls.into_iter().find(|call| call.id == message.tool_call_id);
    found.map_or("", |call| &call.function.name)
}
