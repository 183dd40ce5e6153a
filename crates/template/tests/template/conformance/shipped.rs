//! The shipped templates against what Ollama's of the same names render to.

use camelid_api_types::ollama::Message;
use camelid_template::{PromptInputs, PromptTemplate, ShippedTemplate};
use serde_json::Value;

use super::{difference, folder, messages, read_json, report, text, think, tools};

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 15);

/// The conversations that the published results are named after.
fn conversation(name: &str) -> Vec<Message> {
    let texts = ["Hello, how are you?", "I'd like to show off how chat templating works!"];
    let mut n_user = 0;
    name.split('-')
        .map(|role| match role {
            "system" => Message::system("You are a helpful assistant."),
            "assistant" => Message::assistant("I'm doing great. How can I help you today?"),
            _ => {
                n_user += 1;
                Message::user(texts[n_user - 1])
            }
        })
        .collect()
}

#[test]
fn shipped_templates_render_as_published() {
    let Some(folder) = folder("go-templates/expected") else { return };
    let (mut n_cases, mut failures) = (0, Vec::new());
    for shipped in ShippedTemplate::all() {
        let template = PromptTemplate::parse(shipped.text).expect("a template");
        for entry in
            std::fs::read_dir(folder.join(format!("{}.gotmpl", shipped.name))).expect("results")
        {
            let path = entry.expect("an entry").path();
            let wanted = std::fs::read_to_string(&path).expect("a result");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            n_cases += 1;
            let messages = conversation(&name);
            let inputs = PromptInputs { messages: &messages, ..PromptInputs::default() };
            let got = template.render(&inputs, TODAY).expect("a render");
            failures
                .extend(difference(&got, &wanted).map(|p| format!("{}/{name}: {p}", shipped.name)));
        }
    }
    report("go-templates/expected", n_cases, &failures);
}

#[test]
fn shipped_templates_render_all_conversations_as_ollama_s_do() {
    let Some(folder) = folder("chat") else { return };
    let (mut n_cases, mut failures) = (0, Vec::new());
    for case in read_json(&folder.join("go-chat.json")).as_array().expect("cases") {
        let input = &case["input"];
        let Some(file) = input.get("template_file").and_then(Value::as_str) else { continue };
        let Some(_) = input.get("messages") else { continue };
        n_cases += 1;
        let name = file.trim_end_matches(".gotmpl");
        let shipped = ShippedTemplate::by_name(name).expect("a shipped template");
        let template = PromptTemplate::parse(shipped.text).expect("a template");
        let (messages, tools) = (messages(input), tools(input));
        let inputs = PromptInputs { messages: &messages, tools: &tools, think: think(input) };
        let got = template.render(&inputs, TODAY).expect("a render");
        let problem = difference(&got, text(&case["output"], "expected"));
        failures.extend(problem.map(|p| format!("{}: {p}", case["name"])));
    }
    report("chat/go-chat.json over shipped templates", n_cases, &failures);
}

#[test]
fn known_jinja_templates_are_recognized() {
    let Some(folder) = folder("go-templates") else { return };
    let (mut n_cases, mut failures) = (0, Vec::new());
    let mut check = |source: &str, wanted: &str| {
        n_cases += 1;
        let got = ShippedTemplate::recognize(source).map(|shipped| shipped.name);
        if got != Some(wanted) {
            failures.push(format!("{wanted}: recognized as {got:?}"));
        }
    };
    let lines = std::fs::read_to_string(folder.join("expected/templates.jsonl")).expect("lines");
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        for (name, source) in entry.as_object().expect("an object") {
            check(source.as_str().expect("a text"), name);
        }
    }
    for entry in read_json(&folder.join("index.json")).as_array().expect("an index") {
        check(text(entry, "template"), text(entry, "name"));
    }
    report("templates.jsonl and index.json", n_cases, &failures);
}
