//! One decoder for every architecture: a [`ModelSpec`]'s forward pass on a [`Device`].

use std::{ops::Range, sync::Arc};

use camelid_gguf::{Endianness, GgufFile};
use camelid_kernels::{KvType, Rope};

use crate::{
    batch::{Batch, SeqId},
    device::{Device, View},
    error::{Error, Result},
    page_table::{PAGE_LEN, PageTable, Placement},
    runner::{Logits, Runner},
    spec::{AttentionSpec, ChannelMixer, ModelSpec, NormSpec, RopeSpec, TokenMixer},
    weights::{AttentionWeights, GatedMlpWeights, Weights},
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

/// What a block keeps between batches.
struct Layer<D: Device> {
    cache: D::Cache,
    rope: Rope,
}

/// Activations of the batch at work. Named for what they hold.
struct Scratch<D: Device> {
    /// The residual stream, `[n_tokens, n_embd]`.
    x: D::Buffer,
    normed: D::Buffer,
    q: D::Buffer,
    k: D::Buffer,
    v: D::Buffer,
    /// What the heads saw, `[n_tokens, n_head * head_dim]`.
    seen: D::Buffer,
    gate: D::Buffer,
    up: D::Buffer,
    /// What a mixer adds to the residual.
    delta: D::Buffer,
    /// `[n_outputs, n_vocab]`.
    logits: D::Buffer,
    /// The logits in the program's memory, where the device's is another.
    logits_copy: Vec<f32>,
}

/// A batch, taken apart into what the operations need.
struct Plan {
    ids: Vec<u32>,
    pos: Vec<u32>,
    slots: Vec<usize>,
    views: Vec<View>,
    /// Indices of the tokens whose logits are wanted.
    outputs: Vec<usize>,
}

impl<D: Device> Decoder<D> {
    /// Binds the weights of a file and makes room for the cache.
    ///
    /// # Errors
    /// What [`ModelSpec::from_metadata`] and the binding of weights say.
    pub fn new(file: &Arc<GgufFile>, device: D, cache: CacheOptions) -> Result<Self> {
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
        let factors = weights.rope_factors.as_deref();
        let layers = make_layers(&spec, &device, (n_pages, cache.ty), factors)?;
        let scratch = Scratch::new(&device);
        Ok(Self { spec, device, weights, pages: PageTable::new(n_pages_u32), layers, scratch })
    }

    /// What the model is made of.
    #[must_use]
    pub fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    /// Checks a batch and finds places for its keys and values. Changes nothing if it fails.
    fn plan(&mut self, batch: &Batch) -> Result<Plan> {
        self.check_tokens(batch)?;
        let placement = self.place(batch)?;
        for layer in &mut self.layers {
            for &copy in &placement.copies {
                self.device.copy_page(&mut layer.cache, copy);
            }
        }
        let tokens = batch.tokens();
        Ok(Plan {
            ids: tokens.iter().map(|t| t.token).collect(),
            pos: tokens.iter().map(|t| t.pos).collect(),
            slots: placement.slots,
            views: self.views(batch),
            outputs: (0..tokens.len()).filter(|&i| tokens[i].want_logits).collect(),
        })
    }

    fn check_tokens(&self, batch: &Batch) -> Result<()> {
        let n_vocab = self.spec.n_vocab;
        let outside = batch.tokens().iter().find(|t| t.token as usize >= n_vocab);
        outside.map_or(Ok(()), |t| Err(Error::TokenOutOfRange { id: t.token, n_vocab }))?;
        for (seq, run) in runs(batch) {
            for (len, token) in (self.pages.len(seq)..).zip(&batch.tokens()[run]) {
                if token.pos != len {
                    return Err(Error::Position { seq, len, pos: token.pos });
                }
            }
        }
        Ok(())
    }

    /// Slots for a batch's tokens, in batch order.
    fn place(&mut self, batch: &Batch) -> Result<Placement> {
        self.check_room(batch)?;
        let mut all = Placement::default();
        for (seq, run) in runs(batch) {
            let placement = self.pages.append(seq, run.len())?;
            all.slots.extend(placement.slots);
            all.copies.extend(placement.copies);
        }
        Ok(all)
    }

    fn views(&self, batch: &Batch) -> Vec<View> {
        let mut views = Vec::with_capacity(batch.len());
        for (seq, run) in runs(batch) {
            let pages: Arc<[u32]> = self.pages.pages(seq).into();
            views.extend(batch.tokens()[run].iter().map(|token| View {
                pages: Arc::clone(&pages),
                n_visible: token.pos as usize + 1,
            }));
        }
        views
    }

    fn run(&mut self, plan: &Plan) {
        let Self { spec, device, weights, layers, scratch, .. } = self;
        device.gather(&weights.token_embd, &plan.ids, &mut scratch.x);
        for ((block, weights), layer) in spec.blocks.iter().zip(&weights.blocks).zip(layers) {
            norm(device, block.mixer_norm, &weights.mixer_norm, &scratch.x, &mut scratch.normed);
            match &block.mixer {
                TokenMixer::Attention(attention) => {
                    scratch.attention(device, attention, &weights.mixer, layer, plan);
                }
            }
            device.add(&mut scratch.x, &scratch.delta);
            norm(
                device,
                block.channel_norm,
                &weights.channel_norm,
                &scratch.x,
                &mut scratch.normed,
            );
            match block.channel {
                ChannelMixer::GatedMlp { activation: crate::Activation::Silu, .. } => {
                    scratch.gated_mlp(device, &weights.channel);
                }
            }
            device.add(&mut scratch.x, &scratch.delta);
        }
        let n_embd = spec.n_embd;
        device.select(&scratch.x, n_embd, &plan.outputs, &mut scratch.delta);
        norm(device, spec.output_norm, &weights.output_norm, &scratch.delta, &mut scratch.normed);
        let output = weights.output.as_ref().unwrap_or(&weights.token_embd);
        device.matmul(output, &scratch.normed, &mut scratch.logits);
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
        let Self { device, scratch, spec, .. } = self;
        let data = device.read(&scratch.logits, &mut scratch.logits_copy);
        Ok(Logits::new(data, spec.n_vocab))
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
        let copies = self.pages.make_exclusive(seq, range.start)?;
        let n_dropped = end - range.start;
        let delta = -i32::try_from(n_dropped).expect("a sequence is shorter than 2^31 tokens");
        for layer in &mut self.layers {
            for &copy in &copies {
                self.device.copy_page(&mut layer.cache, copy);
            }
            for pos in end..len {
                let (from, to) = (self.pages.slot(seq, pos), self.pages.slot(seq, pos - n_dropped));
                self.device.move_slot(&mut layer.cache, from, to, &layer.rope, delta);
            }
        }
        self.pages.truncate(seq, len - n_dropped);
        Ok(())
    }
}

impl<D: Device> Scratch<D> {
    fn new(device: &D) -> Self {
        Self {
            x: device.buffer(),
            normed: device.buffer(),
            q: device.buffer(),
            k: device.buffer(),
            v: device.buffer(),
            seen: device.buffer(),
            gate: device.buffer(),
            up: device.buffer(),
            delta: device.buffer(),
            logits: device.buffer(),
            logits_copy: Vec::new(),
        }
    }

    /// `delta = output(attention(q, k, v))` of the normed residual.
    fn attention(
        &mut self,
        device: &mut D,
        spec: &AttentionSpec,
        weights: &AttentionWeights<D>,
        layer: &mut Layer<D>,
        plan: &Plan,
    ) {
        device.matmul(&weights.q, &self.normed, &mut self.q);
        device.matmul(&weights.k, &self.normed, &mut self.k);
        device.matmul(&weights.v, &self.normed, &mut self.v);
        device.rope(&mut self.q, spec.head_dim, &plan.pos, &layer.rope);
        device.rope(&mut self.k, spec.head_dim, &plan.pos, &layer.rope);
        device.store(&mut layer.cache, &plan.slots, &self.k, &self.v);
        device.attention(spec, &layer.cache, &plan.views, &self.q, &mut self.seen);
        device.matmul(&weights.output, &self.seen, &mut self.delta);
    }

    /// `delta = down(silu(gate) * up)` of the normed residual.
    fn gated_mlp(&mut self, device: &mut D, weights: &GatedMlpWeights<D>) {
        device.matmul(&weights.gate, &self.normed, &mut self.gate);
        device.matmul(&weights.up, &self.normed, &mut self.up);
        device.silu_mul(&mut self.gate, &self.up);
        device.matmul(&weights.down, &self.gate, &mut self.delta);
    }
}

fn make_layers<D: Device>(
    spec: &ModelSpec,
    device: &D,
    (n_pages, ty): (usize, KvType),
    rope_factors: Option<&[f32]>,
) -> Result<Vec<Layer<D>>> {
    let layer = |TokenMixer::Attention(attention): &TokenMixer| {
        let RopeSpec { pairing, n_rot, freq_base, freq_scale } = attention.rope;
        let rope = Rope::new(pairing, n_rot, freq_base, freq_scale, rope_factors)?;
        Ok(Layer { cache: device.cache(attention, n_pages, ty)?, rope })
    };
    spec.blocks.iter().map(|block| layer(&block.mixer)).collect()
}

fn norm<D: Device>(
    device: &mut D,
    spec: NormSpec,
    weight: &D::Buffer,
    x: &D::Buffer,
    out: &mut D::Buffer,
) {
    match spec {
        NormSpec::Rms { eps } => device.rms_norm(x, weight, eps, out),
    }
}

/// A batch's runs of tokens of one sequence, as ranges of indices.
fn runs(batch: &Batch) -> impl Iterator<Item = (SeqId, Range<usize>)> {
    let mut start = 0;
    batch.tokens().chunk_by(|a, b| a.seq == b.seq).map(move |run| {
        let range = start..start + run.len();
        start = range.end;
        (run[0].seq, range)
    })
}
