//! Liquid's LFM2: ChatML with calls in Python's notation.

use camelid_api_types::ollama::Message;
use serde_json::Value as Json;

use super::json::{self, Style};
use super::qwen::open_turn;
use super::table::{RenderError, RenderInputs};

/// `lfm2`
pub(super) fn lfm2(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render(inputs, false))
}

/// `lfm2-thinking`
pub(super) fn thinking(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render(inputs, inputs.thinks(false)))
}

fn render(inputs: &RenderInputs<'_>, shows_thinking: bool) -> String {
    let mut out = String::from("<|startoftext|>");
    let (system, rest) = inputs.leading_system();
    let mut text = system.unwrap_or_default().to_owned();
    if !inputs.tools.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let tools: Vec<String> =
            inputs.tools.iter().map(|t| Style::SPACED_RAW.write(&json::function(t))).collect();
        text +=
            &format!("List of tools: <|tool_list_start|>[{}]<|tool_list_end|>", tools.join(", "));
    }
    if !text.is_empty() {
        push_turn(&mut out, "system", &text);
    }
    for (i, message) in rest.iter().enumerate() {
        let content = &message.content;
        match message.role.as_str() {
            "assistant" => {
                open_turn(&mut out, "assistant");
                assistant(&mut out, message, shows_thinking);
                if i + 1 < rest.len() {
                    out += "<|im_end|>\n";
                }
            }
            "tool" => {
                let response = format!("<|tool_response_start|>{content}<|tool_response_end|>");
                push_turn(&mut out, "tool", &response);
            }
            role => push_turn(&mut out, role, content),
        }
    }
    if rest.last().is_none_or(|m| m.role != "assistant") {
        open_turn(&mut out, "assistant");
    }
    out
}

fn push_turn(out: &mut String, role: &str, content: &str) {
    super::qwen::turn(out, role, content);
}

fn assistant(out: &mut String, message: &Message, shows_thinking: bool) {
    let content = match message.content.rsplit_once("</think>") {
        Some((_, content)) if !shows_thinking => content.trim(),
        _ => &message.content,
    };
    if shows_thinking && !message.thinking.is_empty() {
        *out += &format!("<think>{}</think>", message.thinking);
    }
    if !message.tool_calls.is_empty() {
        let calls: Vec<String> = message
            .tool_calls
            .iter()
            .map(|call| python_call(&call.function.name, &call.function.arguments, ","))
            .collect();
        *out += &format!("<|tool_call_start|>[{}]<|tool_call_end|>", calls.join(","));
        if !content.is_empty() {
            out.push('\n');
        }
    }
    *out += content;
}

/// `name(key=json, ...)` with the arguments sorted.
pub(super) fn python_call(
    name: &str,
    arguments: &serde_json::Map<String, Json>,
    between: &str,
) -> String {
    let mut sorted: Vec<_> = arguments.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let arguments: Vec<String> = sorted
        .into_iter()
        .map(|(key, value)| format!("{key}={}", Style::PLAIN_RAW.write(value)))
        .collect();
    format!("{name}({})", arguments.join(between))
}
