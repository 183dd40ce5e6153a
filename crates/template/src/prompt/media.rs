//! Where images and audio stand in a prompt: `[img-N]`, which the engine replaces by what it sees.

use std::borrow::Cow;

use camelid_api_types::ollama::Message;

/// What a client may write where an image is meant to be.
const PLACEHOLDER: &str = "[img]";

/// Messages with a tag for each of their images, numbered from 0 over all of them.
///
/// A `[img]` in the text is the place of the next image; those without one come before the text.
pub(super) fn tag_images(messages: &[Message]) -> Cow<'_, [Message]> {
    tag(messages, |message, tags| {
        let prefix = place(message, tags);
        message.content.insert_str(0, &prefix);
    })
}

/// The same as built-in renderers do it: texts that hold tags already are left alone, and a blank
/// stands between the tags in front and the text.
pub(crate) fn tag_images_for_renderers(messages: &[Message]) -> Cow<'_, [Message]> {
    tag(messages, |message, tags| {
        if message.content.contains("[img-") {
            return;
        }
        let mut prefix = place(message, tags);
        if !prefix.is_empty() && message.content.starts_with(|c: char| !c.is_whitespace()) {
            prefix.push(' ');
        }
        message.content.insert_str(0, &prefix);
    })
}

/// Calls `insert` with each message that has images, and their tags.
fn tag(messages: &[Message], insert: impl Fn(&mut Message, &[String])) -> Cow<'_, [Message]> {
    if messages.iter().all(|m| m.images.is_empty()) {
        return Cow::Borrowed(messages);
    }
    let mut messages = messages.to_vec();
    let mut n_images = 0;
    for message in messages.iter_mut().filter(|m| !m.images.is_empty()) {
        let next = n_images + message.images.len();
        let tags: Vec<String> = (n_images..next).map(|n| format!("[img-{n}]")).collect();
        n_images = next;
        insert(message, &tags);
    }
    Cow::Owned(messages)
}

/// Puts tags where the text has places for them, and returns the others.
fn place(message: &mut Message, tags: &[String]) -> String {
    let mut rest = String::new();
    for tag in tags {
        if message.content.contains(PLACEHOLDER) {
            message.content = message.content.replacen(PLACEHOLDER, tag, 1);
        } else {
            rest.push_str(tag);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::ImageData;

    use super::*;

    #[test]
    fn images_are_numbered_in_place_or_in_front() {
        let image = || ImageData(vec![1]);
        let messages = [
            Message { images: vec![image(), image()], ..Message::user("see [img] here") },
            Message { images: vec![image()], ..Message::user("and") },
        ];
        let tagged = tag_images(&messages);
        assert_eq!(tagged[0].content, "[img-1]see [img-0] here");
        assert_eq!(tagged[1].content, "[img-2]and");
        let tagged = tag_images_for_renderers(&messages);
        assert_eq!(tagged[1].content, "[img-2] and");
    }
}
