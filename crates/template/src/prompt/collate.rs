//! Messages as templates see them: neighbours of the same role are one message.

use camelid_api_types::ollama::Message;

/// Puts a blank line between merged texts.
pub(super) const SEPARATOR: &str = "\n\n";

/// The system texts joined, and the messages with neighbours of one role merged.
///
/// Results of tools stay apart, since each answers its own call.
pub(super) fn collate(messages: &[Message]) -> (String, Vec<Message>) {
    let system: Vec<&str> =
        messages.iter().filter(|m| m.role == "system").map(|m| m.content.as_str()).collect();
    let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match merged.last_mut() {
            Some(last) if last.role == message.role && message.role != "tool" => {
                merge(last, message);
            }
            _ => merged.push(message.clone()),
        }
    }
    (system.join(SEPARATOR), merged)
}

/// Ollama merges only the text and loses the rest of the second message; here it stays.
fn merge(into: &mut Message, from: &Message) {
    into.content.push_str(SEPARATOR);
    into.content.push_str(&from.content);
    into.images.extend_from_slice(&from.images);
    into.tool_calls.extend_from_slice(&from.tool_calls);
    if into.thinking.is_empty() {
        into.thinking.clone_from(&from.thinking);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_merge_and_tool_results_do_not() {
        let messages = [
            Message::system("a"),
            Message::user("b"),
            Message::user("c"),
            Message::new("tool", "1"),
            Message::new("tool", "2"),
            Message::system("d"),
        ];
        let (system, merged) = collate(&messages);
        assert_eq!(system, "a\n\nd");
        let texts: Vec<&str> = merged.iter().map(|m| m.content.as_str()).collect();
        assert_eq!(texts, ["a", "b\n\nc", "1", "2", "d"]);
    }
}
