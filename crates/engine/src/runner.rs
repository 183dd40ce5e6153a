//! The interface between a model at work and everything above it.
//!
//! Sampling, queueing and caching policy are written once, above [`Runner`]; what lies below may
//! be the native [`Decoder`](crate::Decoder), another library's backend, or a test's fake.

use std::ops::Range;

use crate::{
    batch::{Batch, SeqId},
    error::{Error, Result},
};

/// A model that runs batches and remembers the keys and values of its sequences.
pub trait Runner: Send {
    /// Number of tokens in the vocabulary: the length of a row of logits.
    fn n_vocab(&self) -> usize;

    /// Runs a batch and keeps its keys and values.
    ///
    /// # Errors
    /// When the batch does not continue its sequences, names tokens outside the vocabulary, or
    /// the cache is full; the cache is then as it was before.
    fn forward(&mut self, batch: &Batch) -> Result<Logits<'_>>;

    /// Runs a batch as long as `is_wanted`, which is asked now and then; `None` if it was not.
    ///
    /// A batch that was given up leaves in the cache what was there before, or less where the
    /// model cannot go back: [`n_cached`](Self::n_cached) tells.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn forward_while(
        &mut self,
        batch: &Batch,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Logits<'_>>> {
        let _ = is_wanted;
        self.forward(batch).map(Some)
    }

    /// Runs a batch as [`forward`](Self::forward) does, and answers vectors in place of logits: what
    /// the model's last norm gives for each token whose output is wanted.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>>;

    /// What the model does to texts' vectors behind the pooling. Shapes: `pooled` is
    /// `[n, n_embd]`; the width of what is answered is the model's own.
    ///
    /// # Errors
    /// When there is no memory for it.
    fn head(&mut self, pooled: &[f32]) -> Result<Vec<f32>> {
        Ok(pooled.to_vec())
    }

    /// Whether the cache has room for a batch's keys and values.
    ///
    /// # Errors
    /// [`Error::CacheFull`](crate::Error::CacheFull) where [`forward`](Self::forward) would say so.
    fn check_room(&self, batch: &Batch) -> Result<()>;

    /// Number of cached tokens of a sequence; 0 for one never seen.
    fn n_cached(&self, seq: SeqId) -> u32;

    /// How many of a sequence's first `len` tokens [`copy`](Self::copy) can take over and
    /// [`truncate`](Self::truncate) can leave.
    ///
    /// All of them where every token leaves its own keys for good. A model that forgets what left
    /// its window can only go back a little, and one that folds tokens into a state not at all:
    /// then it is the whole sequence, if that is no longer than `len`, or nothing.
    fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        len.min(self.n_cached(seq))
    }

    /// Whether a sequence may lose beginnings of itself: whether [`reusable`](Self::reusable) may
    /// be less than what is cached. Copies made on the way keep what will be wanted again.
    fn needs_checkpoints(&self) -> bool {
        false
    }

    /// Makes `to` an independent copy of the first `len` tokens of `from`, or of as many of them
    /// as are [`reusable`](Self::reusable), sharing memory. What `to` held before is dropped.
    fn copy(&mut self, from: SeqId, to: SeqId, len: u32);

    /// Drops the tokens of a sequence from position `len` on, and those before it that are not
    /// [`reusable`](Self::reusable); 0 frees the sequence.
    fn truncate(&mut self, seq: SeqId, len: u32);

    /// Drops the tokens in `range` and moves those behind it down, as if they had been computed
    /// at their new positions.
    ///
    /// # Errors
    /// [`Error::CannotShift`](crate::Error::CannotShift) where tokens do not keep keys that could
    /// be moved; [`Error::CacheFull`](crate::Error::CacheFull) when there is no page left for a
    /// part that another sequence shares. The sequence is then as it was before.
    fn shift(&mut self, seq: SeqId, range: Range<u32>) -> Result<()>;

    /// What is cached of a sequence's first `len` tokens, of which all are
    /// [`reusable`](Self::reusable), in bytes for [`load`](Self::load).
    ///
    /// # Errors
    /// Where the cache cannot be read.
    fn save(&self, seq: SeqId, len: u32) -> Result<Vec<u8>> {
        let _ = (seq, len);
        Err(cannot_save())
    }

    /// Makes a new sequence of `len` tokens, above 0, of what [`save`](Self::save) gave, maybe in
    /// another process. The bytes may be anything.
    ///
    /// # Errors
    /// Where the bytes do not fit, and [`Error::CacheFull`]; nothing has changed then.
    fn load(&mut self, seq: SeqId, len: u32, bytes: &[u8]) -> Result<()> {
        let _ = (seq, len, bytes);
        Err(cannot_save())
    }
}

fn cannot_save() -> Error {
    Error::Unsupported {
        what: "saving what is cached".to_owned(),
        found: "a runner that keeps its cache to itself".to_owned(),
        supported: "the native decoder".to_owned(),
    }
}

/// Logits: rows of `n_vocab`.
pub type Logits<'a> = Rows<'a>;

/// What a forward pass answers: a row for each token whose output was wanted, in batch order.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    data: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// Shapes: `data` is `[n_outputs, width]`.
    ///
    /// # Panics
    /// If `data` is not whole rows.
    #[must_use]
    pub fn new(data: &'a [f32], width: usize) -> Self {
        assert!(width > 0 && data.len().is_multiple_of(width), "outputs are whole rows");
        Self { data, width }
    }

    /// Number of rows.
    #[must_use]
    pub fn n_outputs(&self) -> usize {
        self.data.len() / self.width
    }

    /// Output `i`: `[width]`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.width..][..self.width]
    }

    /// The rows in batch order.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> {
        self.data.chunks_exact(self.width)
    }
}
