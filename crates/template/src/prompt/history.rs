//! Thinking left over in the texts of past turns.

use camelid_api_types::ollama::Message;

use crate::parsers::split_thinking;

use super::facts::ThinkingTags;

/// Takes `<think>...</think>` off the beginning of every answer before the last question.
///
/// Some families (Qwen 3, DeepSeek R1) were trained without the thinking of turns that are over,
/// and clients send back answers as they got them.
pub fn strip_past_thinking(messages: &mut [Message]) {
    let tags = ThinkingTags { open: "<think>".to_owned(), close: "</think>".to_owned() };
    let last_user = messages.iter().rposition(|m| m.role == "user").unwrap_or(0);
    for message in messages[..last_user].iter_mut().filter(|m| m.role == "assistant") {
        message.content = split_thinking(&tags, &message.content).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_before_the_last_question_change() {
        let text = "<think>hm</think>\n\nyes";
        let mut messages =
            [Message::assistant(text), Message::user("<think>x</think>"), Message::assistant(text)];
        strip_past_thinking(&mut messages);
        assert_eq!(messages.map(|m| m.content), ["yes", "<think>x</think>", text]);
        strip_past_thinking(&mut []);
    }
}
