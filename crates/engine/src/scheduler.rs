//! Forms batches from all requests at work and turns their logits into pieces of text.
//!
//! One step is one forward pass: a token for each sequence that generates, and as much of the
//! waiting prompts as the batch has room for, oldest request first. Requests join and leave
//! between steps. A request whose receiver is gone leaves at the next step.

mod sequence;

use std::sync::Arc;

use async_channel::Sender;

use crate::{
    batch::{Batch, SeqId, TokenId},
    error::{Error, Result},
    generation::{GenerateOptions, Piece},
    grammar::Constraint,
    runner::Runner,
    tokenizer::Tokenizer,
};
use sequence::Sequence;

/// What the scheduler may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Sequences at work at once.
    pub(crate) n_seq: usize,
    /// Context of one sequence, in tokens.
    pub(crate) n_ctx: usize,
    /// Tokens in one batch.
    pub(crate) n_batch: usize,
}

/// What the engine is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) prompt: Vec<TokenId>,
    pub(crate) options: GenerateOptions,
    pub(crate) constraint: Option<Constraint>,
    pub(crate) sender: Sender<Result<Piece>>,
}

/// The sequences at work on one runner.
pub(crate) struct Scheduler<R> {
    runner: R,
    tokenizer: Tokenizer,
    limits: Limits,
    active: Vec<Sequence>,
    next_id: u32,
    batch: Batch,
}

impl<R: Runner> Scheduler<R> {
    pub(crate) fn new(runner: R, tokenizer: Tokenizer, limits: Limits) -> Self {
        Self { runner, tokenizer, limits, active: Vec::new(), next_id: 0, batch: Batch::new() }
    }

    /// Whether another request may be admitted.
    pub(crate) fn has_room(&self) -> bool {
        self.active.len() < self.limits.n_seq
    }

    /// Whether a step would do nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    /// Takes a request to work on, or answers it with the reason why not.
    pub(crate) fn admit(&mut self, request: Request) {
        let sender = request.sender.clone();
        let id = SeqId(self.next_id);
        match Sequence::new(id, request, self.limits.n_ctx) {
            Ok(sequence) => {
                self.next_id = self.next_id.wrapping_add(1);
                self.active.push(sequence);
            }
            Err(error) => drop(sender.try_send(Err(error))),
        }
    }

    /// Runs one batch, if there is anything to run.
    pub(crate) fn step(&mut self) {
        self.release(|sequence| sequence.is_cancelled());
        self.fill_batch();
        if self.batch.is_empty() {
            return;
        }
        if let Err(error) = self.run_batch() {
            self.fail_batch(error);
        }
        self.release(|sequence| sequence.is_done());
    }

    /// Lets go of the sequences that `is_over` picks.
    fn release(&mut self, is_over: impl Fn(&Sequence) -> bool) {
        let runner = &mut self.runner;
        self.active.retain(|sequence| {
            let over = is_over(sequence);
            if over {
                runner.truncate(sequence.id(), 0);
            }
            !over
        });
    }

    fn fill_batch(&mut self) {
        self.batch.clear();
        // Those that generate come first: their readers wait for the next word.
        for generating in [true, false] {
            for sequence in self.active.iter_mut().filter(|s| s.is_generating() == generating) {
                let room = self.limits.n_batch.saturating_sub(self.batch.len());
                sequence.add_to(&mut self.batch, room);
            }
        }
    }

    fn run_batch(&mut self) -> Result<()> {
        let Self { runner, tokenizer, active, batch, .. } = self;
        let logits = runner.forward(batch)?;
        let wanted = batch.tokens().iter().filter(|t| t.want_logits);
        for (token, row) in wanted.zip(logits.rows()) {
            let sequence = active.iter_mut().find(|s| s.id() == token.seq);
            sequence.expect("a batch is made of active sequences").take_logits(row, tokenizer);
        }
        for sequence in active.iter_mut().filter(|s| !s.is_done()) {
            sequence.make_room(runner);
        }
        Ok(())
    }

    /// Ends every sequence of the batch with the error that all of them met.
    fn fail_batch(&mut self, error: Error) {
        let error = Arc::new(error);
        for sequence in &mut self.active {
            if self.batch.tokens().iter().any(|t| t.seq == sequence.id()) {
                sequence.fail(Error::Batch(Arc::clone(&error)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
