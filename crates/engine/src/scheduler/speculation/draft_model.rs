//! Guesses of a second, smaller model with the same vocabulary.
//!
//! It has a cache of its own and knows a sequence under the same id. Its text there is the
//! sequence's and the last guess behind it: when it is asked again, what differs is taken back, and
//! what is new is read, in the same pass that makes the first token of the next guess. All
//! sequences that ask guess together, a token each for each pass. A text it has not met is read in
//! pieces, step by step, from where an ended one parts from it.

use std::{collections::HashMap, time::Duration};

use super::{Ask, Drafter};
use crate::{
    batch::{Batch, SeqId, TokenId},
    error::Result,
    prefix_cache::{PrefixCache, common_prefix},
    runner::Runner,
    sampler::Sampler,
    scheduler::{
        Clock,
        kept::{keep, reusable, with_room},
        pace::Average,
    },
    tokenizer::Tokenizer,
};

/// A model that guesses for a larger one. Its runner can take tokens back.
pub(in crate::scheduler) struct DraftModel<R> {
    runner: R,
    tokenizer: Tokenizer,
    /// Context of one sequence, in tokens.
    n_ctx: usize,
    ended: PrefixCache,
    texts: HashMap<SeqId, Text>,
    batch: Batch,
    clock: Clock,
    /// What a pass takes that reads nothing new.
    pass: Average,
}

/// What the model has read of a sequence, or is about to.
struct Text {
    /// The first of them are in the cache: the runner knows how many.
    tokens: Vec<TokenId>,
    sampler: Sampler,
}

impl<R: Runner> DraftModel<R> {
    pub(in crate::scheduler) fn new(
        runner: R,
        tokenizer: Tokenizer,
        n_ctx: usize,
        clock: Clock,
    ) -> Self {
        let (ended, texts, batch) = (PrefixCache::default(), HashMap::new(), Batch::new());
        let pass = Average::default();
        Self { runner, tokenizer, n_ctx, ended, texts, batch, clock, pass }
    }

    /// Makes its text of a sequence what the sequence is.
    fn follow(&mut self, ask: &Ask<'_>) {
        let Self { runner, ended, texts, .. } = self;
        // The last token's logits are needed.
        let wanted = &ask.tokens[..ask.tokens.len() - 1];
        let text = texts.entry(ask.seq).or_insert_with(|| {
            let found = ended.find(wanted, |id, n| reusable(runner, id, n));
            if let Some((from, n)) = found {
                runner.copy(from, ask.seq, n as u32);
            }
            let n = found.map_or(0, |(_, n)| n);
            Text { tokens: wanted[..n].to_vec(), sampler: ask.sampler.fork() }
        });
        let n_cached = runner.n_cached(ask.seq) as usize;
        let n_same = common_prefix(&text.tokens[..n_cached], wanted);
        if n_same < n_cached {
            runner.truncate(ask.seq, n_same as u32);
        }
        text.tokens.truncate(n_same);
        text.tokens.extend_from_slice(&ask.tokens[n_same..]);
        text.sampler.follow(ask.sampler);
    }

    fn n_pending(&self, seq: SeqId) -> usize {
        self.texts[&seq].tokens.len() - self.runner.n_cached(seq) as usize
    }

    /// Puts what is not read yet of some texts into the batch, at most `room` tokens.
    fn fill_batch(&mut self, asks: &[Ask<'_>], mut room: usize) {
        self.batch.clear();
        for ask in asks {
            let n_cached = self.runner.n_cached(ask.seq);
            let pending = &self.texts[&ask.seq].tokens[n_cached as usize..];
            let n = pending.len().min(room);
            room -= n;
            self.batch.push_slice(ask.seq, n_cached, &pending[..n], n == pending.len());
        }
    }

    /// One pass: a token more for each of the texts that are read to their end by it. Leaves those
    /// that go on.
    fn pass(&mut self, asks: &mut Vec<Ask<'_>>, room: usize) -> Result<()> {
        self.fill_batch(asks, room);
        let Self { runner, tokenizer, ended, texts, batch, clock, pass, .. } = self;
        let started = clock();
        with_room(runner, ended, |runner| runner.check_room(batch))?;
        let logits = runner.forward(batch)?;
        let wanted = batch.tokens().iter().filter(|token| token.want_logits);
        let mut guessed = wanted.zip(logits.rows()).peekable();
        let is_guessing = guessed.peek().is_some();
        asks.retain_mut(|ask| {
            // Batch and asks are in the same order.
            let Some((_, logits)) = guessed.next_if(|(token, _)| token.seq == ask.seq) else {
                return false;
            };
            let Text { tokens, sampler } = texts.get_mut(&ask.seq).expect("it was followed");
            // Logits that are no numbers are for the large model to complain of.
            let Some(token) = sampler.sample(logits, tokens) else { return false };
            tokens.push(token);
            ask.guess.push(token);
            ask.guess.len() < ask.n && !tokenizer.vocab().is_end_of_generation(token)
        });
        // The token before last and the last one are there when a guess was right to its end.
        if is_guessing && batch.tokens().chunk_by(|a, b| a.seq == b.seq).all(|run| run.len() <= 2) {
            pass.observe(clock() - started);
        }
        Ok(())
    }
}

impl<R: Runner> Drafter for DraftModel<R> {
    fn guess(&mut self, mut asks: Vec<Ask<'_>>, room: usize) -> Result<()> {
        asks.retain(|ask| ask.tokens.len() + ask.n <= self.n_ctx);
        asks.iter().for_each(|ask| self.follow(ask));
        // Those that have much to read do not keep the others waiting.
        asks.sort_by_key(|ask| self.n_pending(ask.seq));
        let mut room = room.max(asks.len());
        while !asks.is_empty() {
            self.pass(&mut asks, room)?;
            room = asks.len();
        }
        Ok(())
    }

    fn cost(&self) -> Duration {
        self.pass.get()
    }

    fn end(&mut self, seq: SeqId) {
        let Some(text) = self.texts.remove(&seq) else { return };
        let n_cached = self.runner.n_cached(seq) as usize;
        keep(&mut self.runner, &mut self.ended, (seq, &text.tokens[..n_cached]));
    }
}
