//! Formats detected from the chat templates of real models, and calls read back from what those
//! templates themselves render: a template that writes past calls shows how the model writes them.

use camelid_template::{ChatTemplate, OutputFormat, ParserOptions, Reply};

use super::{folder, read_json, report, tools};

#[test]
fn calls_that_a_template_renders_are_read_back() {
    let Some(folder) = folder("jinja") else { return };
    let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
    let (mut n_cases, mut failures) = (0, Vec::new());
    let mut paths: Vec<_> = std::fs::read_dir(&folder).expect("a folder").flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::path);
    for path in paths.into_iter().map(|entry| entry.path()) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_none_or(|e| e != "jinja") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a template");
        let template = ChatTemplate::new(&source).expect("a template");
        let cases = read_json(&folder.join(format!("{name}.cases.json")));
        let case = cases.as_array().expect("cases").iter().find(|c| c["name"] == "tool_round_trip");
        let case = case.expect("the round trip");
        if case.get("expected").is_none() {
            continue;
        }
        // The prompt up to the answer, and the same with the answer in it.
        let mut inputs = case["inputs"].as_object().expect("inputs").clone();
        let messages = inputs["messages"].as_array().expect("messages").clone();
        inputs.insert("messages".into(), messages[..1].into());
        let before = template.render_json(&inputs, now).expect("a render");
        inputs.insert("messages".into(), messages[..2].into());
        inputs.insert("add_generation_prompt".into(), false.into());
        let Ok(after) = template.render_json(&inputs, now) else { continue };
        let start = answer_start(&before, &after);
        // Only templates that write the call itself can show how it is written.
        if !after[start..].contains("Paris") {
            continue;
        }
        n_cases += 1;
        let Some(format) = OutputFormat::for_jinja(&source) else {
            failures.push(format!("{name}: no format detected"));
            continue;
        };
        let declared = tools(&case["inputs"]);
        let prompt = &after[..start];
        let options =
            ParserOptions { tools: &declared, prompt: Some(prompt), ..ParserOptions::default() };
        let mut parser = format.parser(&options);
        let mut reply: Reply = parser.push(&after[start..]).into_iter().collect();
        reply.extend(parser.finish());
        let calls: Vec<_> =
            reply.tool_calls.iter().map(|c| (&*c.function.name, &c.function.arguments)).collect();
        let wanted = serde_json::json!({"location": "Paris", "unit": "celsius"});
        if calls != [("get_weather", wanted.as_object().expect("an object"))] {
            failures
                .push(format!("{name} as {format:?}: {:?}\n    gives {reply:?}", &after[start..]));
        }
    }
    report("round trips of jinja templates", n_cases, &failures);
}

/// Where the answer starts: what both texts share, back to the beginning of a tag cut in two.
fn answer_start(before: &str, after: &str) -> usize {
    let differs = before.char_indices().zip(after.chars()).find(|((_, a), b)| a != b);
    let start = differs.map_or(before.len().min(after.len()), |((at, _), _)| at);
    match after[..start].rfind('<') {
        Some(open) if !after[open..start].contains('>') => open,
        _ => start,
    }
}
