//! Conversations through the built-in renderers, against Ollama 0.33's.

use camelid_template::{RenderInputs, Renderer};

use super::{difference, folder, messages, read_json, report, text, think, tools};

#[test]
fn built_in_renderers_render_as_in_ollama() {
    let Some(folder) = folder("chat") else { return };
    let cases = read_json(&folder.join("renderers.json"));
    let cases = cases.as_array().expect("cases");
    // The day on which the data was recorded.
    let today = jiff::civil::date(2026, 11, 21);
    let mut failures = Vec::new();
    for case in cases {
        let input = &case["input"];
        let renderer = Renderer::by_name(text(input, "name")).expect("a known renderer");
        let (messages, tools) = (messages(input), tools(input));
        let inputs =
            RenderInputs { messages: &messages, tools: &tools, think: think(input), today };
        let problem = match renderer.render(&inputs) {
            Ok(got) => difference(&got, text(&case["output"], "expected")),
            Err(error) => Some(error.to_string()),
        };
        failures.extend(problem.map(|p| format!("{}: {p}", case["name"])));
    }
    report("chat/renderers.json", cases.len(), &failures);
}
