//! Prints `testdata/prompts.json`: two conversations through every renderer and shipped template.
//!
//! Run `cargo run -p camelid-template --example golden > crates/template/testdata/prompts.json`
//! after a change that means to change prompts, and read the difference.

use camelid_api_types::ollama::{Message, Think, Tool};
use camelid_template::{PromptInputs, PromptTemplate, RenderInputs, Renderer, ShippedTemplate};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi <b>"},
        {"role": "assistant", "content": "Hello.", "thinking": "A greeting."},
        {"role": "user", "content": "Weather in Rome, 3 days?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "function": {"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}}
        ]},
        {"role": "tool", "content": "sunny", "tool_name": "get_weather", "tool_call_id": "c1"}
    ]);
    let tools = json!([{"type": "function", "function": {
        "name": "get_weather", "description": "Get the weather",
        "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "The city"},
            "days": {"type": "integer"}
        }}
    }}]);
    let chat: Vec<Message> = serde_json::from_value(messages.clone())?;
    let declared: Vec<Tool> = serde_json::from_value(tools.clone())?;
    let today = jiff::civil::date(2026, 1, 15);
    let (mut renderers, mut shipped) = (Map::new(), Map::new());
    for name in Renderer::names() {
        let renderer = Renderer::by_name(name).ok_or("a listed renderer")?;
        let plain = RenderInputs { messages: &chat[..4], tools: &[], think: None, today };
        let full =
            RenderInputs { messages: &chat, tools: &declared, think: Some(Think::On), today };
        let texts = json!([renderer.render(&plain)?, renderer.render(&full)?]);
        renderers.insert(name.to_owned(), texts);
    }
    for template in ShippedTemplate::all() {
        let inputs = PromptInputs { messages: &chat[..4], ..PromptInputs::default() };
        let text = PromptTemplate::parse(template.text)?.render(&inputs, today)?;
        shipped.insert(template.name.to_owned(), Value::from(text));
    }
    let about = "Made by examples/golden.rs, whose renderers and templates were equal to Ollama \
                 0.33's in all cases of the project's shared conformance data. Of each renderer the \
                 first four messages plain, and all of them with the tools and thinking on; of each \
                 shipped template the first four.";
    let file = json!({
        "about": about, "messages": messages, "tools": tools,
        "renderers": renderers, "shipped": shipped,
    });
    serde_json::to_writer_pretty(std::io::stdout().lock(), &file)?;
    Ok(())
}
