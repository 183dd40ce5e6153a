//! The crate's own fixtures, which cover in small what the shared conformance data does.

use camelid_api_types::ollama::{Message, Think, Tool};
use camelid_template::go::{Context, Template, Value as GoValue};
use camelid_template::{
    ChatTemplate, PromptInputs, PromptTemplate, RenderInputs, Renderer, ShippedTemplate,
};
use serde_json::Value;

const GO_LANGUAGE: &str = include_str!("../../testdata/go-language.json");
const JINJA: &str = include_str!("../../testdata/jinja.json");
const PROMPTS: &str = include_str!("../../testdata/prompts.json");
const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 15);

fn parse(file: &str) -> Value {
    serde_json::from_str(file).expect("a fixture is JSON")
}

/// The pairs of texts in a list.
fn pairs(list: &Value) -> impl Iterator<Item = (&str, &str)> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|pair| (pair[0].as_str().expect("a template"), pair[1].as_str().expect("a result")))
}

#[test]
fn go_templates_render_and_fail_as_go_s_do() {
    let file = parse(GO_LANGUAGE);
    let data = GoValue::from(&file["data"]);
    let run = |text: &str| {
        let template = Template::parse("t", text, &[]).map_err(|error| error.to_string())?;
        template.execute(&data, Context { today: TODAY }).map_err(|error| error.to_string())
    };
    for (text, wanted) in pairs(&file["renders"]) {
        assert_eq!(run(text).as_deref(), Ok(wanted), "{text}");
    }
    for (text, wanted) in pairs(&file["parse_errors"]).chain(pairs(&file["run_errors"])) {
        assert_eq!(run(text), Err(format!("template: {wanted}")), "{text}");
    }
    for (text, _) in pairs(&file["parse_errors"]) {
        assert!(Template::parse("t", text, &[]).is_err(), "{text}");
    }
}

#[test]
fn jinja_templates_render_and_fail_as_on_hugging_face() {
    let file = parse(JINJA);
    let context = file["context"].as_object().expect("an object");
    let run = |text: &str| ChatTemplate::new(text)?.render_json(context, TODAY.at(9, 30, 0, 0));
    for (text, wanted) in pairs(&file["renders"]) {
        assert_eq!(run(text).expect(text), wanted, "{text}");
    }
    for (text, wanted) in pairs(&file["errors"]) {
        let error = run(text).expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn prompts_of_all_families_stay_as_they_are() {
    let file = parse(PROMPTS);
    let chat: Vec<Message> = serde_json::from_value(file["messages"].clone()).expect("messages");
    let tools: Vec<Tool> = serde_json::from_value(file["tools"].clone()).expect("tools");
    for name in Renderer::names() {
        let renderer = Renderer::by_name(name).expect("a listed renderer");
        let plain = RenderInputs { messages: &chat[..4], tools: &[], think: None, today: TODAY };
        assert_eq!(renderer.render(&plain).expect(name), file["renderers"][name][0], "{name}");
        let full =
            RenderInputs { messages: &chat, tools: &tools, think: Some(Think::On), today: TODAY };
        assert_eq!(renderer.render(&full).expect(name), file["renderers"][name][1], "{name}");
    }
    for shipped in ShippedTemplate::all() {
        let template = PromptTemplate::parse(shipped.text).expect(shipped.name);
        let inputs = PromptInputs { messages: &chat[..4], ..PromptInputs::default() };
        let got = template.render(&inputs, TODAY).expect(shipped.name);
        assert_eq!(got, file["shipped"][shipped.name], "{}", shipped.name);
    }
}
