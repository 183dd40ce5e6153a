//! DeepSeek V3.1 and Cogito, which was made from it.

use camelid_api_types::ollama::Message;
use serde_json::Value as Json;

use super::json::{self, Style};
use super::prose::{COGITO_SYSTEM, COGITO_THINKING, DEEPSEEK_USAGE};
use super::table::{RenderError, RenderInputs};

const BOS: &str = "<｜begin▁of▁sentence｜>";
const EOS: &str = "<｜end▁of▁sentence｜>";
const USER: &str = "<｜User｜>";
const ASSISTANT: &str = "<｜Assistant｜>";

fn arguments(message: &Message) -> impl Iterator<Item = (&str, String)> {
    message.tool_calls.iter().map(|call| {
        let arguments = Json::Object(call.function.arguments.clone());
        (call.function.name.as_str(), Style::PLAIN.write(&arguments))
    })
}

/// `cogito`
pub(super) fn cogito(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let thinks = inputs.thinks(false);
    let (system, rest) = inputs.leading_system();
    let mut out = BOS.to_owned();
    if thinks {
        out += COGITO_THINKING;
    }
    out += COGITO_SYSTEM;
    if let Some(system) = system.filter(|text| !text.is_empty()) {
        out += &format!("\n\n{system}");
    }
    if !inputs.tools.is_empty() {
        out += "\nYou have the following functions available:\n";
        for tool in inputs.tools {
            out += &format!("```json\n{}\n```\n", Style::INDENTED.write(&json::tool(tool)));
        }
    }
    for (i, message) in rest.iter().enumerate() {
        match message.role.as_str() {
            "user" => out += &format!("{USER}{}{ASSISTANT}", message.content),
            "assistant" => out += &format!("{}{}{EOS}", message.content, fenced_calls(message)),
            "tool" => out += &cogito_output(rest, i),
            _ => out += &message.content,
        }
    }
    if rest.last().is_none_or(|m| m.role != "user") {
        out += ASSISTANT;
    }
    if thinks {
        out += "<think>\n";
    }
    Ok(out)
}

fn fenced_calls(message: &Message) -> String {
    let calls: Vec<String> = arguments(message)
        .map(|(name, arguments)| {
            format!(
                "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```<｜tool▁call▁end｜>"
            )
        })
        .collect();
    wrapped("<｜tool▁calls▁begin｜>", &calls, "\n", "<｜tool▁calls▁end｜>")
}

fn wrapped(open: &str, items: &[String], between: &str, close: &str) -> String {
    if items.is_empty() { String::new() } else { format!("{open}{}{close}", items.join(between)) }
}

/// One of a run of results, the first with what opens the run, the last with what closes it.
fn cogito_output(messages: &[Message], i: usize) -> String {
    let is_tool = |m: Option<&Message>| m.is_some_and(|m| m.role == "tool");
    let open =
        if i > 0 && is_tool(messages.get(i - 1)) { "\n" } else { "<｜tool▁outputs▁begin｜>" };
    let close = if is_tool(messages.get(i + 1)) { "" } else { "<｜tool▁outputs▁end｜>" };
    let content = &messages[i].content;
    format!("{open}<｜tool▁output▁begin｜>{content}<｜tool▁output▁end｜>{close}")
}

/// `deepseek3.1`
pub(super) fn deepseek31(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let thinks = inputs.thinks(false);
    let messages = inputs.messages;
    let system: Vec<&str> =
        messages.iter().filter(|m| m.role == "system").map(|m| m.content.as_str()).collect();
    let mut out = BOS.to_owned() + &system.join("\n\n") + &tools(inputs);
    let last_user = inputs.last_user();
    // The assistant's tag is due after a question, and comes with the answer or at the end.
    let mut is_due = false;
    for (i, message) in messages.iter().enumerate() {
        match message.role.as_str() {
            "user" => {
                out += &format!("{USER}{}", message.content);
                is_due = true;
            }
            "assistant" => {
                if std::mem::take(&mut is_due) {
                    let shows = thinks
                        && !message.thinking.is_empty()
                        && last_user.is_none_or(|user| i > user);
                    let thinking = if shows { message.thinking.as_str() } else { "" };
                    let open = if shows { "<think>" } else { "" };
                    out += &format!("{ASSISTANT}{open}{thinking}</think>");
                }
                let content =
                    message.content.rsplit_once("</think>").map_or(&*message.content, |(_, c)| c);
                let calls: Vec<String> = arguments(message)
                    .map(|(name, arguments)| {
                        format!("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜>")
                    })
                    .collect();
                out += content;
                out += &wrapped("<｜tool▁calls▁begin｜>", &calls, "", "<｜tool▁calls▁end｜>");
                out += EOS;
            }
            "tool" => {
                out += &format!("<｜tool▁output▁begin｜>{}<｜tool▁output▁end｜>", message.content);
            }
            _ => {}
        }
    }
    if is_due {
        out += ASSISTANT;
        out += if thinks { "<think>" } else { "</think>" };
    }
    Ok(out)
}

fn tools(inputs: &RenderInputs<'_>) -> String {
    if inputs.tools.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n\n## Tools\nYou have access to the following tools:\n");
    for tool in inputs.tools {
        let parameters = Style::PLAIN.write(&json::tool(tool)["function"]["parameters"]);
        let function = &tool.function;
        out += &format!(
            "\n### {}\nDescription: {}\n\nParameters: {parameters}\n",
            function.name, function.description
        );
    }
    out + "\n" + DEEPSEEK_USAGE
}
