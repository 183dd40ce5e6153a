//! 46 chat templates of real models against Jinja2 3.1.6 with Hugging Face's settings.

use camelid_api_types::ollama::{Message, Think, Tool};
use camelid_template::{ChatInputs, ChatTemplate, JinjaError, JsonContext};
use jiff::civil::DateTime;
use serde_json::Value;

use super::{difference, folder, read_json, report};

/// The same conversation through the wire types, as the runtime hands it over.
fn render_typed(
    template: &ChatTemplate,
    inputs: &JsonContext,
    now: DateTime,
) -> Result<String, JinjaError> {
    let mut messages = inputs["messages"].clone();
    for message in messages.as_array_mut().expect("a list") {
        let message = message.as_object_mut().expect("an object");
        if let Some(name) = message.remove("name") {
            message.insert("tool_name".to_owned(), name);
        }
    }
    let messages: Vec<Message> = serde_json::from_value(messages).expect("messages");
    let tools: Option<Vec<Tool>> = serde_json::from_value(inputs["tools"].clone()).expect("tools");
    let text = |key: &str| inputs[key].as_str().expect("a token's text");
    let inputs = ChatInputs {
        messages: &messages,
        tools: tools.as_deref().unwrap_or_default(),
        add_generation_prompt: inputs["add_generation_prompt"] == true,
        bos_token: text("bos_token"),
        eos_token: text("eos_token"),
        think: inputs.get("enable_thinking").and_then(Value::as_bool).map(Think::from),
        extra: None,
    };
    template.render(&inputs, now)
}

#[test]
fn every_template_renders_as_jinja2_does() {
    let Some(folder) = folder("jinja") else { return };
    let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
    let (mut n_cases, mut failures) = (0, Vec::new());
    let mut paths: Vec<_> = std::fs::read_dir(&folder).expect("a folder").flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::path);
    for entry in paths {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "jinja") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).expect("a template");
        let template = match ChatTemplate::new(&source) {
            Ok(template) => template,
            Err(error) => {
                n_cases += 1;
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        for case in read_json(&folder.join(format!("{name}.cases.json"))).as_array().expect("list")
        {
            n_cases += 1;
            let inputs = case["inputs"].as_object().expect("inputs");
            let got = template.render_json(inputs, now);
            let typed = render_typed(&template, inputs, now);
            if got.as_ref().ok() != typed.as_ref().ok() {
                failures.push(format!("{name} / {}: typed messages give {typed:?}", case["name"]));
            }
            let wanted = case.get("expected").and_then(Value::as_str);
            let problem = match (got, wanted) {
                (Ok(got), Some(wanted)) => difference(&got, wanted),
                (Err(_), None) => None,
                (Ok(_), None) => Some(format!("rendered, but should fail: {}", case["error"])),
                (Err(error), Some(_)) => Some(error.to_string()),
            };
            failures.extend(problem.map(|p| format!("{name} / {}: {p}", case["name"])));
        }
    }
    report("jinja", n_cases, &failures);
}
