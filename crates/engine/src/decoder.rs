//! One decoder for every architecture: a [`ModelSpec`]'s forward pass on a [`Device`].
//!
//! `plan` checks a batch and finds places for it; `forward` walks the blocks; `attention`,
//! `latent`, `recurrent` and `channel` are the mixers; `routing` chooses experts; `layer` is what a block keeps
//! between batches, `saved` what a sequence keeps in bytes. Nothing here asks for an architecture's name.

mod attention;
mod channel;
mod forward;
mod head;
mod latent;
mod layer;
mod memory;
mod plan;
mod recurrent;
mod routing;
mod saved;

use std::{ops::Range, sync::Arc};

use camelid_gguf::{Endianness, GgufFile};
use camelid_kernels::KvType;

use self::{
    forward::Scratch,
    layer::{Layer, make_layers},
    memory::Memory,
    plan::runs,
};
use crate::{
    batch::{Batch, SeqId},
    device::Device,
    error::{Error, Result},
    page_table::PAGE_LEN,
    runner::{Logits, Rows, Runner},
    spec::ModelSpec,
    weights::Weights,
};

/// How much a decoder remembers, and in what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheOptions {
    /// Tokens that all sequences together may hold; rounded up to whole pages.
    pub n_tokens: usize,
    /// Number format of keys and values.
    pub ty: KvType,
    /// Sequences that go on at once. Layers that keep only the newest tokens of a sequence, or a
    /// state, have room for so many, and for as many that have ended.
    pub n_seq: usize,
    /// Tokens in one batch; those layers have room for them beside.
    pub n_batch: usize,
}

impl CacheOptions {
    /// Room for so many tokens, of one sequence and in one batch if need be.
    #[must_use]
    pub fn new(n_tokens: usize, ty: KvType) -> Self {
        Self { n_tokens, ty, n_seq: 1, n_batch: n_tokens }
    }

    /// Room for `n_seq` sequences of `n_ctx` tokens.
    ///
    /// # Errors
    /// Where their product is no number.
    pub(crate) fn of_sequences(
        (n_seq, n_ctx): (usize, usize),
        n_batch: usize,
        ty: KvType,
    ) -> Result<Self> {
        let whole_pages = n_ctx.checked_next_multiple_of(PAGE_LEN);
        let n_tokens =
            whole_pages.and_then(|n| n.checked_mul(n_seq)).ok_or_else(|| Error::Option {
                name: "n_ctx",
                found: n_ctx.to_string(),
                allowed: format!("at most {} for {n_seq} requests at once", usize::MAX / n_seq),
            })?;
        let mut cache = Self::new(n_tokens, ty);
        (cache.n_seq, cache.n_batch) = (n_seq, n_batch.max(n_seq));
        Ok(cache)
    }
}

/// A model's weights and caches on a device. Runs batches.
pub struct Decoder<D: Device> {
    spec: Arc<ModelSpec>,
    device: D,
    weights: Weights<D>,
    memory: Memory,
    layers: Vec<Layer<D>>,
    scratch: Scratch<D>,
}

impl<D: Device> Decoder<D> {
    /// Binds the weights of a file and makes room for the cache, which one sequence may fill.
    ///
    /// # Errors
    /// What [`ModelSpec::from_metadata`] and the binding of weights say.
    pub fn new(file: &Arc<GgufFile>, device: D, cache: CacheOptions) -> Result<Self> {
        Self::with_context(file, device, cache, cache.n_tokens)
    }

    /// The same where no sequence will be longer than `n_ctx` tokens. Models with other rope
    /// frequencies for long contexts choose by it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_context(
        file: &Arc<GgufFile>,
        device: D,
        cache: CacheOptions,
        n_ctx: usize,
    ) -> Result<Self> {
        Self::with_spec(ModelSpec::from_metadata(file.metadata())?, file, device, (cache, n_ctx))
    }

    /// The same for a specification that may differ from the file's.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_spec(
        spec: ModelSpec,
        file: &Arc<GgufFile>,
        device: D,
        (cache, n_ctx): (CacheOptions, usize),
    ) -> Result<Self> {
        if file.endianness() != Endianness::NATIVE {
            return Err(Error::Unsupported {
                what: "byte order of the file".to_owned(),
                found: format!("{:?}", file.endianness()),
                supported: format!("{:?}, this machine's", Endianness::NATIVE),
            });
        }
        let spec = Arc::new(spec);
        let weights = Weights::bind(&spec, file, &device)?;
        let memory = Memory::new(&spec, cache, n_ctx)?;
        let layers = make_layers((&spec, &weights), &device, (&memory, cache.ty), n_ctx)?;
        let scratch = Scratch::new(&device, spec.n_embd);
        Ok(Self { spec, device, weights, memory, layers, scratch })
    }

    /// What the model is made of.
    #[must_use]
    pub fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    fn check_generates(&self) -> Result<()> {
        if self.spec.generates() {
            return Ok(());
        }
        Err(Error::NotGenerating { architecture: self.spec.architecture })
    }

    /// Keys that hold a learned position cannot be moved to another.
    fn check_shiftable(&self) -> Result<()> {
        if self.weights.positions.is_none() {
            return Ok(());
        }
        Err(Error::CannotShift { found: "the model has learned positions" })
    }
}

impl<D: Device> Runner for Decoder<D> {
    fn n_vocab(&self) -> usize {
        self.spec.n_vocab
    }

    fn forward(&mut self, batch: &Batch) -> Result<Logits<'_>> {
        let logits = self.forward_while(batch, &|| true)?;
        Ok(logits.expect("a batch that stays wanted is finished"))
    }

    fn forward_while(
        &mut self,
        batch: &Batch,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Logits<'_>>> {
        if batch.is_empty() {
            return Ok(Some(Logits::new(&[], self.spec.n_vocab)));
        }
        self.check_generates()?;
        let plan = self.plan(batch)?;
        if !self.run(&plan, is_wanted) {
            for (seq, run) in runs(batch) {
                self.memory.truncate(seq, batch.tokens()[run.start].pos);
            }
            return Ok(None);
        }
        self.project();
        self.memory.trim(batch);
        let Self { device, scratch, spec, .. } = self;
        let data = device.read(&scratch.logits, &mut scratch.host);
        Ok(Some(Logits::new(data, spec.n_vocab)))
    }

    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>> {
        if batch.is_empty() {
            return Ok(Rows::new(&[], self.spec.n_embd));
        }
        let plan = self.plan(batch)?;
        self.run(&plan, &|| true);
        self.memory.trim(batch);
        let Self { device, scratch, spec, .. } = self;
        let data = device.read(&scratch.normed, &mut scratch.host);
        Ok(Rows::new(data, spec.n_embd))
    }

    fn head(&mut self, pooled: &[f32]) -> Result<Vec<f32>> {
        self.run_head(pooled)
    }

    fn check_room(&self, batch: &Batch) -> Result<()> {
        self.memory.require_room(batch)
    }

    fn n_cached(&self, seq: SeqId) -> u32 {
        self.memory.len(seq)
    }

    fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        self.memory.reusable(seq, len)
    }

    fn needs_checkpoints(&self) -> bool {
        self.memory.forgets()
    }

    fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        self.memory.copy(from, to, len);
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        self.memory.truncate(seq, len);
    }

    fn save(&self, seq: SeqId, len: u32) -> Result<Vec<u8>> {
        Ok(self.save_sequence(seq, self.reusable(seq, len)))
    }

    fn load(&mut self, seq: SeqId, len: u32, bytes: &[u8]) -> Result<()> {
        self.load_sequence(seq, len, bytes)
    }

    fn shift(&mut self, seq: SeqId, range: Range<u32>) -> Result<()> {
        let len = self.memory.len(seq);
        let end = range.end.min(len);
        if range.start >= end {
            return Ok(());
        }
        self.check_shiftable()?;
        let copies = self.memory.make_exclusive(seq, range.start)?;
        let n_dropped = end - range.start;
        let delta = -i32::try_from(n_dropped).expect("a sequence is shorter than 2^31 tokens");
        for layer in self.layers.iter_mut().filter_map(Layer::attention) {
            let table = self.memory.table(layer.table);
            for &copy in &copies[layer.table] {
                self.device.copy_page(&mut layer.cache, copy);
            }
            let turn = layer.rope.as_ref().map(|rope| (rope, delta));
            for pos in end..len {
                let slots = (table.slot(seq, pos), table.slot(seq, pos - n_dropped));
                self.device.move_slot(&mut layer.cache, slots, turn);
            }
        }
        self.memory.truncate(seq, len - n_dropped);
        Ok(())
    }
}
