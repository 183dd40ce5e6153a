//! The bundled model's two templates: Jinja from its training, Go in its Modelfile.

use camelid_api_types::ollama::{Message, Think, Tool};
use camelid_template::{
    ChatInputs, ChatTemplate, OutputFormat, OutputParser, ParserOptions, PromptInputs,
    PromptTemplate, Reply,
};

const JINJA: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/hf/chat_template.jinja"));

#[test]
fn the_jinja_template_renders_a_thinking_turn() {
    let template = ChatTemplate::new(JINJA).unwrap();
    let messages = [Message::system("Be brief."), Message::user("Hi")];
    let inputs = ChatInputs {
        messages: &messages,
        add_generation_prompt: true,
        think: Some(Think::On),
        ..ChatInputs::default()
    };
    let now = jiff::civil::date(2026, 1, 15).at(0, 0, 0, 0);
    assert_eq!(
        template.render(&inputs, now).unwrap(),
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi /think<|im_end|>\n\
         <|im_start|>assistant\n"
    );
}

const MODELFILE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/Modelfile"));

/// The text between the triple quotes after `TEMPLATE`.
fn go_template() -> PromptTemplate {
    let text = MODELFILE
        .split("TEMPLATE \"\"\"")
        .nth(1)
        .expect("a template")
        .split("\"\"\"")
        .next()
        .expect("its end");
    PromptTemplate::parse(text).expect("a Go template")
}

#[test]
fn the_go_template_tells_what_the_model_can_do() {
    let template = go_template();
    let capabilities = template.capabilities();
    assert!(capabilities.tools && capabilities.insert && !capabilities.thinking);
    assert_eq!(template.tool_tag(), "<tool_call>");
}

#[test]
fn both_templates_make_the_same_prompt() {
    let jinja = ChatTemplate::new(JINJA).unwrap();
    let go = go_template();
    let today = jiff::civil::date(2026, 1, 15);
    let conversations = [
        vec![Message::user("Hi")],
        vec![Message::system("Be brief."), Message::user("Hi")],
        vec![Message::user("1"), Message::assistant("2"), Message::user("3")],
    ];
    for messages in &conversations {
        for think in [None, Some(Think::On), Some(Think::Off)] {
            let inputs = ChatInputs {
                messages,
                add_generation_prompt: true,
                think,
                ..ChatInputs::default()
            };
            let from_jinja = jinja.render(&inputs, today.at(0, 0, 0, 0)).unwrap();
            let inputs = PromptInputs { messages, think, ..PromptInputs::default() };
            assert_eq!(go.render(&inputs, today).unwrap(), from_jinja);
        }
    }
}

#[test]
fn the_model_s_calls_are_read_by_both_ways() {
    let tool = serde_json::json!({"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}});
    let tools: Vec<Tool> = vec![serde_json::from_value(tool).unwrap()];
    let options = ParserOptions { tools: &tools, ..ParserOptions::default() };
    let text = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";
    let named = OutputFormat::for_jinja(JINJA).unwrap();
    assert_eq!(named.name(), "hermes");
    for mut parser in [named.parser(&options), OutputParser::for_template(&go_template(), &options)]
    {
        let mut reply: Reply = parser.push(text).into_iter().collect();
        reply.extend(parser.finish());
        assert_eq!(reply.content, "");
        assert_eq!(reply.tool_calls[0].function.arguments["city"], "Rome");
    }
}
