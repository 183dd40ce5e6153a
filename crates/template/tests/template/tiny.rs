//! The bundled model's two templates: Jinja from its training, Go in its Modelfile.

use camelid_api_types::ollama::{Message, Think};
use camelid_template::{ChatInputs, ChatTemplate};

const JINJA: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/tiny/hf/chat_template.jinja"
));

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
