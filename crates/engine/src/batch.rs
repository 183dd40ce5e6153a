//! The unit of work: tokens of one or many sequences, each at its position.
//!
//! A slice of a prompt, one decoding step of twenty requests, or both together are the same thing
//! to a [`Runner`](crate::Runner): a list of `(sequence, position, token)`.

/// A token's index in the vocabulary.
pub type TokenId = u32;

/// Names a sequence of tokens whose keys and values a runner caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeqId(pub u32);

impl std::fmt::Display for SeqId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One token of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchToken {
    /// The sequence it belongs to.
    pub seq: SeqId,
    /// Its position in that sequence, from 0.
    pub pos: u32,
    /// The token.
    pub token: TokenId,
    /// Whether what the model makes of it is wanted: the logits of its successor, or its vector.
    pub want_logits: bool,
}

/// Tokens to run through the model together.
///
/// The tokens of one sequence stand together, in the order of their positions, and continue what
/// is cached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    tokens: Vec<BatchToken>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A prompt, or a slice of one, whose first token stands at `pos`; logits are wanted of its
    /// last token only.
    #[must_use]
    pub fn prompt(seq: SeqId, pos: u32, tokens: &[TokenId]) -> Self {
        let mut batch = Self::new();
        batch.push_slice(seq, pos, tokens, true);
        batch
    }

    /// Adds one token.
    pub fn push(&mut self, seq: SeqId, pos: u32, token: TokenId, want_logits: bool) {
        self.tokens.push(BatchToken { seq, pos, token, want_logits });
    }

    /// Adds consecutive tokens from position `pos` on; `want_last` asks for the last one's logits.
    pub fn push_slice(&mut self, seq: SeqId, pos: u32, tokens: &[TokenId], want_last: bool) {
        let last = tokens.len().wrapping_sub(1);
        for (i, (&token, pos)) in tokens.iter().zip(pos..).enumerate() {
            self.push(seq, pos, token, want_last && i == last);
        }
    }

    /// The same batch with the logits of every token wanted.
    #[must_use]
    pub fn with_all_logits(mut self) -> Self {
        for token in &mut self.tokens {
            token.want_logits = true;
        }
        self
    }

    /// Keeps the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
    }

    /// Removes all tokens and keeps the memory.
    pub fn clear(&mut self) {
        self.tokens.clear();
    }

    /// The tokens in order.
    #[must_use]
    pub fn tokens(&self) -> &[BatchToken] {
        &self.tokens
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_wants_the_logits_of_its_last_token_only() {
        let batch = Batch::prompt(SeqId(3), 5, &[7, 8, 9]);
        let got: Vec<_> =
            batch.tokens().iter().map(|t| (t.seq.0, t.pos, t.token, t.want_logits)).collect();
        assert_eq!(got, [(3, 5, 7, false), (3, 6, 8, false), (3, 7, 9, true)]);
        assert!(batch.with_all_logits().tokens().iter().all(|t| t.want_logits));
    }

    #[test]
    fn an_empty_prompt_makes_an_empty_batch() {
        assert!(Batch::prompt(SeqId(0), 0, &[]).is_empty());
    }
}
