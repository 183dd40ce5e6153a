//! Forms batches from all requests at work and turns their logits into pieces of text.
//!
//! One step is one forward pass: a token for each sequence that generates, and as much of the
//! waiting prompts as the batch has room for, oldest request first. Requests join and leave
//! between steps. A request whose receiver is gone leaves at the next step. Sequences that have
//! ended stay cached for requests that begin like them, as long as there is room.

mod embedder;
mod sequence;

use std::sync::Arc;

use async_channel::Sender;

use crate::{
    batch::{Batch, SeqId, TokenId},
    error::{Error, Result},
    generation::{GenerateOptions, Piece},
    grammar::Constraint,
    prefix_cache::PrefixCache,
    runner::Runner,
    tokenizer::Tokenizer,
};
pub(crate) use embedder::EmbedInput;
use embedder::Embedder;
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
pub(crate) enum Work {
    Generate(Request),
    Embed(Vec<EmbedInput>),
}

/// A text to be continued.
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
    embedder: Embedder,
    ended: PrefixCache,
    next_id: u32,
    batch: Batch,
}

impl<R: Runner> Scheduler<R> {
    pub(crate) fn new(runner: R, tokenizer: Tokenizer, limits: Limits) -> Self {
        let (active, ended, batch) = (Vec::new(), PrefixCache::default(), Batch::new());
        let embedder = Embedder::default();
        Self { runner, tokenizer, limits, active, embedder, ended, next_id: 0, batch }
    }

    /// Whether another request may be admitted.
    pub(crate) fn has_room(&self) -> bool {
        self.active.len() < self.limits.n_seq
    }

    /// Whether a step would do nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty() && self.embedder.is_idle()
    }

    /// Takes something to work on.
    pub(crate) fn accept(&mut self, work: Work) {
        match work {
            Work::Generate(request) => self.admit(request),
            Work::Embed(inputs) => {
                for input in inputs {
                    self.embedder.admit(SeqId(self.next_id), input);
                    self.next_id = self.next_id.wrapping_add(1);
                }
            }
        }
    }

    /// Takes a request to work on, or answers it with the reason why not.
    pub(crate) fn admit(&mut self, request: Request) {
        let sender = request.sender.clone();
        let id = SeqId(self.next_id);
        match Sequence::new(id, request, self.limits.n_ctx) {
            Ok(mut sequence) => {
                self.next_id = self.next_id.wrapping_add(1);
                self.reuse(&mut sequence);
                self.active.push(sequence);
            }
            Err(error) => drop(sender.try_send(Err(error))),
        }
    }

    /// Takes over what an earlier or a running sequence has computed already.
    fn reuse(&mut self, sequence: &mut Sequence) {
        let Self { runner, active, ended, .. } = self;
        let wanted = sequence.reusable();
        let reusable = |id, n| reusable(runner, id, n);
        let running = active
            .iter()
            .map(|other| (other.id(), reusable(other.id(), other.shared_with(wanted))));
        let best = running.chain(ended.find(wanted, reusable)).max_by_key(|(_, n)| *n);
        let (from, n) = best.unwrap_or((sequence.id(), 0));
        if runner.needs_checkpoints() {
            let shared = active.iter().map(|other| other.shared_with(wanted)).max().unwrap_or(0);
            let n_shared = shared.max(ended.longest_shared(wanted));
            sequence.plan_checkpoints(n, n_shared);
        }
        if n > 0 {
            runner.copy(from, sequence.id(), n as u32);
            sequence.set_reused(n);
        }
    }

    /// Keeps copies of the sequences that have come to a place which may be gone back to.
    fn keep_checkpoints(&mut self) {
        let Self { runner, active, ended, next_id, .. } = self;
        for sequence in active {
            let Some(tokens) = sequence.take_checkpoint() else { continue };
            let id = SeqId(*next_id);
            *next_id = next_id.wrapping_add(1);
            runner.copy(sequence.id(), id, tokens.len() as u32);
            Self::keep(runner, ended, (id, tokens));
        }
    }

    /// Keeps a sequence for requests that begin like it.
    fn keep(runner: &mut R, ended: &mut PrefixCache, (id, tokens): (SeqId, Vec<TokenId>)) {
        for unneeded in ended.insert(id, tokens, |id, n| reusable(runner, id, n)) {
            runner.truncate(unneeded, 0);
        }
    }

    /// Runs one batch of inputs to be embedded and one of sequences, if there are any.
    pub(crate) fn step(&mut self) {
        self.embed();
        self.generate();
    }

    fn embed(&mut self) {
        let Self { runner, embedder, ended, limits, active, .. } = self;
        let make_room = |runner: &mut R| {
            let oldest = ended.evict();
            oldest.into_iter().for_each(|oldest| runner.truncate(oldest, 0));
            oldest.is_some()
        };
        if let Err(error) = embedder.step(runner, limits.n_batch, make_room)
            && active.is_empty()
        {
            // Nothing will end that could make room.
            embedder.fail_oldest(runner, error);
        }
    }

    fn generate(&mut self) {
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

    /// Lets go of the sequences that `is_over` picks, and keeps what they computed.
    fn release(&mut self, is_over: impl Fn(&Sequence) -> bool) {
        let Self { runner, active, ended, .. } = self;
        for sequence in active.extract_if(.., |sequence| is_over(sequence)) {
            let n_cached = runner.n_cached(sequence.id()) as usize;
            Self::keep(runner, ended, sequence.into_cached(n_cached));
        }
    }

    /// Does something that needs room in the cache, letting go of ended sequences until it fits.
    fn with_room<T>(
        runner: &mut R,
        ended: &mut PrefixCache,
        mut act: impl FnMut(&mut R) -> Result<T>,
    ) -> Result<T> {
        loop {
            let result = act(runner);
            let oldest = match &result {
                Err(Error::CacheFull { .. }) => ended.evict(),
                _ => None,
            };
            let Some(oldest) = oldest else { return result };
            runner.truncate(oldest, 0);
        }
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
        let Self { runner, tokenizer, active, ended, batch, .. } = self;
        Self::with_room(runner, ended, |runner| runner.check_room(batch))?;
        let logits = runner.forward(batch)?;
        let wanted = batch.tokens().iter().filter(|t| t.want_logits);
        for (token, row) in wanted.zip(logits.rows()) {
            let sequence = active.iter_mut().find(|s| s.id() == token.seq);
            sequence.expect("a batch is made of active sequences").take_logits(row, tokenizer);
        }
        self.keep_checkpoints();
        let Self { runner, active, ended, .. } = self;
        for sequence in active.iter_mut().filter(|s| !s.is_done()) {
            let Some(dropped) = sequence.overflow() else { continue };
            let positions = dropped.start as u32..dropped.end as u32;
            match Self::with_room(runner, ended, |r| r.shift(sequence.id(), positions.clone())) {
                Ok(()) => sequence.drop_tokens(dropped),
                Err(Error::CannotShift { .. }) => {
                    runner.truncate(sequence.id(), 0);
                    sequence.rerun_without(dropped);
                }
                Err(error) => sequence.fail(error),
            }
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

/// How many of a sequence's first `n` tokens can be taken over.
fn reusable(runner: &impl Runner, id: SeqId, n: usize) -> usize {
    runner.reusable(id, n as u32) as usize
}

#[cfg(test)]
mod tests;
