//! What a model is made of, as typed data.
//!
//! A [`ModelSpec`] is read from GGUF metadata once (see [`arch`](crate::arch)) and is all the
//! decoder asks: nothing below it knows a model's name. A block is a token mixer (attention) and
//! a channel mixer (an MLP), each behind a norm and added to the residual.

use camelid_kernels::Pairing;

/// A whole model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelSpec {
    /// The value of `general.architecture`.
    pub architecture: &'static str,
    /// Number of tokens in the vocabulary.
    pub n_vocab: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Longest context the model was trained on, in tokens.
    pub n_ctx_train: usize,
    /// The blocks from input to output.
    pub blocks: Vec<BlockSpec>,
    /// Norm before the output projection.
    pub output_norm: NormSpec,
}

impl ModelSpec {
    /// Number of blocks.
    #[must_use]
    pub fn n_layer(&self) -> usize {
        self.blocks.len()
    }
}

/// One block: `x += mixer(norm(x)); x += channel(norm(x))`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BlockSpec {
    /// Norm before the token mixer.
    pub mixer_norm: NormSpec,
    /// How tokens see each other.
    pub mixer: TokenMixer,
    /// Norm before the channel mixer.
    pub channel_norm: NormSpec,
    /// What happens to each token alone.
    pub channel: ChannelMixer,
}

/// How tokens see each other.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TokenMixer {
    /// Softmax attention over cached keys and values.
    Attention(AttentionSpec),
}

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
    /// How positions turn queries and keys.
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
}

/// What happens to each token alone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ChannelMixer {
    /// `down(act(gate(x)) * up(x))`.
    GatedMlp {
        /// Width of the hidden layer.
        n_ff: usize,
        /// The function on the gate.
        activation: Activation,
    },
}

/// A function on each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
}

/// A normalisation with a learned weight.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum NormSpec {
    /// Division by the root of the mean square.
    Rms {
        /// Added to the mean square.
        eps: f32,
    },
}
