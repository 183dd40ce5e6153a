//! Where images and audio stand in a prompt: `[img-N]`, which the engine replaces by what it sees.

use std::borrow::Cow;

use camelid_api_types::ollama::Message;

/// What a client may write where an image is meant to be.
const PLACEHOLDER: &str = "[img]";

/// Messages with a tag for each of their images, numbered from 0 over all of them.
///
/// A `[img]` in the text is the place of the next image; those without one come before the text.
pub(super) fn tag_images(messages: &[Message]) -> Cow<'_, [Message]> {
    if messages.iter().all(|m| m.images.is_empty()) {
        return Cow::Borrowed(messages);
    }
    let mut messages = messages.to_vec();
    let mut n_images = 0;
    for message in &mut messages {
        let mut prefix = String::new();
        for _ in &message.images {
            let tag = format!("[img-{n_images}]");
            n_images += 1;
            if message.content.contains(PLACEHOLDER) {
                message.content = message.content.replacen(PLACEHOLDER, &tag, 1);
            } else {
                prefix.push_str(&tag);
            }
        }
        message.content.insert_str(0, &prefix);
    }
    Cow::Owned(messages)
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
    }
}
