//! What transports need to know of the parts of an answer.

/// A part of a streamed answer.
pub trait Chunk: Sized {
    /// Takes in the part that follows, so that in the end `self` is the whole answer: texts are
    /// joined, lists appended, everything else is as in the latest part.
    fn absorb(&mut self, next: Self);

    /// True for the last part of a complete answer.
    fn is_done(&self) -> bool;

    /// True for an answer that is one plain object even where a stream was asked for: after
    /// loading, unloading and rendering.
    fn stands_alone(&self) -> bool;
}

/// Puts `before` in front of `text`, copying only `text`, which is short.
pub(super) fn prepend_text(text: &mut String, mut before: String) {
    before.push_str(text);
    *text = before;
}

/// Puts `before` in front of `list`.
pub(super) fn prepend<T>(list: &mut Vec<T>, mut before: Vec<T>) {
    before.append(list);
    *list = before;
}
