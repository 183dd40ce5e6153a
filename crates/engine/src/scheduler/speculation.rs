//! Guessing the next tokens, so that one forward pass may make several.
//!
//! A guess is run behind the token it follows, with the logits of every position; then tokens are
//! chosen as always, and as long as the choice is the guess, the next logits are there already. The
//! text is the same as without guessing, token for token and seed for seed: a guess decides only
//! what is computed early.
//!
//! In terms of speculative sampling, a guess is accepted with the probability that the model gives
//! it, and what is drawn otherwise follows the rest of the model's distribution, whatever the
//! guess. So a drafter need not tell its probabilities, only be right often. It is told how the
//! choice will be made ([`Ask::sampler`]): one that has logits of its own makes it from them with
//! the random number that the model's choice will take, and where the two agree about the
//! distribution they agree about the token.
//!
//! There are two drafters, asked in this order: the text itself (`repetition`) costs nothing and has
//! seldom something to say; a small model (`draft_model`) always has. How much each sequence
//! believes each is `trust`.

mod draft_model;
mod repetition;
mod trust;

use std::time::Duration;

use crate::{
    batch::{SeqId, TokenId},
    error::Result,
    sampler::Sampler,
};

pub(super) use draft_model::DraftModel;
pub(super) use repetition::Repetition;
pub(super) use trust::Trust;

/// Makes guesses. Knows sequences by what it is asked, and until it is told of their end.
pub(super) trait Drafter: Send {
    /// Guesses what follows some texts. `room` is a bound on the tokens that may be read before, of
    /// all the texts together; one that is not read to its end gets no guess yet.
    ///
    /// # Errors
    /// Where no more guesses can be expected.
    fn guess(&mut self, asks: Vec<Ask<'_>>, room: usize) -> Result<()>;

    /// What it takes, of late, to guess one token more for all.
    fn cost(&self) -> Duration {
        Duration::ZERO
    }

    /// Notes that a sequence has ended.
    fn end(&mut self, _seq: SeqId) {}
}

/// What one sequence wants guessed.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) seq: SeqId,
    /// Its tokens so far; not empty.
    pub(super) tokens: &'a [TokenId],
    /// What the tokens will be chosen with.
    pub(super) sampler: &'a Sampler,
    /// Most tokens to guess; at least 1.
    pub(super) n: usize,
    /// Gets the guess; empty before.
    pub(super) guess: &'a mut Vec<TokenId>,
}

/// Where a guess comes from: an index into what there is one of for each drafter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Repetition,
    Model,
}

impl Source {
    /// In the order in which they are asked.
    pub(super) const ALL: [Self; 2] = [Self::Repetition, Self::Model];
}
