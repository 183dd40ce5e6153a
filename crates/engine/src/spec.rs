//! What a model is made of, as typed data.
//!
//! A [`ModelSpec`] is read from GGUF metadata once (see `arch`) and is all the decoder asks:
//! nothing below it knows a model's name. A block is a token mixer (attention, or one that keeps
//! a state) and a channel mixer (an MLP or experts), with norms before or behind them, added to the residual one after the
//! other or both at once.
//!
//! What a file may have or leave out (a bias, an output matrix of its own) is a [`Presence`]; it
//! is settled when the weights are bound, by what the file has.

mod attention;
mod channel;
mod head;
mod pooling;
mod recurrent;

pub use attention::{
    AttentionSpec, LatentAttentionSpec, PositionScale, QkNormSpan, QkNormSpec, RopeFactors,
    RopeOptions, RopeSpec, WindowShape,
};
pub use channel::{
    Activation, ChannelMixer, ExpertsSpec, GroupLimit, HiddenLayer, MlpSpec, Routing,
    SharedExpertSpec,
};
pub use head::{HeadActivation, HeadLayerSpec, HeadSpec};
pub use pooling::Pooling;
pub use recurrent::{DeltaNetSpec, ShortConvSpec, SsmSpec};

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
    /// Whether a token sees only those before it; else a text is run as a whole, and nothing of it
    /// is kept.
    pub causal: bool,
    /// From tokens to the residual stream.
    pub embedding: EmbeddingSpec,
    /// The blocks from input to output.
    pub blocks: Vec<BlockSpec>,
    /// Blocks that a file has behind those, for guessing further tokens; they are not run.
    pub n_layer_nextn: usize,
    /// Norm behind the last block.
    pub output_norm: Option<NormSpec>,
    /// From there to logits; `None` where there are none.
    pub output: Option<OutputSpec>,
    /// How the tokens' vectors become a text's, where the file says it.
    pub pooling: Option<Pooling>,
    /// What stands behind [`Pooling::Rank`].
    pub rank_pooling: Pooling,
    /// What is done to a text's vector.
    pub head: HeadSpec,
}

impl ModelSpec {
    /// Whether it continues texts; else it makes vectors of them.
    #[must_use]
    pub fn generates(&self) -> bool {
        self.causal && self.output.is_some()
    }

    /// Width of a text's vector.
    #[must_use]
    pub fn n_embd_out(&self) -> usize {
        self.head.layers.last().map_or(self.n_embd, |layer| layer.n_out)
    }

    /// Number of blocks.
    #[must_use]
    pub fn n_layer(&self) -> usize {
        self.blocks.len()
    }
}

/// From tokens to the residual stream.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingSpec {
    /// Factor on the token's embedding.
    pub scale: f32,
    /// Whether a learned vector per position, `[n_ctx_train, n_embd]`, is added.
    pub positions: Presence,
    /// Kinds of text that the model tells apart by a learned vector, `[n_token_types, n_embd]`. All
    /// text is of the first kind.
    pub n_token_types: usize,
    /// Norm on the sum.
    pub norm: Option<NormSpec>,
}

/// From the residual stream to logits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OutputSpec {
    /// Whether the projection is a matrix of its own; where it is not, the token embedding is it.
    pub weight: Presence,
    /// The projection's bias.
    pub bias: Presence,
    /// Factor on the logits.
    pub scale: f32,
    /// Logits become `softcap * tanh(logit / softcap)`.
    pub softcap: Option<f32>,
}

/// One block; see [`Wiring`] for what is added to what.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BlockSpec {
    /// How the two mixers meet the residual.
    pub wiring: Wiring,
    /// Norm before the token mixer.
    pub mixer_norm: Option<NormSpec>,
    /// How tokens see each other.
    pub mixer: TokenMixer,
    /// Norm on what the token mixer gives, or on the sum; see [`Wiring`].
    pub mixer_post_norm: Option<NormSpec>,
    /// Norm before the channel mixer. In a parallel block without one the channel mixer takes
    /// what the token mixer takes.
    pub channel_norm: Option<NormSpec>,
    /// What happens to each token alone, if anything.
    pub channel: Option<ChannelMixer>,
    /// Norm on what the channel mixer gives, or on the sum.
    pub channel_post_norm: Option<NormSpec>,
    /// Factor on what a mixer adds to the residual.
    pub residual_scale: f32,
}

/// How the mixers of a block meet the residual `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wiring {
    /// `x += mixer(x); x += channel(x)`.
    Sequential,
    /// The same, where the norms behind the mixers are on the sums: `x = norm(x + mixer(x))`.
    NormedSums,
    /// `x += mixer(x) + channel(x)`.
    Parallel,
    /// Sequential where the file has a norm before the channel mixer, else parallel.
    ByChannelNorm,
}

/// How tokens see each other.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TokenMixer {
    /// Softmax attention over cached keys and values.
    Attention(AttentionSpec),
    /// Attention whose keys and values are cached in a compressed form.
    Latent(LatentAttentionSpec),
    /// A convolution over the last few tokens.
    ShortConv(ShortConvSpec),
    /// A state space model.
    Ssm(SsmSpec),
    /// Linear attention by the gated delta rule.
    DeltaNet(DeltaNetSpec),
}

/// A normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NormSpec {
    /// Its tensor's name without `blk.N.` and without `.weight`; the first that the file has.
    pub names: &'static [&'static str],
    /// The arithmetic.
    pub kind: NormKind,
    /// Added to the mean square or the variance.
    pub eps: f32,
    /// Whether each lane is multiplied by a learned weight.
    pub weight: Presence,
    /// Whether a learned bias is added to each lane.
    pub bias: Presence,
}

/// What a norm divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// The root of the mean square.
    Rms,
    /// The standard deviation, after the mean is taken off.
    Layer,
}

/// Whether a file has a tensor or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must not: nothing would be done with it.
    Absent,
    /// It may; what the file has decides.
    Optional,
    /// It must.
    Required,
}
