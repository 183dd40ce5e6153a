//! OLMo 3: ChatML with the functions in the system turn.

use super::json::{self, Style};
use super::lfm2::python_call;
use super::prose::{
    OLMO_FUNCTIONS, OLMO_NO_FUNCTIONS, OLMO_SYSTEM, OLMO_THINK_32B_SYSTEM, OLMO_THINK_SYSTEM,
    OLMO31_SYSTEM,
};
use super::qwen::{open_turn, turn};
use super::table::{RenderError, RenderInputs};

/// `olmo3`
pub(super) fn olmo3(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render(inputs, OLMO_SYSTEM))
}

/// `olmo3.1`
pub(super) fn olmo31(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render(inputs, OLMO31_SYSTEM))
}

fn first_system<'a>(inputs: &RenderInputs<'a>) -> Option<&'a str> {
    inputs.messages.iter().find(|m| m.role == "system").map(|m| m.content.as_str())
}

fn render(inputs: &RenderInputs<'_>, default_system: &str) -> String {
    let mut out = String::new();
    let tools = (!inputs.tools.is_empty()).then(|| {
        let tools: Vec<String> =
            inputs.tools.iter().map(|t| Style::SPACED.write(&json::tool(t))).collect();
        format!("<functions>[{}]</functions>", tools.join(", "))
    });
    let system = match (first_system(inputs), tools) {
        (Some(system), tools) => system.to_owned() + &tools.unwrap_or_default(),
        (None, Some(tools)) => format!("{default_system}{OLMO_FUNCTIONS}{tools}"),
        (None, None) => format!("{default_system}{OLMO_NO_FUNCTIONS}"),
    };
    turn(&mut out, "system", &system);
    for (i, message) in inputs.messages.iter().enumerate() {
        match message.role.as_str() {
            "system" => {}
            "assistant" => {
                open_turn(&mut out, "assistant");
                out += &message.content;
                if !message.tool_calls.is_empty() {
                    let calls: Vec<String> = message
                        .tool_calls
                        .iter()
                        .map(|c| python_call(&c.function.name, &c.function.arguments, ", "))
                        .collect();
                    out += &format!("<function_calls>{}</function_calls>", calls.join("\n"));
                }
                if i + 1 < inputs.messages.len() || !message.tool_calls.is_empty() {
                    out += "<|im_end|>\n";
                }
            }
            "tool" => turn(&mut out, "environment", &message.content),
            role => turn(&mut out, role, &message.content),
        }
    }
    let is_prefill =
        inputs.messages.last().is_some_and(|m| m.role == "assistant" && m.tool_calls.is_empty());
    if !is_prefill {
        open_turn(&mut out, "assistant");
    }
    out
}

/// `olmo3-think`
pub(super) fn think(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render_think(inputs, OLMO_THINK_SYSTEM))
}

/// `olmo3-32b-think`
pub(super) fn think_32b(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render_think(inputs, OLMO_THINK_32B_SYSTEM))
}

fn render_think(inputs: &RenderInputs<'_>, default_system: &str) -> String {
    let mut out = String::new();
    let system = match first_system(inputs) {
        Some(system) => format!("{system} {OLMO_NO_FUNCTIONS}"),
        None => default_system.to_owned(),
    };
    turn(&mut out, "system", &system);
    for message in inputs.messages {
        if !matches!(message.role.as_str(), "system" | "tool") {
            turn(&mut out, &message.role, &message.content);
        }
    }
    open_turn(&mut out, "assistant");
    out + "<think>"
}
