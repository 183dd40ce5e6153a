//! GLM 4.7 and GLM-OCR.

use super::json::{self, Style};
use super::prose::{GLM_USAGE, JSON_TOOLS};
use super::qwen::json_tools;
use super::table::{RenderError, RenderInputs};
use camelid_api_types::ollama::{Message, Think};

/// `glm-4.7`
pub(super) fn glm47(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let mut out = render(inputs, "");
    out += "<|assistant|>";
    out += if inputs.thinks(true) { "<think>" } else { "</think>" };
    Ok(out)
}

/// `glm-ocr`
pub(super) fn ocr(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let mut out = render(inputs, "\n");
    out += "<|assistant|>\n";
    if inputs.think == Some(Think::Off) {
        out += "<think></think>\n";
    }
    Ok(out)
}

/// All turns; `line` comes after each header.
fn render(inputs: &RenderInputs<'_>, line: &str) -> String {
    let mut out = String::from("[gMASK]<sop>");
    if !inputs.tools.is_empty() {
        out += "<|system|>\n";
        out += &json_tools(inputs.tools, JSON_TOOLS);
        out += GLM_USAGE;
    }
    let is_ocr = !line.is_empty();
    for (i, message) in inputs.messages.iter().enumerate() {
        let content = &message.content;
        match message.role.as_str() {
            "user" => {
                let off =
                    is_ocr && inputs.think == Some(Think::Off) && !content.ends_with("/nothink");
                out += &format!("<|user|>{line}{content}{}", if off { "/nothink" } else { "" });
            }
            "assistant" => assistant(&mut out, message, line),
            "tool" => {
                if i == 0 || inputs.messages[i - 1].role != "tool" {
                    out += &format!("<|observation|>{line}");
                }
                out += &format!("<tool_response>{content}</tool_response>{line}");
            }
            "system" => out += &format!("<|system|>{line}{content}"),
            _ => {}
        }
    }
    out
}

fn assistant(out: &mut String, message: &Message, line: &str) {
    let (thinking, content) = match message.content.rsplit_once("</think>") {
        Some((before, after)) if message.thinking.is_empty() => {
            (before.rsplit_once("<think>").map_or(before, |(_, thinking)| thinking), after)
        }
        _ => (message.thinking.as_str(), message.content.as_str()),
    };
    *out += &format!("<|assistant|>{line}");
    *out += &match thinking.trim() {
        "" => format!("</think>{line}"),
        thinking => format!("<think>{thinking}</think>{line}"),
    };
    *out += content.trim();
    for call in &message.tool_calls {
        *out += &format!("{line}<tool_call>{}", call.function.name);
        for (key, value) in &call.function.arguments {
            let value = json::bare(value, Style::SPACED);
            *out += &format!("<arg_key>{key}</arg_key><arg_value>{value}</arg_value>");
        }
        *out += "</tool_call>";
    }
}
