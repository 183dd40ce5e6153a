//! Token mixers: attention, and how positions enter it.

use camelid_kernels::{Pairing, Yarn};

use super::{NormSpec, Presence};
use crate::error::{Error, Result};

/// Multi-head attention with grouped key/value heads.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AttentionSpec {
    /// Query heads.
    pub n_head: usize,
    /// Key/value heads; divides `n_head`.
    pub n_head_kv: usize,
    /// Width of a head of queries, keys and values.
    pub head_dim: usize,
    /// Factor on the scores.
    pub scale: f32,
    /// How positions turn queries and keys; `None` where they do not.
    pub rope: Option<RopeSpec>,
    /// How many tokens are seen; `None` for all.
    pub window: Option<usize>,
    /// Which.
    pub window_shape: WindowShape,
    /// Scores become `softcap * tanh(score / softcap)`.
    pub softcap: Option<f32>,
    /// ALiBi: the largest bias, from which each head's slope follows.
    pub max_alibi_bias: Option<f32>,
    /// Whether each query head has a learned score that takes part in the softmax.
    pub sinks: bool,
    /// Norm on queries and keys, before they are turned.
    pub qk_norm: Option<QkNormSpec>,
    /// Queries, keys and values are cut to `-clamp..=clamp`.
    pub clamp: Option<f32>,
    /// Queries grow with the position.
    pub position_scale: Option<PositionScale>,
    /// Whether the query projection makes a gate for each head beside its query; its sigmoid
    /// multiplies what the head saw.
    pub gated: bool,
    /// Biases of the query, key and value projections.
    pub qkv_bias: Presence,
    /// Bias of the output projection.
    pub output_bias: Presence,
}

/// Where a window lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowShape {
    /// It ends with the token itself.
    Past,
    /// The token is in its middle: half of it, rounded down, is seen to either side.
    Around,
    /// The sequence is cut into chunks of its width; what lies before the token's own is not seen.
    Chunk,
}

/// A norm on queries and keys.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QkNormSpec {
    /// The norm on queries.
    pub q: NormSpec,
    /// The norm on keys.
    pub k: NormSpec,
    /// What is normalised together.
    pub span: QkNormSpan,
}

/// What a norm on queries or keys takes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QkNormSpan {
    /// Each head; one weight of `[head_dim]` for all.
    Head,
    /// Each head, with its own weight: `[n_head, head_dim]`.
    OwnHead,
    /// All heads of a token: `[n_head * head_dim]`.
    Token,
}

/// Queries are multiplied by `1 + factor * ln(1 + floor((pos + offset) / step))`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PositionScale {
    /// How strongly.
    pub factor: f32,
    /// Positions to a step.
    pub step: usize,
    /// Added to the positions.
    pub offset: usize,
}

/// Multi-head latent attention.
///
/// Keys and values of all heads are projections of one latent vector per token, beside which a
/// key part shared by all heads carries the position. Only these two are cached: queries are
/// brought into the latent space, and what they see is brought out of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LatentAttentionSpec {
    /// Query heads.
    pub n_head: usize,
    /// Lanes of a head's query and key that carry no position.
    pub nope_dim: usize,
    /// Width of a head's value.
    pub value_dim: usize,
    /// Width of the cached latent.
    pub kv_lora_rank: usize,
    /// Norm on the latent.
    pub kv_norm: NormSpec,
    /// Width of the queries' own latent, and its norm; `None` where queries are projected at once.
    pub q_lora: Option<(usize, NormSpec)>,
    /// Factor on the scores.
    pub scale: f32,
    /// How positions turn the lanes that carry them; all `n_rot` of them turn.
    pub rope: RopeSpec,
}

/// Rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RopeSpec {
    /// Which two lanes of a head turn together.
    pub pairing: Pairing,
    /// Lanes of a head that turn; the rest pass through. Even.
    pub n_rot: usize,
    /// Base of the angles' geometric progression.
    pub freq_base: f32,
    /// Factor on the positions: 1 over the factor of linear scaling.
    pub freq_scale: f32,
    /// Leaves fast frequencies out of `freq_scale`.
    pub yarn: Option<Yarn>,
    /// Factor on the turned lanes.
    pub magnitude: f32,
    /// Which tensors divide the frequencies.
    pub factors: RopeFactors,
}

/// Rope frequencies in place of a file's, for the whole time that a model is loaded: keys that were
/// turned otherwise are of no use. Blocks that have a base of their own, as windowed ones may, keep
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RopeOptions {
    /// Base of the angles' geometric progression.
    pub freq_base: Option<f32>,
    /// Factor on the positions: with 0.5 a model sees twice its context in the angles of one.
    pub freq_scale: Option<f32>,
}

impl RopeOptions {
    /// # Errors
    /// [`Error::Option`] for what is no finite number above 0.
    pub(crate) fn check(self) -> Result<()> {
        let options = [("rope_freq_base", self.freq_base), ("rope_freq_scale", self.freq_scale)];
        let is_allowed = |x: f32| x.is_finite() && x > 0.0;
        let wrong = options.iter().find(|(_, x)| x.is_some_and(|x| !is_allowed(x)));
        wrong.map_or(Ok(()), |&(name, x)| {
            let found = x.unwrap_or_default().to_string();
            Err(Error::Option { name, found, allowed: "a finite number above 0".to_owned() })
        })
    }
}

/// Tensors that divide rope frequencies one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RopeFactors {
    /// `rope_freqs.weight`, where the file has it.
    OneSet,
    /// `rope_factors_long.weight` for contexts beyond `n_ctx_orig`, else
    /// `rope_factors_short.weight`.
    LongAndShort {
        /// Longest context of the short factors.
        n_ctx_orig: usize,
    },
}
