//! Feeds text to the Jinja chat template engine and renders what it accepts.

#![no_main]

use camelid_api_types::ollama::Message;
use camelid_template::{ChatInputs, ChatTemplate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(template) = ChatTemplate::new(text) else { return };
    let messages = [Message::system("s"), Message::user("é"), Message::assistant("")];
    let inputs = ChatInputs { messages: &messages, ..ChatInputs::default() };
    // Any result is fine: the claim is that there is one.
    let _ = template.render(&inputs, jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0));
});
