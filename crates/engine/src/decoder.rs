//! One decoder for every architecture: a [`ModelSpec`]'s forward pass on a [`Device`].
//!
//! `plan` checks a batch and finds places for it; `forward` walks the blocks; `attention`,
//! `latent` and `channel` are the mixers; `routing` chooses experts; `layer` is what a block keeps
//! between batches. Nothing here asks for an architecture's name.

mod attention;
mod channel;
mod forward;
mod latent;
mod layer;
mod plan;
mod routing;

use std::{ops::Range, sync::Arc};

use camelid_gguf::{Endianness, GgufFile};
use camelid_kernels::KvType;

use self::{
    forward::Scratch,
    layer::{Layer, make_layers},
    plan::runs,
};
use crate::{
    batch::{Batch, SeqId},
    device::Device,
    error::{Error, Result},
    page_table::{PAGE_LEN, PageTable},
    runner::{Logits, Rows, Runner},
    spec::ModelSpec,
    weights::Weights,
};

/// How much a decoder remembers, and in what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Tokens that all sequences together may hold; rounded up to whole pages.
    pub n_tokens: usize,
    /// Number format of keys and values.
    pub ty: KvType,
}

/// A model's weights and caches on a device. Runs batches.
pub struct Decoder<D: Device> {
    spec: Arc<ModelSpec>,
    device: D,
    weights: Weights<D>,
    pages: PageTable,
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
        if file.endianness() != Endianness::NATIVE {
            return Err(Error::Unsupported {
                what: "byte order of the file".to_owned(),
                found: format!("{:?}", file.endianness()),
                supported: format!("{:?}, this machine's", Endianness::NATIVE),
            });
        }
        let spec = Arc::new(ModelSpec::from_metadata(file.metadata())?);
        let weights = Weights::bind(&spec, file, &device)?;
        let n_pages = cache.n_tokens.div_ceil(PAGE_LEN);
        let n_pages_u32 = u32::try_from(n_pages).map_err(|_| Error::Option {
            name: "n_tokens",
            found: cache.n_tokens.to_string(),
            allowed: format!("at most {} pages of {PAGE_LEN}", u32::MAX),
        })?;
        let layers = make_layers((&spec, &weights), &device, (n_pages, cache.ty), n_ctx)?;
        let scratch = Scratch::new(&device, spec.n_embd);
        Ok(Self { spec, device, weights, pages: PageTable::new(n_pages_u32), layers, scratch })
    }

    /// What the model is made of.
    #[must_use]
    pub fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    /// Keys that hold a learned position cannot be moved to another.
    fn check_shiftable(&self) -> Result<()> {
        if self.weights.positions.is_none() {
            return Ok(());
        }
        Err(Error::Unsupported {
            what: "moving cached tokens to other positions".to_owned(),
            found: "a model with learned positions".to_owned(),
            supported: "models whose positions are rotations or distances".to_owned(),
        })
    }
}

impl<D: Device> Runner for Decoder<D> {
    fn n_vocab(&self) -> usize {
        self.spec.n_vocab
    }

    fn forward(&mut self, batch: &Batch) -> Result<Logits<'_>> {
        if batch.is_empty() {
            return Ok(Logits::new(&[], self.spec.n_vocab));
        }
        let plan = self.plan(batch)?;
        self.run(&plan);
        self.project();
        let Self { device, scratch, spec, .. } = self;
        let data = device.read(&scratch.logits, &mut scratch.host);
        Ok(Logits::new(data, spec.n_vocab))
    }

    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>> {
        if batch.is_empty() {
            return Ok(Rows::new(&[], self.spec.n_embd));
        }
        let plan = self.plan(batch)?;
        self.run(&plan);
        let Self { device, scratch, spec, .. } = self;
        let data = device.read(&scratch.normed, &mut scratch.host);
        Ok(Rows::new(data, spec.n_embd))
    }

    fn check_room(&self, batch: &Batch) -> Result<()> {
        let needed = runs(batch).map(|(seq, run)| self.pages.pages_needed(seq, run.len())).sum();
        self.pages.require_free(needed)
    }

    fn n_cached(&self, seq: SeqId) -> u32 {
        self.pages.len(seq)
    }

    fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        self.pages.copy(from, to, len);
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        self.pages.truncate(seq, len);
    }

    fn shift(&mut self, seq: SeqId, range: Range<u32>) -> Result<()> {
        let len = self.pages.len(seq);
        let end = range.end.min(len);
        if range.start >= end {
            return Ok(());
        }
        self.check_shiftable()?;
        let copies = self.pages.make_exclusive(seq, range.start)?;
        let n_dropped = end - range.start;
        let delta = -i32::try_from(n_dropped).expect("a sequence is shorter than 2^31 tokens");
        for layer in &mut self.layers {
            for &copy in &copies {
                self.device.copy_page(&mut layer.cache, copy);
            }
            let turn = layer.rope.as_ref().map(|rope| (rope, delta));
            for pos in end..len {
                let slots = (self.pages.slot(seq, pos), self.pages.slot(seq, pos - n_dropped));
                self.device.move_slot(&mut layer.cache, slots, turn);
            }
        }
        self.pages.truncate(seq, len - n_dropped);
        Ok(())
    }
}
