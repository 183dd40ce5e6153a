//! Inputs to be embedded: several to a batch, in the order they came.
//!
//! Nothing is padded, so inputs of any lengths go together until the batch or the cache is full. An
//! input that does not fit whole waits, while later ones that do go first; only where nothing else
//! is in the batch does it begin with a part. The runner forgets an input as soon as it is
//! embedded.

use std::sync::Arc;

use async_channel::Sender;

use crate::{
    batch::{Batch, SeqId, TokenId},
    embedding::Pooled,
    error::{Error, Result},
    runner::Runner,
    spec::Pooling,
};

use super::Place;

/// What the engine is asked for.
#[derive(Debug)]
pub(crate) struct EmbedInput {
    /// Which of its request's inputs it is.
    pub(crate) index: usize,
    /// Not empty.
    pub(crate) tokens: Vec<TokenId>,
    /// Not [`Pooling::Rank`], but what stands behind it.
    pub(crate) pooling: Pooling,
    /// Whether the pooled vector goes through the model's head.
    pub(crate) runs_head: bool,
    pub(crate) sender: Sender<Pooled>,
}

/// An input and what has been run of it.
struct AtWork {
    id: SeqId,
    /// Shared by the inputs of a request.
    _place: Arc<Place>,
    input: EmbedInput,
    n_run: usize,
    /// How many of its tokens are in the batch.
    n_in_batch: usize,
    /// The sum of the tokens' vectors, or all of them.
    pooled: Vec<f32>,
}

/// Inputs at work and waiting.
#[derive(Default)]
pub(super) struct Embedder {
    inputs: Vec<AtWork>,
    batch: Batch,
}

impl Embedder {
    pub(super) fn is_idle(&self) -> bool {
        self.inputs.is_empty()
    }

    pub(super) fn admit(&mut self, id: SeqId, input: EmbedInput, place: Arc<Place>) {
        let (n_run, n_in_batch, pooled) = (0, 0, Vec::new());
        self.inputs.push(AtWork { id, _place: place, input, n_run, n_in_batch, pooled });
    }

    /// Runs one batch of at most `n_batch` tokens. `make_room` lets go of something in the cache, or
    /// answers that there is nothing to let go of.
    ///
    /// # Errors
    /// Where not even one input has room; it then waits.
    pub(super) fn step<R: Runner>(
        &mut self,
        runner: &mut R,
        n_batch: usize,
        make_room: impl FnMut(&mut R) -> bool,
    ) -> Result<()> {
        self.drop_cancelled(runner);
        self.fill_batch(runner, n_batch, make_room)?;
        if self.batch.is_empty() {
            return Ok(());
        }
        match runner.embed(&self.batch) {
            Ok(rows) => {
                let wanted = self.batch.tokens().iter().filter(|t| t.want_logits);
                for (token, row) in wanted.zip(rows.rows()) {
                    let owner = self.inputs.iter_mut().find(|input| input.id == token.seq);
                    owner.expect("a batch is made of inputs").take(row);
                }
                for input in &mut self.inputs {
                    let Some(pooled) = input.advance() else { continue };
                    let runs_head = input.input.runs_head;
                    input.send(if runs_head { runner.head(&pooled) } else { Ok(pooled) });
                }
            }
            Err(error) => self.fail_batch(&Arc::new(error)),
        }
        for done in self.inputs.extract_if(.., |input| input.is_done()) {
            runner.truncate(done.id, 0);
        }
        Ok(())
    }

    /// Ends the input that has waited longest with an error.
    pub(super) fn fail_oldest(&mut self, runner: &mut impl Runner, error: Error) {
        if !self.inputs.is_empty() {
            let oldest = self.inputs.remove(0);
            oldest.send(Err(error));
            runner.truncate(oldest.id, 0);
        }
    }

    fn drop_cancelled(&mut self, runner: &mut impl Runner) {
        for gone in self.inputs.extract_if(.., |input| input.input.sender.is_closed()) {
            runner.truncate(gone.id, 0);
        }
    }

    fn fill_batch<R: Runner>(
        &mut self,
        runner: &mut R,
        n_batch: usize,
        mut make_room: impl FnMut(&mut R) -> bool,
    ) -> Result<()> {
        self.batch.clear();
        for input in &mut self.inputs {
            let n_before = self.batch.len();
            if n_before == n_batch {
                break;
            }
            input.add_to(&mut self.batch, n_batch);
            while let Err(error) = runner.check_room(&self.batch) {
                if make_room(runner) {
                    continue;
                }
                input.n_in_batch = 0;
                self.batch.truncate(n_before);
                return if n_before == 0 { Err(error) } else { Ok(()) };
            }
        }
        Ok(())
    }

    fn fail_batch(&mut self, error: &Arc<Error>) {
        for input in self.inputs.iter_mut().filter(|input| input.n_in_batch > 0) {
            input.send(Err(Error::Batch(Arc::clone(error))));
            input.n_run = input.input.tokens.len();
        }
    }
}

impl AtWork {
    fn is_done(&self) -> bool {
        self.n_run == self.input.tokens.len()
    }

    /// Puts its tokens into a batch of at most `n_batch`: all that are left, or nothing unless the
    /// batch is empty.
    fn add_to(&mut self, batch: &mut Batch, n_batch: usize) {
        let tokens = &self.input.tokens;
        let n_left = tokens.len() - self.n_run;
        let room = n_batch - batch.len();
        if n_left > room && !batch.is_empty() {
            return;
        }
        let last = tokens.len() - 1;
        let wants = |i: usize| match self.input.pooling {
            Pooling::None | Pooling::Mean => true,
            Pooling::Cls => i == 0,
            Pooling::Last => i == last,
            Pooling::Rank => unreachable!("it stands for another"),
        };
        self.n_in_batch = n_left.min(room);
        let end = self.n_run + self.n_in_batch;
        for (i, &token) in tokens.iter().enumerate().take(end).skip(self.n_run) {
            let pos = u32::try_from(i).expect("a context is shorter than 2^32 tokens");
            batch.push(self.id, pos, token, wants(i));
        }
    }

    /// Takes one token's vector.
    fn take(&mut self, row: &[f32]) {
        if self.input.pooling == Pooling::Mean && !self.pooled.is_empty() {
            self.pooled.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        } else {
            self.pooled.extend_from_slice(row);
        }
    }

    /// Notes that what is in the batch has been run; answers the pooled vector if that was all.
    fn advance(&mut self) -> Option<Vec<f32>> {
        if self.n_in_batch == 0 {
            return None;
        }
        self.n_run += std::mem::take(&mut self.n_in_batch);
        if !self.is_done() {
            return None;
        }
        let mut pooled = std::mem::take(&mut self.pooled);
        if self.input.pooling == Pooling::Mean {
            let factor = 1.0 / self.n_run as f32;
            pooled.iter_mut().for_each(|x| *x *= factor);
        }
        Some(pooled)
    }

    fn send(&self, answer: Result<Vec<f32>>) {
        // The channel has no bound, so this fails only when nobody listens any more.
        drop(self.input.sender.try_send((self.input.index, answer)));
    }
}

#[cfg(test)]
mod tests;
