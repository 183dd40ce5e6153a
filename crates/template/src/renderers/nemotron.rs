//! Nemotron 3 Nano: ChatML with Qwen3-Coder's tools, and thinking tags in every answer.

use camelid_api_types::ollama::{Message, Think, ThinkLevel};
use serde_json::Value as Json;

use super::json::{self, Style};
use super::qwen::{open_turn, turn, xml_tools};
use super::table::{RenderError, RenderInputs};

/// `nemotron-3-nano`, which also listens to `/think` and `/no_think` in the texts.
pub(super) fn nano3(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let mut messages = inputs.messages.to_vec();
    let mut inline = None;
    for message in messages.iter_mut().filter(|m| matches!(m.role.as_str(), "user" | "system")) {
        for (switch, thinks) in [("/no_think", false), ("/think", true)] {
            if message.content.contains(switch) {
                message.content = message.content.replace(switch, "");
                inline = Some(thinks);
            }
        }
        message.content = message.content.trim().to_owned();
    }
    let thinks = inputs.think.map_or(inline.unwrap_or(true), Think::is_on);
    let thinks = inline.unwrap_or(thinks);
    Ok(render(&RenderInputs { messages: &messages, ..*inputs }, thinks, "\n", None))
}

/// Added to the last question at medium effort.
const EFFICIENCY_HINT: &str = "\n\n{reasoning effort: efficient}";

/// `nemotron-3.5-nano`
pub(super) fn nano35(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let medium = inputs.think == Some(Think::Level(ThinkLevel::Medium));
    Ok(render(inputs, inputs.thinks(true), "", medium.then_some(EFFICIENCY_HINT)))
}

fn render(inputs: &RenderInputs<'_>, thinks: bool, after: &str, hint: Option<&str>) -> String {
    let mut out = String::new();
    let (system, rest) = inputs.leading_system();
    let mut text = system.unwrap_or_default().to_owned();
    if !inputs.tools.is_empty() {
        if !text.is_empty() {
            text += "\n\n";
        }
        text += &xml_tools(inputs.tools, Style::SPACED);
    }
    turn(&mut out, "system", &text);
    let last_user = rest.iter().rposition(|m| m.role == "user");
    for (i, message) in rest.iter().enumerate() {
        match message.role.as_str() {
            "assistant" => {
                let is_over = last_user.is_some_and(|user| i < user);
                assistant(&mut out, message, is_over, after);
            }
            "tool" => {
                if i == 0 || rest[i - 1].role != "tool" {
                    open_turn(&mut out, "user");
                }
                out += &format!("<tool_response>\n{}\n</tool_response>\n", message.content);
                if rest.get(i + 1).is_none_or(|next| next.role != "tool") {
                    out += "<|im_end|>\n";
                }
            }
            role => {
                let hint = hint.filter(|_| Some(i) == last_user).unwrap_or_default();
                turn(&mut out, role, &format!("{}{hint}", message.content));
            }
        }
    }
    open_turn(&mut out, "assistant");
    out + if thinks { "<think>\n" } else { "<think></think>" }
}

fn assistant(out: &mut String, message: &Message, is_over: bool, after: &str) {
    let content = match message.content.rsplit_once("</think>") {
        Some((_, content)) if is_over => content,
        _ => &message.content,
    };
    let content = content.trim();
    open_turn(out, "assistant");
    if is_over || message.thinking.trim().is_empty() {
        if !content.contains("</think>") {
            out.push_str("<think></think>");
        }
    } else {
        *out += &format!("<think>\n{}\n</think>{after}", message.thinking);
    }
    out.push_str(content);
    if !message.tool_calls.is_empty() {
        out.push('\n');
        for call in &message.tool_calls {
            *out += &format!("<tool_call>\n<function={}>\n", call.function.name);
            for (key, value) in &call.function.arguments {
                *out += &format!("<parameter={key}>\n{}\n</parameter>\n", python(value));
            }
            out.push_str("</function>\n</tool_call>\n");
        }
    }
    out.push_str("<|im_end|>\n");
}

/// An argument as Python prints it.
fn python(value: &Json) -> String {
    match value {
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Null => "None".to_owned(),
        other => json::bare(other, Style::SPACED),
    }
}
