//! Cohere's Command A family.
//!
//! The odd white space is the vendor's template's own.

use std::collections::HashMap;

use camelid_api_types::ollama::Message;
use serde_json::Value as Json;

use super::json::{self, Style};
use super::table::{RenderError, RenderInputs};

const TURN: &str = "<|START_OF_TURN_TOKEN|>";
const END: &str = "<|END_OF_TURN_TOKEN|>";

/// `cohere`
pub(super) fn cohere(inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
    let (system, rest) = inputs.leading_system();
    let mut out = format!("{TURN}<|SYSTEM_TOKEN|><|START_TEXT|>");
    if let Some(system) = system {
        out += &format!("{system}\n\n\n\n");
    }
    out += &format!("# Available Tools\n```json\n[\n{}\n\n]\n```<|END_TEXT|>{END}", tools(inputs));
    let mut ids = CallIds::default();
    let mut i = 0;
    while let Some(message) = rest.get(i) {
        let n_results = rest[i..].iter().take_while(|m| m.role == "tool").count();
        if n_results > 0 {
            out += &results(&rest[i..i + n_results], &ids);
            i += n_results;
            continue;
        }
        i += 1;
        match message.role.as_str() {
            "assistant" => {
                let is_last = i == rest.len();
                out += &assistant(message, &mut ids, is_last);
            }
            role => {
                let token = if role == "user" { "<|USER_TOKEN|>" } else { "<|SYSTEM_TOKEN|>" };
                out += &format!("{TURN}{token}<|START_TEXT|>{}<|END_TEXT|>{END}", message.content);
            }
        }
    }
    let is_prefill = rest.last().is_some_and(|m| m.role == "assistant" && m.tool_calls.is_empty());
    if !is_prefill {
        out += &format!("{TURN}<|CHATBOT_TOKEN|><|START_THINKING|>");
        out += if inputs.thinks(true) { "" } else { "<|END_THINKING|>" };
    }
    Ok(out)
}

fn tools(inputs: &RenderInputs<'_>) -> String {
    if inputs.tools.is_empty() {
        return "\n".to_owned();
    }
    let tools: Vec<String> = inputs
        .tools
        .iter()
        .map(|tool| {
            let function = json::function(tool);
            let text = Style::SPACED.write(&function);
            let open = text.strip_suffix('}').unwrap_or(&text);
            format!("\n    {open}, \"responses\": null}}")
        })
        .collect();
    tools.join(",\n\n") + "\n"
}

/// Calls are numbered over the whole conversation; results refer to the numbers.
#[derive(Default)]
struct CallIds {
    numbers: HashMap<String, usize>,
    n_calls: usize,
    /// The first number of the last answer that called.
    first_of_turn: usize,
}

impl CallIds {
    fn add(&mut self, id: &str) -> usize {
        let number = self.n_calls;
        if !id.is_empty() {
            self.numbers.insert(id.to_owned(), number);
        }
        self.n_calls += 1;
        number
    }
}

fn assistant(message: &Message, ids: &mut CallIds, is_last: bool) -> String {
    let mut out = format!("{TURN}<|CHATBOT_TOKEN|>");
    if !message.thinking.is_empty() {
        out += &format!("<|START_THINKING|>{}<|END_THINKING|>", message.thinking);
    }
    if message.tool_calls.is_empty() {
        out += &format!("<|START_TEXT|>{}", message.content);
        return if is_last { out } else { out + "<|END_TEXT|>" + END };
    }
    ids.first_of_turn = ids.n_calls;
    let calls: Vec<String> = message
        .tool_calls
        .iter()
        .map(|call| {
            let arguments = Style::SPACED.write(&Json::Object(call.function.arguments.clone()));
            format!(
                "\n    {{\"tool_call_id\": \"{}\", \"tool_name\": \"{}\", \"parameters\": {arguments}}}",
                ids.add(&call.id),
                call.function.name
            )
        })
        .collect();
    let calls = calls.join(",\n");
    out + &format!(
        "\n            \n                <|START_ACTION|>[\n{calls}\n\n]<|END_ACTION|>{END}"
    )
}

/// A run of results, which is one turn.
fn results(messages: &[Message], ids: &CallIds) -> String {
    let results: Vec<String> = messages
        .iter()
        .map(|message| {
            let id = ids.numbers.get(&message.tool_call_id).map_or(String::new(), usize::to_string);
            let content = Style::SPACED.write(&Json::from(message.content.as_str()));
            format!(
                "\n    {{\n        \"tool_call_id\": \"{id}\",\n        \"results\": {{\n\n            \n            \
                 \"0\": {{\"content\": {content}}}\n\n        }},\n        \"is_error\": null\n    }}"
            )
        })
        .collect();
    let results = results.join(",");
    format!("{TURN}<|SYSTEM_TOKEN|><|START_TOOL_RESULT|>[{results}\n\n]<|END_TOOL_RESULT|>{END}")
}
