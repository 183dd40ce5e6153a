//! A request's way out: pieces of text as they are made, blocking or asynchronous.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_channel::Receiver;
use futures_core::Stream;

use crate::{
    batch::TokenId,
    error::{Error, Result},
    grammar::Grammar,
    logprobs::Logprob,
    sampler::SamplerOptions,
};

/// How a request is to be answered. [`Default`] is greedy until the model ends or the context is
/// full.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GenerateOptions {
    /// Most tokens to generate; `None` sets no bound.
    pub n_predict: Option<usize>,
    /// Context of this request in tokens, at most the model's; `None` takes the model's.
    pub n_ctx: Option<usize>,
    /// Tokens at the beginning of the prompt that survive when something must be dropped.
    pub n_keep: usize,
    /// Who goes first where there is not room for all.
    pub priority: Priority,
    /// What to do with a prompt that does not fit.
    pub long_prompt: LongPrompt,
    /// Whether to drop the older half of what is not kept and go on when the context is full.
    pub shift: bool,
    /// How tokens are chosen.
    pub sampler: SamplerOptions,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// What the answer must look like.
    pub grammar: Option<Grammar>,
    /// Most tokens to guess from what the text repeats; 0 never guesses. The text is the same in
    /// any case, it comes faster where it repeats itself, and guessing stops where it does not pay.
    pub n_draft: usize,
    /// Most tokens to let the [draft model](crate::ModelOptions::draft) guess, where there is one; 0
    /// does not ask it. The text is the same, as for `n_draft`.
    pub n_draft_model: usize,
    /// Log-probabilities: of each token and of so many of the likeliest in its place.
    pub logprobs: Option<usize>,
    /// The same of the prompt's tokens, the first excepted, which follows nothing. The whole prompt
    /// is run for that: nothing of it is taken from the cache.
    pub prompt_logprobs: Option<usize>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            n_predict: None,
            n_ctx: None,
            n_keep: 4,
            priority: Priority::Interactive,
            long_prompt: LongPrompt::Refuse,
            shift: false,
            sampler: SamplerOptions::default(),
            stop: Vec::new(),
            grammar: None,
            n_draft: 8,
            n_draft_model: 4,
            logprobs: None,
            prompt_logprobs: None,
        }
    }
}

/// Who goes first where there is not room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Priority {
    /// Somebody reads along: taken from the queue first, read first, and seldom delayed.
    #[default]
    Interactive,
    /// Nobody waits: gets what interactive requests leave, and at least an eighth of each step's
    /// room for prompts.
    Background,
}

/// What to do with a prompt that does not fit into the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LongPrompt {
    /// Answer [`Error::PromptTooLong`].
    #[default]
    Refuse,
    /// Keep the first `n_keep` tokens and the newest, so that half of the rest is free.
    DropMiddle,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The model ended it, or a stop string was found.
    Stop,
    /// `n_predict` tokens were made, or the context is full.
    Length,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tokens of the prompt that was run.
    pub n_prompt: usize,
    /// How many of those had been computed for an earlier request.
    pub n_prompt_cached: usize,
    /// Tokens generated, the one that ended the generation included.
    pub n_generated: usize,
    /// Tokens that were guessed and run on trial.
    pub n_drafted: usize,
    /// How many of those were right.
    pub n_accepted: usize,
    /// From the request's first batch until the prompt was read.
    pub prompt_duration: Duration,
    /// From then until the end.
    pub generate_duration: Duration,
}

/// The end of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// What it took.
    pub stats: Stats,
}

/// Some text and the tokens it was made of.
///
/// A token whose text is not decided yet (half a character, or what may become a stop string)
/// comes with the piece that decides it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Piece {
    /// Whole characters; may be empty at the end.
    pub text: String,
    /// Tokens since the last piece.
    pub tokens: Vec<TokenId>,
    /// One for each of the tokens, where they were asked for.
    pub logprobs: Vec<Logprob>,
    /// In the first piece, and only where they were asked for: one for each token of the prompt that
    /// was run but the first.
    pub prompt_logprobs: Vec<Logprob>,
    /// Set in the last piece, and only there.
    pub end: Option<End>,
}

/// The answer to one request, while it is being made.
///
/// An iterator that waits, and a [`Stream`] that does not. Dropping it cancels the request at the
/// engine's next step.
#[derive(Debug)]
pub struct Generation {
    receiver: Pin<Box<Receiver<Result<Piece>>>>,
    prompt: Vec<TokenId>,
    is_done: bool,
    /// Keeps the engine alive until the answer is complete.
    _model: crate::Model,
}

impl Generation {
    pub(crate) fn new(
        receiver: Receiver<Result<Piece>>,
        prompt: Vec<TokenId>,
        model: crate::Model,
    ) -> Self {
        Self { receiver: Box::pin(receiver), prompt, is_done: false, _model: model }
    }

    /// The prompt's tokens as they were asked for.
    #[must_use]
    pub fn prompt_tokens(&self) -> &[TokenId] {
        &self.prompt
    }

    /// Waits for the end and joins all text.
    ///
    /// # Errors
    /// The first error of the generation; the text until then is lost.
    pub fn text(self) -> Result<String> {
        let mut text = String::new();
        for piece in self {
            text.push_str(&piece?.text);
        }
        Ok(text)
    }

    /// Notes the end, and makes an error of a channel that closed before it.
    fn observe(&mut self, received: Option<Result<Piece>>) -> Option<Result<Piece>> {
        let item = received.unwrap_or(Err(Error::Stopped));
        self.is_done = !matches!(&item, Ok(piece) if piece.end.is_none());
        Some(item)
    }
}

impl Iterator for Generation {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let received = self.receiver.recv_blocking().ok();
        self.observe(received)
    }
}

impl Stream for Generation {
    type Item = Result<Piece>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let received = std::task::ready!(self.receiver.as_mut().poll_next(cx));
        Poll::Ready(self.observe(received))
    }
}
