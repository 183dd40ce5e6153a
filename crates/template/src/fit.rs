//! Fitting a conversation into a model's context: which messages are dropped.
//!
//! The oldest go first, one at a time, until what is left renders to few enough tokens. System
//! messages always stay, and so does everything from the last user's message on. A result whose
//! call was dropped goes with it: a model cannot make sense of an answer to nothing.

use camelid_api_types::ollama::Message;

/// Tokens that an image takes in the context, for engines that do not say.
pub const TOKENS_PER_IMAGE: usize = 768;

/// How much fits.
#[derive(Debug, Clone, Copy)]
pub struct ContextLimit {
    /// Tokens that the prompt may have.
    pub n_ctx: usize,
    /// Tokens of each image; 0 for a model that sees none.
    pub tokens_per_image: usize,
}

/// The messages that fit, in order, as indexes into `messages`.
///
/// `count` renders a candidate completely, tools and all, and counts its tokens without images;
/// with a template that is slow to render it is the cost of this function, once for a conversation
/// that fits and at most once per message otherwise. When nothing fits, what must stay is returned
/// anyway, and the engine cuts tokens.
///
/// # Errors
/// The first error of `count`.
///
/// # Examples
/// ```
/// use camelid_api_types::ollama::Message;
/// use camelid_template::{ContextLimit, fit_messages};
///
/// let messages = [Message::system("s"), Message::user("old"), Message::user("new")];
/// let limit = ContextLimit { n_ctx: 2, tokens_per_image: 0 };
/// let kept = fit_messages(&messages, limit, |kept| Ok::<_, ()>(kept.len()))?;
/// assert_eq!(kept, [0, 2]);
/// # Ok::<(), ()>(())
/// ```
pub fn fit_messages<E>(
    messages: &[Message],
    limit: ContextLimit,
    mut count: impl FnMut(&[&Message]) -> Result<usize, E>,
) -> Result<Vec<usize>, E> {
    let last_start = messages.iter().rposition(|m| m.role == "user");
    let last_start = last_start.unwrap_or(messages.len().saturating_sub(1));
    let mut start = 0;
    loop {
        let kept = kept_from(messages, start);
        let candidate: Vec<&Message> = kept.iter().map(|&i| &messages[i]).collect();
        let n_images: usize = candidate.iter().map(|m| m.images.len()).sum();
        let n_tokens =
            count(&candidate)?.saturating_add(n_images.saturating_mul(limit.tokens_per_image));
        if n_tokens <= limit.n_ctx || start >= last_start {
            return Ok(kept);
        }
        start = next_start(messages, start, last_start);
    }
}

/// All system messages, and the others from `start` on.
fn kept_from(messages: &[Message], start: usize) -> Vec<usize> {
    (0..messages.len()).filter(|&i| i >= start || messages[i].role == "system").collect()
}

/// Where to cut next: after one more message that is not a system's, and after the results of the
/// call that it may have been.
fn next_start(messages: &[Message], start: usize, last_start: usize) -> usize {
    let goes = |i: usize| messages[i].role != "system";
    let mut next = (start..last_start).find(|&i| goes(i)).map_or(last_start, |i| i + 1);
    while next < last_start && messages[next].role == "tool" {
        next += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::ImageData;

    use super::*;

    fn fit(messages: &[Message], n_ctx: usize) -> Vec<usize> {
        let limit = ContextLimit { n_ctx, tokens_per_image: 10 };
        fit_messages(messages, limit, |kept| Ok::<_, ()>(kept.len())).unwrap()
    }

    #[test]
    fn the_oldest_go_and_system_and_the_last_question_stay() {
        let messages = [
            Message::user("1"),
            Message::system("s"),
            Message::assistant("2"),
            Message::user("3"),
            Message::assistant("4"),
        ];
        assert_eq!(fit(&messages, 5), [0, 1, 2, 3, 4]);
        assert_eq!(fit(&messages, 4), [1, 2, 3, 4]);
        assert_eq!(fit(&messages, 3), [1, 3, 4]);
        assert_eq!(fit(&messages, 0), [1, 3, 4]);
        assert_eq!(fit(&[], 0), [0_usize; 0]);
    }

    #[test]
    fn results_go_with_their_call() {
        let messages = [
            Message::user("1"),
            Message::assistant("call"),
            Message::new("tool", "a"),
            Message::new("tool", "b"),
            Message::user("2"),
        ];
        assert_eq!(fit(&messages, 4), [1, 2, 3, 4]);
        assert_eq!(fit(&messages, 3), [4]);
    }

    #[test]
    fn images_count_for_as_long_as_they_are_kept() {
        let image = Message { images: vec![ImageData(vec![1])], ..Message::user("look") };
        let messages = [image, Message::assistant("a"), Message::user("b")];
        assert_eq!(fit(&messages, 13), [0, 1, 2]);
        assert_eq!(fit(&messages, 12), [1, 2]);
    }

    #[test]
    fn an_error_of_the_counter_is_passed_on() {
        let limit = ContextLimit { n_ctx: 1, tokens_per_image: 0 };
        assert_eq!(fit_messages(&[Message::user("a")], limit, |_| Err("no")), Err("no"));
    }
}
