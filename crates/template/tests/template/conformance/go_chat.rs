//! Conversations through Go templates, and what is inferred from them, against Ollama 0.33.

use camelid_template::{PromptInputs, PromptTemplate};
use serde_json::Value;

use super::{difference, folder, messages, read_json, report, text, think, tools};

fn template_of(input: &Value) -> String {
    match input.get("template") {
        Some(text) => text.as_str().expect("a text").to_owned(),
        None => {
            let folder = folder("go-templates").expect("the folder of the other files");
            std::fs::read_to_string(folder.join(text(input, "template_file"))).expect("a template")
        }
    }
}

#[test]
fn conversations_render_as_in_ollama() {
    let Some(folder) = folder("chat") else { return };
    let cases = read_json(&folder.join("go-chat.json"));
    let cases = cases.as_array().expect("cases");
    let today = jiff::civil::date(2026, 1, 15);
    let mut failures = Vec::new();
    for case in cases {
        let input = &case["input"];
        let template = PromptTemplate::parse(&template_of(input)).expect("a template");
        let got = match input.get("suffix") {
            Some(suffix) => template.render_infill(
                text(input, "prompt"),
                suffix.as_str().expect("a text"),
                think(input),
                today,
            ),
            None => {
                let (messages, tools) = (messages(input), tools(input));
                let inputs =
                    PromptInputs { messages: &messages, tools: &tools, think: think(input) };
                template.render(&inputs, today)
            }
        };
        let problem = match got {
            Ok(got) => difference(&got, text(&case["output"], "expected")),
            Err(error) => Some(error.to_string()),
        };
        failures.extend(problem.map(|p| format!("{}: {p}", case["name"])));
    }
    report("chat/go-chat.json", cases.len(), &failures);
}

#[test]
fn facts_are_inferred_as_in_ollama() {
    let Some(folder) = folder("chat") else { return };
    let cases = read_json(&folder.join("go-facts.json"));
    let cases = cases.as_array().expect("cases");
    let mut failures = Vec::new();
    for case in cases {
        let template = PromptTemplate::parse(&template_of(&case["input"])).expect("a template");
        let (open, close) = template.thinking_tags().map_or(("", ""), |t| (&t.open, &t.close));
        let got = serde_json::json!({
            "thinking_close": close,
            "thinking_open": open,
            "tool_tag": template.tool_tag(),
            "variables": template.variables().collect::<Vec<_>>(),
        });
        if got != case["output"] {
            failures
                .push(format!("{}\n    got    {got}\n    wanted {}", case["name"], case["output"]));
        }
    }
    report("chat/go-facts.json", cases.len(), &failures);
}
