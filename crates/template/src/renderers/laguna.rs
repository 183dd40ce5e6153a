//! Poolside's Laguna and its predecessor.

use camelid_api_types::ollama::{Message, Tool};

use super::json::{self, Style};
use super::prose::{LAGUNA_SYSTEM, LAGUNA_TOOLS, LAGUNA_USAGE, LAGUNA_USAGE_THINKING};
use super::table::{RenderError, RenderInputs};

const BOS: &str = "〈|EOS|〉";

/// `laguna`
pub(super) fn laguna(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let thinks = inputs.thinks(false);
    let usage = if thinks { LAGUNA_USAGE_THINKING } else { LAGUNA_USAGE };
    Ok(render(inputs, "\n", Some(usage), true))
}

/// `poolside-v1`
pub(super) fn poolside(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    Ok(render(inputs, "", None, false))
}

/// `line` stands inside the turns' tags; `keeps_open` leaves a last answer open.
fn render(inputs: &RenderInputs<'_>, line: &str, usage: Option<&str>, keeps_open: bool) -> String {
    let thinks = inputs.thinks(false);
    let (system, rest) = inputs.leading_system();
    let mut out = format!("{BOS}<system>\n");
    out += &format!("\n{}", system.unwrap_or(LAGUNA_SYSTEM));
    if !inputs.tools.is_empty() {
        out += &format!("\n\n{}", tools(inputs.tools, usage));
    }
    out += "\n</system>\n";
    for (i, message) in rest.iter().enumerate() {
        let content = &message.content;
        match message.role.as_str() {
            "assistant" => {
                let is_open = keeps_open && i + 1 == rest.len() && message.tool_calls.is_empty();
                let shows = keeps_open || thinks;
                assistant(&mut out, message, line, shows, is_open);
            }
            "tool" => {
                out += &format!("<tool_response>{line}{content}{line}</tool_response>\n");
            }
            role => out += &format!("<{role}>{line}{content}{line}</{role}>\n"),
        }
    }
    if !keeps_open || rest.last().is_none_or(|m| m.role != "assistant" || !m.tool_calls.is_empty())
    {
        out += &format!("<assistant>{line}");
        out += if thinks { "<think>" } else { "</think>" };
    }
    out
}

fn tools(tools: &[Tool], usage: Option<&str>) -> String {
    let mut out = LAGUNA_TOOLS.to_owned();
    for tool in tools {
        out += &format!("{}\n", Style::SPACED.write(&json::tool(tool)));
    }
    out += "</available_tools>";
    usage.map_or(out.clone(), |usage| format!("{out}\n\n{usage}"))
}

fn assistant(out: &mut String, message: &Message, line: &str, shows: bool, is_open: bool) {
    *out += &format!("<assistant>{line}");
    let thinking = if shows { message.thinking.trim() } else { "" };
    *out += &match thinking {
        "" => format!("</think>{line}"),
        thinking => format!("<think>{line}{thinking}{line}</think>{line}"),
    };
    let content = message.content.trim();
    if !content.is_empty() {
        *out += &format!("{content}{line}");
    }
    for call in &message.tool_calls {
        *out += &format!("<tool_call>{}\n", call.function.name);
        for (key, value) in &call.function.arguments {
            let value = json::bare(value, Style::SPACED);
            *out += &format!("<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n");
        }
        *out += "</tool_call>\n";
    }
    if !is_open {
        *out += "</assistant>\n";
    }
}
