//! Feeds text to the Go template parser and renders what it accepts over a small conversation.

#![no_main]

use camelid_api_types::ollama::Message;
use camelid_template::{PromptInputs, PromptTemplate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(template) = PromptTemplate::parse(text) else { return };
    let messages = [Message::system("s"), Message::user("é"), Message::assistant("")];
    let inputs = PromptInputs { messages: &messages, ..PromptInputs::default() };
    let today = jiff::civil::date(2026, 1, 15);
    // Any result is fine, and it is the same every time.
    let first = template.render(&inputs, today);
    assert_eq!(template.render(&inputs, today), first);
    let _ = template.render_infill("a", "b", None, today);
});
