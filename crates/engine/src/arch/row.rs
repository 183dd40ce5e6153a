//! What a row of the architecture table says.
//!
//! The facts are orthogonal, and each is one that files do not carry. A row starts from [`DENSE`]
//! and says what is different.

use camelid_kernels::{HeadOrder, Pairing};

use crate::spec::{
    Activation, HiddenLayer, NormKind, PositionScale, Presence, QkNormSpan, Routing, Wiring,
};

/// What is true of every model of an architecture.
#[derive(Debug, Clone)]
pub(super) struct Arch {
    /// As in `general.architecture`.
    pub(super) name: &'static str,
    /// Whether it makes vectors of whole texts: tokens see both ways, and there are no logits.
    pub(super) encoder: bool,
    /// The arithmetic of all norms, which also names the key of their epsilon.
    pub(super) norm: NormKind,
    /// The epsilon where the key may be missing.
    pub(super) default_eps: Option<f32>,
    /// Whether norms have weights.
    pub(super) norm_weight: Presence,
    /// Whether norms have biases.
    pub(super) norm_bias: Presence,
    /// Where a block's norms stand.
    pub(super) norms: Norms,
    /// How a block's mixers meet the residual.
    pub(super) wiring: Wire,
    /// The token mixer.
    pub(super) mixer: Mixer,
    /// Blocks that keep a state in place of keys and values.
    pub(super) recurrent: Option<Recurrent>,
    /// How positions turn queries and keys.
    pub(super) rope: Option<Pairing>,
    /// Its base where no key says it.
    pub(super) default_freq_base: f32,
    /// Which blocks have it.
    pub(super) rope_blocks: RopeBlocks,
    /// Whether a stretch is YaRN's where no key says what it is.
    pub(super) stretched_by_yarn: bool,
    /// Whether YaRN rounds the pairs between which it mixes.
    pub(super) yarn_rounds: bool,
    /// Rope in blocks with a window, where it is another one.
    pub(super) local_rope: LocalRope,
    /// Whether there is a learned vector per position.
    pub(super) positions: Presence,
    /// Whether there is one per kind of text, where the file has any.
    pub(super) token_types: bool,
    /// What the norm on the sum of embeddings may be called; nothing where there is none.
    pub(super) embd_norm: &'static [&'static str],
    /// The largest bias of ALiBi where no key says it.
    pub(super) max_alibi_bias: Option<f32>,
    /// How queries grow with the position, in blocks without rope and where no key says it.
    pub(super) position_scale: Option<PositionScale>,
    /// Which blocks the window, if there is one, is in.
    pub(super) windows: Windows,
    /// Biases of queries, keys and values.
    pub(super) qkv_bias: Presence,
    /// Bias of the attention's output projection.
    pub(super) attn_output_bias: Presence,
    /// Norms on queries and keys. Those without weights are in blocks with rope only, and not where
    /// `use_qk_norm` says so.
    pub(super) qk_norm: Option<(QkNormSpan, Presence)>,
    /// Whether what a head saw is gated.
    pub(super) gated: bool,
    /// Whether heads have sinks.
    pub(super) sinks: bool,
    /// The number of blocks of the one size whose scores are scaled by `n_embd / n_head` instead
    /// of the width of a head.
    pub(super) scaled_by_embd: Option<usize>,
    /// The hidden layer of MLPs and experts.
    pub(super) hidden: HiddenLayer,
    /// Biases of MLPs.
    pub(super) mlp_bias: Presence,
    /// The mixture of experts.
    pub(super) experts: Option<ExpertsRow>,
    /// Factor on embeddings where no key says it.
    pub(super) embd_scale: EmbdScale,
    /// Factor on what mixers add where no key says it.
    pub(super) residual_scale: ResidualScale,
    /// What `logit_scale` does.
    pub(super) logit_scale: LogitScale,
    /// Soft caps of scores and of logits where no key says them.
    pub(super) softcaps: (Option<f32>, Option<f32>),
    /// What the norm behind the last block may be called; nothing where there is none.
    pub(super) output_norm: &'static [&'static str],
    /// What ranks texts, in models that do.
    pub(super) rank_head: RankHead,
    /// The output matrix.
    pub(super) output: Presence,
    /// The output bias.
    pub(super) output_bias: Presence,
}

/// A decoder as most are: norms before the mixers, gated MLP with SiLU, no bias.
pub(super) const DENSE: Arch = Arch {
    name: "",
    encoder: false,
    norm: NormKind::Rms,
    default_eps: None,
    norm_weight: Presence::Required,
    norm_bias: Presence::Absent,
    norms: Norms::Pre,
    wiring: Wire::Is(Wiring::Sequential),
    mixer: Mixer::Attention,
    recurrent: None,
    rope: Some(Pairing::Neox),
    default_freq_base: 10_000.0,
    rope_blocks: RopeBlocks::All,
    stretched_by_yarn: false,
    yarn_rounds: true,
    local_rope: LocalRope::Same,
    positions: Presence::Absent,
    token_types: false,
    embd_norm: &[],
    max_alibi_bias: None,
    position_scale: None,
    windows: Windows::All,
    qkv_bias: Presence::Absent,
    attn_output_bias: Presence::Absent,
    qk_norm: None,
    gated: false,
    sinks: false,
    scaled_by_embd: None,
    hidden: HiddenLayer::Gated(Activation::Silu),
    mlp_bias: Presence::Absent,
    experts: None,
    embd_scale: EmbdScale::One,
    residual_scale: ResidualScale::One,
    logit_scale: LogitScale::None,
    softcaps: (None, None),
    output_norm: &["output_norm"],
    rank_head: RankHead::Tanh { softmax: false },
    output: Presence::Optional,
    output_bias: Presence::Absent,
};

/// Where a block's norms stand and what their tensors are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norms {
    /// `attn_norm` and `ffn_norm` before the mixers.
    Pre,
    /// Those, and `post_attention_norm` and `post_ffw_norm` behind them.
    PreAndPost,
    /// Only the latter two.
    Post,
    /// Before the mixers, the second one called `post_attention_norm`.
    PreByHfName,
    /// One `attn_norm` for both mixers of a parallel block.
    Shared,
    /// `attn_norm` for both, or with an `attn_norm_2` for the token mixer alone.
    SharedOrOwn,
    /// `attn_norm`, and `ffn_norm` where the file has it.
    PreOrShared,
    /// `attn_norm`; there is no channel mixer.
    NoChannel,
    /// Before the mixers; the first block may have none before its token mixer.
    PreButFirst,
    /// On the sums: `attn_output_norm` and `layer_output_norm`.
    OfSums,
}

/// How a block's mixers meet the residual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Always so.
    Is(Wiring),
    /// As the key `use_parallel_residual` says.
    FromKey,
}

/// The token mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mixer {
    /// Keys and values are cached.
    Attention,
    /// Their latents are.
    Latent,
}

/// Blocks that keep a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recurrent {
    /// What they do.
    pub(super) kind: RecurrentKind,
    /// Which they are.
    pub(super) blocks: RecurrentBlocks,
}

/// What a block that keeps a state does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecurrentKind {
    /// A short convolution.
    ShortConv,
    /// Mamba-2's state space model.
    Ssm,
    /// A gated delta net.
    DeltaNet {
        /// Which key head serves a value head.
        order: HeadOrder,
        /// Whether the rows for decays and shares lie in one tensor.
        fused_gates: bool,
    },
}

/// Which blocks keep a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecurrentBlocks {
    /// Every one.
    All,
    /// Those for which `attention.head_count_kv` is 0.
    WithoutKeyHeads,
    /// Those that `attention.recurrent_layers` names, else all but each n-th, with
    /// `full_attention_interval` or this for n.
    AllButEvery(usize),
}

/// Which blocks have a rope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RopeBlocks {
    /// Every one.
    All,
    /// Those with a window.
    Windowed,
    /// All but each n-th.
    AllButEvery(usize),
    /// All or none, as the key `rope.scaling.finetuned` says; all where it says nothing.
    ByKey,
}

/// Rope in blocks with a window. `rope.freq_base_swa` sets its base in any case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LocalRope {
    /// The same as elsewhere.
    Same,
    /// With the base of the other blocks, but never stretched.
    Unscaled,
    /// With a base of its own, and never stretched.
    Own {
        /// The base where no key says it.
        freq_base: f32,
    },
}

/// Which blocks a window is in. `attention.sliding_window_pattern` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Windows {
    /// Every block, where the file has a window.
    All,
    /// All but each n-th, where the file has a window.
    AllButEvery(usize),
    /// The same with a window that files may leave out.
    Default {
        /// All but each n-th.
        all_but_every: usize,
        /// Width where no key says it.
        window: usize,
    },
    /// The same with a window that must be there.
    RequiredAllButEvery(usize),
    /// All but the first of each n blocks, where the file has a window.
    AllButFirstOfEvery(usize),
    /// All but each n-th, in chunks whose size `attention.chunk_size` may say.
    Chunks {
        /// All but each n-th.
        all_but_every: usize,
        /// Width where no key says it.
        size: usize,
    },
}

/// What ranks texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RankHead {
    /// A layer with tanh, where the file has it, then one number for each label.
    Tanh {
        /// Whether those become probabilities.
        softmax: bool,
    },
    /// The same of the mean, with GELU and a norm.
    MeanThenGelu,
    /// One number at once, cut by tanh.
    Score,
}

/// Factor on embeddings; `embedding_scale` comes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum EmbdScale {
    /// None.
    One,
    /// Always the same.
    Fixed(f32),
    /// The root of the residual stream's width.
    SqrtNEmbd,
}

/// What `logit_scale` does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LogitScale {
    /// There is no such key.
    None,
    /// Logits are multiplied by it.
    Multiplies(Presence),
    /// Logits are divided by it; it must be there.
    Divides,
    /// Logits are divided by it, or by the residual stream's width over so much.
    DividesByWidthOver(f32),
}

/// Factor on what mixers add to the residual; `residual_scale` comes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ResidualScale {
    /// None.
    One,
    /// So much over the root of the number of blocks.
    OverRootOfDepth(f32),
}

/// The mixture of experts of an architecture.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExpertsRow {
    /// Whether every model has experts; else `expert_count` decides.
    pub(super) required: bool,
    /// Which blocks have them.
    pub(super) blocks: ExpertBlocks,
    /// Whether weights are on what experts are given.
    pub(super) weighs_input: bool,
    /// How weights come from scores where no key says it.
    pub(super) routing: Routing,
    /// Whether the chosen weights are divided by their sum where no key says it.
    pub(super) normalize: bool,
    /// Biases of router and experts.
    pub(super) bias: Presence,
    /// Whether `expert_feed_forward_length` must be there; else `feed_forward_length` may do.
    pub(super) n_ff_required: bool,
    /// A bias for the choice alone.
    pub(super) selection_bias: Presence,
    /// The expert that every token takes.
    pub(super) shared: Shared,
}

/// Which blocks have experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpertBlocks {
    /// All behind the first `leading_dense_block_count`.
    BehindDense,
    /// The last of every so many, as the key says.
    LastOfEvery(&'static str),
    /// The second of every so many.
    SecondOfEvery(&'static str),
}

/// Where an expert for every token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// `expert_shared_feed_forward_length`, where the file has it, is its width.
    ByWidth,
    /// The same and must be there; a sigmoid gates the result.
    GatedByWidth,
    /// `expert_shared_count` times the width of an expert.
    ByCount,
    /// One, as wide as the others.
    One,
}

/// Experts as in Mixtral, where a file has them.
pub(super) const EXPERTS: ExpertsRow = ExpertsRow {
    required: false,
    blocks: ExpertBlocks::BehindDense,
    weighs_input: false,
    routing: Routing::Softmax,
    normalize: true,
    bias: Presence::Absent,
    n_ff_required: false,
    selection_bias: Presence::Absent,
    shared: Shared::ByWidth,
};
