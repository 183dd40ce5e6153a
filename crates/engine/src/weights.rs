//! From a file's tensors to the weights a decoder needs.
//!
//! The specification says which tensors a model has and how they are shaped; binding compares the
//! file with that and names everything that is missing, misshapen or left over in one error. A
//! tensor that nobody asked for is an error too: a bias that is not added would give nonsense.

use std::{collections::HashSet, sync::Arc};

use camelid_gguf::{GgufFile, TensorInfo, TensorType};

use crate::{
    device::Device,
    error::{Error, Result},
    spec::{AttentionSpec, BlockSpec, ChannelMixer, ModelSpec, TokenMixer},
};

/// One tensor of a file, to be taken into use by a device.
#[derive(Debug, Clone)]
pub struct TensorSource {
    file: Arc<GgufFile>,
    info: TensorInfo,
}

impl TensorSource {
    /// Number format.
    #[must_use]
    pub fn ty(&self) -> TensorType {
        self.info.ty()
    }

    /// The tensor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.info.name()
    }

    /// Number of rows: all dimensions but the innermost, multiplied.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.info.dims().iter().skip(1).product()
    }

    /// Number of columns: the innermost dimension.
    #[must_use]
    pub fn n_cols(&self) -> usize {
        self.info.dims().first().copied().unwrap_or(0)
    }

    /// The blocks as the file has them.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.file.tensor_data(&self.info)
    }
}

/// All weights of a model on a device.
pub(crate) struct Weights<D: Device> {
    pub(crate) token_embd: D::Weight,
    pub(crate) blocks: Vec<BlockWeights<D>>,
    pub(crate) output_norm: D::Buffer,
    /// `None` where the output projection is the token embedding.
    pub(crate) output: Option<D::Weight>,
    /// Divisors of the rope frequencies, `[n_rot / 2]`.
    pub(crate) rope_factors: Option<Vec<f32>>,
}

/// The weights of one block.
pub(crate) struct BlockWeights<D: Device> {
    pub(crate) mixer_norm: D::Buffer,
    pub(crate) mixer: AttentionWeights<D>,
    pub(crate) channel_norm: D::Buffer,
    pub(crate) channel: GatedMlpWeights<D>,
}

/// Projections of an attention block.
pub(crate) struct AttentionWeights<D: Device> {
    pub(crate) q: D::Weight,
    pub(crate) k: D::Weight,
    pub(crate) v: D::Weight,
    pub(crate) output: D::Weight,
}

/// Projections of a gated MLP.
pub(crate) struct GatedMlpWeights<D: Device> {
    pub(crate) gate: D::Weight,
    pub(crate) up: D::Weight,
    pub(crate) down: D::Weight,
}

impl<D: Device> Weights<D> {
    /// Finds, checks and takes into use all tensors of a model.
    ///
    /// # Errors
    /// [`Error::Weights`] naming every tensor that does not fit; the device's errors.
    pub(crate) fn bind(spec: &ModelSpec, file: &Arc<GgufFile>, device: &D) -> Result<Self> {
        let mut binder = Binder { file, device, seen: HashSet::new(), problems: Vec::new() };
        let weights = binder.model(spec);
        binder.finish()?;
        Ok(weights?.expect("every tensor is there, or there was a problem"))
    }
}

/// Collects what does not fit instead of stopping at the first.
///
/// A method answers `Ok(None)` where a tensor is missing or misshapen, after noting it.
struct Binder<'a, D> {
    file: &'a Arc<GgufFile>,
    device: &'a D,
    seen: HashSet<String>,
    problems: Vec<String>,
}

impl<D: Device> Binder<'_, D> {
    fn model(&mut self, spec: &ModelSpec) -> Result<Option<Weights<D>>> {
        let (n_vocab, n_embd) = (spec.n_vocab, spec.n_embd);
        let token_embd = self.matrix("token_embd.weight", n_vocab, n_embd)?;
        let output_norm = self.vector("output_norm.weight", n_embd)?;
        let output = match self.file.tensor("output.weight") {
            Some(_) => self.matrix("output.weight", n_vocab, n_embd)?,
            None => None,
        };
        let rope_factors = self.rope_factors(spec)?;
        let mut blocks = Vec::with_capacity(spec.n_layer());
        for (i, block) in spec.blocks.iter().enumerate() {
            blocks.extend(self.block(i, block, n_embd)?);
        }
        Ok(token_embd.zip(output_norm).map(|(token_embd, output_norm)| Weights {
            token_embd,
            blocks,
            output_norm,
            output,
            rope_factors,
        }))
    }

    fn block(
        &mut self,
        i: usize,
        spec: &BlockSpec,
        n_embd: usize,
    ) -> Result<Option<BlockWeights<D>>> {
        let TokenMixer::Attention(attention) = &spec.mixer;
        let ChannelMixer::GatedMlp { n_ff, .. } = spec.channel;
        let mixer_norm = self.vector(&format!("blk.{i}.attn_norm.weight"), n_embd)?;
        let mixer = self.attention(i, attention, n_embd)?;
        let channel_norm = self.vector(&format!("blk.{i}.ffn_norm.weight"), n_embd)?;
        let channel = self.gated_mlp(i, n_ff, n_embd)?;
        Ok(mixer_norm.zip(mixer).zip(channel_norm.zip(channel)).map(
            |((mixer_norm, mixer), (channel_norm, channel))| BlockWeights {
                mixer_norm,
                mixer,
                channel_norm,
                channel,
            },
        ))
    }

    fn attention(
        &mut self,
        i: usize,
        spec: &AttentionSpec,
        n_embd: usize,
    ) -> Result<Option<AttentionWeights<D>>> {
        let n_q = spec.n_head * spec.head_dim;
        let n_kv = spec.n_head_kv * spec.head_dim;
        let q = self.matrix(&format!("blk.{i}.attn_q.weight"), n_q, n_embd)?;
        let k = self.matrix(&format!("blk.{i}.attn_k.weight"), n_kv, n_embd)?;
        let v = self.matrix(&format!("blk.{i}.attn_v.weight"), n_kv, n_embd)?;
        let output = self.matrix(&format!("blk.{i}.attn_output.weight"), n_embd, n_q)?;
        Ok(q.zip(k).zip(v.zip(output)).map(|((q, k), (v, output))| AttentionWeights {
            q,
            k,
            v,
            output,
        }))
    }

    fn gated_mlp(
        &mut self,
        i: usize,
        n_ff: usize,
        n_embd: usize,
    ) -> Result<Option<GatedMlpWeights<D>>> {
        let gate = self.matrix(&format!("blk.{i}.ffn_gate.weight"), n_ff, n_embd)?;
        let up = self.matrix(&format!("blk.{i}.ffn_up.weight"), n_ff, n_embd)?;
        let down = self.matrix(&format!("blk.{i}.ffn_down.weight"), n_embd, n_ff)?;
        Ok(gate.zip(up).zip(down).map(|((gate, up), down)| GatedMlpWeights { gate, up, down }))
    }

    fn rope_factors(&mut self, spec: &ModelSpec) -> Result<Option<Vec<f32>>> {
        let name = "rope_freqs.weight";
        let Some(BlockSpec { mixer: TokenMixer::Attention(attention), .. }) = spec.blocks.first()
        else {
            return Ok(None);
        };
        if self.file.tensor(name).is_none() {
            return Ok(None);
        }
        let factors = self.vector(name, attention.rope.n_rot / 2)?;
        Ok(factors.map(|buffer| {
            let mut copy = Vec::new();
            self.device.read(&buffer, &mut copy).to_vec()
        }))
    }

    fn matrix(&mut self, name: &str, n_rows: usize, n_cols: usize) -> Result<Option<D::Weight>> {
        let source = self.source(name, &[n_rows, n_cols]);
        source.map(|source| self.device.weight(&source)).transpose()
    }

    fn vector(&mut self, name: &str, n: usize) -> Result<Option<D::Buffer>> {
        let source = self.source(name, &[n]);
        source.map(|source| self.device.vector(&source)).transpose()
    }

    fn source(&mut self, name: &str, shape: &[usize]) -> Option<TensorSource> {
        self.seen.insert(name.to_owned());
        let Some(info) = self.file.tensor(name) else {
            self.problems.push(format!("`{name}` is missing, expected {shape:?}"));
            return None;
        };
        let found = info.shape();
        if found != shape {
            self.problems.push(format!("`{name}` is {found:?}, expected {shape:?}"));
            return None;
        }
        Some(TensorSource { file: Arc::clone(self.file), info: info.clone() })
    }

    fn finish(self) -> Result<()> {
        let Self { file, seen, mut problems, .. } = self;
        let left_over = file.tensors().iter().filter(|info| !seen.contains(info.name()));
        problems.extend(left_over.map(|info| format!("`{}` is not known here", info.name())));
        if problems.is_empty() { Ok(()) } else { Err(Error::Weights { problems }) }
    }
}
