//! The rows. Order is that of the families; names are those of `general.architecture`.

use camelid_kernels::{HeadOrder, Pairing};

use super::row::{
    Arch, DENSE, EXPERTS, EmbdScale, ExpertBlocks, ExpertsRow, LocalRope, LogitScale, Mixer, Norms,
    RankHead, Recurrent, RecurrentBlocks, RecurrentKind, ResidualScale, RopeBlocks, Shared,
    Windows, Wire,
};
use crate::spec::{
    Activation::{GeluErf, GeluTanh, Silu},
    HiddenLayer::{Gated, GatedClamped, Plain},
    NormKind, PositionScale,
    Presence::{Absent, Optional, Required},
    QkNormSpan, Routing, Wiring,
};

/// Llama and all that is built like it: biases and experts where the file has them.
const LLAMA: Arch = Arch {
    name: "llama",
    rope: Some(Pairing::Norm),
    qkv_bias: Optional,
    attn_output_bias: Optional,
    mlp_bias: Optional,
    experts: Some(EXPERTS),
    ..DENSE
};

/// Decoders with layer norms, biases everywhere and a plain MLP.
const BIASED: Arch = Arch {
    norm: NormKind::Layer,
    norm_bias: Required,
    qkv_bias: Required,
    attn_output_bias: Required,
    mlp_bias: Required,
    hidden: Plain(GeluTanh),
    ..DENSE
};

/// The Gemmas: GELU, embeddings scaled.
const GEMMA: Arch = Arch {
    name: "gemma",
    hidden: Gated(GeluTanh),
    embd_scale: EmbdScale::SqrtNEmbd,
    output: Absent,
    ..DENSE
};

/// The Command models: one norm for both mixers, logits scaled.
const COMMAND_R: Arch = Arch {
    name: "command-r",
    norm: NormKind::Layer,
    norms: Norms::Shared,
    wiring: Wire::Is(Wiring::Parallel),
    rope: Some(Pairing::Norm),
    qkv_bias: Optional,
    qk_norm: Some((QkNormSpan::OwnHead, Optional)),
    logit_scale: LogitScale::Multiplies(Optional),
    output: Absent,
    ..DENSE
};

/// Granite: Llama with four scales.
const GRANITE: Arch = Arch { name: "granite", logit_scale: LogitScale::Divides, ..LLAMA };

/// Attention here and there, short convolutions between.
const LFM2: Arch = Arch {
    name: "lfm2",
    recurrent: Some(Recurrent {
        kind: RecurrentKind::ShortConv,
        blocks: RecurrentBlocks::WithoutKeyHeads,
    }),
    qk_norm: Some((QkNormSpan::Head, Required)),
    // Called so in every file, though it is the last norm.
    output_norm: &["output_norm", "token_embd_norm"],
    ..DENSE
};

/// Gated attention in each fourth block, gated delta nets in the others.
const QWEN35: Arch = Arch {
    name: "qwen35",
    norms: Norms::PreByHfName,
    recurrent: Some(Recurrent {
        kind: RecurrentKind::DeltaNet { order: HeadOrder::Turns, fused_gates: false },
        blocks: RecurrentBlocks::AllButEvery(4),
    }),
    gated: true,
    qk_norm: Some((QkNormSpan::Head, Required)),
    ..DENSE
};

/// The same with experts.
const QWEN35_MOE: Arch = Arch {
    name: "qwen35moe",
    experts: Some(ExpertsRow { shared: Shared::GatedByWidth, ..FINE_EXPERTS }),
    ..QWEN35
};

/// BERT and its kin: layer norms on the sums, no logits.
const BERT: Arch = Arch {
    name: "bert",
    encoder: true,
    norm: NormKind::Layer,
    norm_bias: Required,
    norms: Norms::OfSums,
    wiring: Wire::Is(Wiring::NormedSums),
    rope: None,
    positions: Required,
    token_types: true,
    embd_norm: &["token_embd_norm"],
    output_norm: &[],
    qkv_bias: Optional,
    attn_output_bias: Optional,
    mlp_bias: Optional,
    hidden: Plain(GeluErf),
    ..DENSE
};

/// BERT with rope in place of learned positions.
const ROPE_BERT: Arch = Arch { rope: Some(Pairing::Neox), positions: Absent, ..BERT };

/// Experts whose width has a key of its own.
const FINE_EXPERTS: ExpertsRow = ExpertsRow { required: true, n_ff_required: true, ..EXPERTS };

/// Experts chosen by their scores, with biases.
const GPT_OSS_EXPERTS: ExpertsRow = ExpertsRow {
    routing: Routing::SoftmaxOfChosen,
    normalize: false,
    bias: Required,
    ..FINE_EXPERTS
};

/// Windows in every other block, sinks, experts in four bits.
const GPT_OSS: Arch = Arch {
    name: "gpt-oss",
    yarn_rounds: false,
    norms: Norms::PreByHfName,
    windows: Windows::RequiredAllButEvery(2),
    qkv_bias: Required,
    attn_output_bias: Required,
    sinks: true,
    hidden: GatedClamped { alpha: 1.702, limit: 7.0 },
    experts: Some(GPT_OSS_EXPERTS),
    output: Required,
    ..DENSE
};

pub(super) static ARCHS: &[Arch] = &[
    LLAMA,
    Arch { name: "mistral3", ..LLAMA },
    Arch {
        name: "llama4",
        rope: Some(Pairing::Norm),
        rope_blocks: RopeBlocks::AllButEvery(4),
        windows: Windows::Chunks { all_but_every: 4, size: 8192 },
        position_scale: Some(PositionScale { factor: 0.1, step: 8192, offset: 1 }),
        qk_norm: Some((QkNormSpan::Head, Absent)),
        experts: Some(ExpertsRow {
            blocks: ExpertBlocks::LastOfEvery("interleave_moe_layer_step"),
            weighs_input: true,
            routing: Routing::Sigmoid,
            normalize: false,
            shared: Shared::One,
            ..FINE_EXPERTS
        }),
        ..DENSE
    },
    Arch { name: "qwen2", qkv_bias: Required, output_bias: Optional, ..DENSE },
    Arch {
        name: "qwen2moe",
        qkv_bias: Required,
        experts: Some(ExpertsRow {
            normalize: false,
            shared: Shared::GatedByWidth,
            ..FINE_EXPERTS
        }),
        ..DENSE
    },
    Arch {
        name: "qwen3",
        rank_head: RankHead::Tanh { softmax: true },
        qkv_bias: Optional,
        qk_norm: Some((QkNormSpan::Head, Required)),
        ..DENSE
    },
    Arch {
        name: "qwen3moe",
        qkv_bias: Optional,
        qk_norm: Some((QkNormSpan::Head, Required)),
        experts: Some(FINE_EXPERTS),
        ..DENSE
    },
    GEMMA,
    Arch {
        name: "gemma2",
        norms: Norms::PreAndPost,
        windows: Windows::Default { all_but_every: 2, window: 4096 },
        softcaps: (Some(50.0), Some(30.0)),
        scaled_by_embd: Some(46),
        ..GEMMA
    },
    // Ollama's files of the models that see leave epsilon and base out.
    Arch {
        name: "gemma3",
        default_eps: Some(1e-6),
        default_freq_base: 1_000_000.0,
        norms: Norms::PreAndPost,
        qk_norm: Some((QkNormSpan::Head, Required)),
        windows: Windows::AllButEvery(6),
        local_rope: LocalRope::Own { freq_base: 10_000.0 },
        scaled_by_embd: Some(62),
        output: Optional,
        ..GEMMA
    },
    Arch {
        name: "phi2",
        norms: Norms::Shared,
        wiring: Wire::Is(Wiring::Parallel),
        output: Required,
        output_bias: Required,
        ..BIASED
    },
    Arch { name: "phi3", qkv_bias: Optional, ..DENSE },
    Arch {
        name: "stablelm",
        norm: NormKind::Layer,
        norm_bias: Required,
        norms: Norms::PreOrShared,
        wiring: Wire::Is(Wiring::ByChannelNorm),
        qkv_bias: Optional,
        qk_norm: Some((QkNormSpan::OwnHead, Optional)),
        output: Required,
        ..DENSE
    },
    Arch { name: "starcoder2", ..BIASED },
    Arch {
        name: "falcon",
        norms: Norms::SharedOrOwn,
        wiring: Wire::Is(Wiring::Parallel),
        qkv_bias: Absent,
        attn_output_bias: Absent,
        mlp_bias: Absent,
        hidden: Plain(GeluErf),
        ..BIASED
    },
    Arch { name: "gpt2", rope: None, positions: Required, ..BIASED },
    Arch {
        name: "gptneox",
        wiring: Wire::FromKey,
        hidden: Plain(GeluErf),
        output: Required,
        ..BIASED
    },
    Arch {
        name: "mpt",
        norm_bias: Optional,
        rope: None,
        positions: Optional,
        qkv_bias: Optional,
        attn_output_bias: Optional,
        mlp_bias: Optional,
        hidden: Plain(GeluErf),
        ..BIASED
    },
    COMMAND_R,
    Arch {
        name: "cohere2",
        windows: Windows::RequiredAllButEvery(4),
        rope_blocks: RopeBlocks::Windowed,
        qk_norm: None,
        logit_scale: LogitScale::Multiplies(Required),
        ..COMMAND_R
    },
    Arch {
        name: "olmo",
        norm: NormKind::Layer,
        norm_weight: Absent,
        rope: Some(Pairing::Norm),
        qkv_bias: Optional,
        ..DENSE
    },
    Arch {
        name: "olmo2",
        norms: Norms::Post,
        qk_norm: Some((QkNormSpan::Token, Required)),
        windows: Windows::AllButEvery(4),
        local_rope: LocalRope::Unscaled,
        output: Required,
        ..DENSE
    },
    Arch {
        name: "olmoe",
        qk_norm: Some((QkNormSpan::Token, Required)),
        experts: Some(ExpertsRow { required: true, normalize: false, ..EXPERTS }),
        output: Required,
        ..DENSE
    },
    GRANITE,
    Arch { name: "granitemoe", ..GRANITE },
    Arch {
        name: "deepseek2",
        rope: Some(Pairing::Norm),
        mixer: Mixer::Latent,
        experts: Some(ExpertsRow {
            normalize: false,
            selection_bias: Optional,
            shared: Shared::ByCount,
            ..FINE_EXPERTS
        }),
        ..DENSE
    },
    GPT_OSS,
    // Ollama's name for it: no key for the experts' width or the kind of stretch.
    Arch {
        name: "gptoss",
        stretched_by_yarn: true,
        experts: Some(ExpertsRow { n_ff_required: false, ..GPT_OSS_EXPERTS }),
        ..GPT_OSS
    },
    Arch {
        name: "glm4",
        norms: Norms::PreAndPost,
        rope: Some(Pairing::Norm),
        qkv_bias: Optional,
        ..DENSE
    },
    Arch { name: "exaone", ..DENSE },
    Arch {
        name: "minicpm",
        embd_scale: EmbdScale::Fixed(12.0),
        residual_scale: ResidualScale::OverRootOfDepth(1.4),
        logit_scale: LogitScale::DividesByWidthOver(256.0),
        ..LLAMA
    },
    Arch { name: "smollm3", rope_blocks: RopeBlocks::AllButEvery(4), ..LLAMA },
    Arch { name: "ernie4_5", ..LLAMA },
    Arch {
        name: "mamba2",
        norms: Norms::NoChannel,
        recurrent: Some(Recurrent { kind: RecurrentKind::Ssm, blocks: RecurrentBlocks::All }),
        ..DENSE
    },
    Arch {
        name: "granitehybrid",
        recurrent: Some(Recurrent {
            kind: RecurrentKind::Ssm,
            blocks: RecurrentBlocks::WithoutKeyHeads,
        }),
        rope_blocks: RopeBlocks::ByKey,
        ..GRANITE
    },
    LFM2,
    Arch {
        name: "lfm2moe",
        experts: Some(ExpertsRow {
            routing: Routing::Sigmoid,
            selection_bias: Required,
            ..FINE_EXPERTS
        }),
        ..LFM2
    },
    Arch {
        name: "qwen3next",
        recurrent: Some(Recurrent {
            kind: RecurrentKind::DeltaNet { order: HeadOrder::Blocks, fused_gates: true },
            blocks: RecurrentBlocks::AllButEvery(4),
        }),
        ..QWEN35_MOE
    },
    QWEN35,
    QWEN35_MOE,
    BERT,
    Arch { name: "nomic-bert", hidden: Gated(Silu), ..ROPE_BERT },
    Arch {
        name: "nomic-bert-moe",
        experts: Some(ExpertsRow {
            required: true,
            blocks: ExpertBlocks::SecondOfEvery("moe_every_n_layers"),
            normalize: false,
            ..EXPERTS
        }),
        ..ROPE_BERT
    },
    Arch {
        name: "jina-bert-v2",
        positions: Absent,
        max_alibi_bias: Some(8.0),
        hidden: Gated(GeluErf),
        rank_head: RankHead::Score,
        ..BERT
    },
    Arch { name: "jina-bert-v3", ..ROPE_BERT },
    Arch {
        name: "modern-bert",
        norm_bias: Absent,
        norms: Norms::PreButFirst,
        wiring: Wire::Is(Wiring::Sequential),
        windows: Windows::AllButFirstOfEvery(3),
        default_freq_base: 160_000.0,
        local_rope: LocalRope::Own { freq_base: 10_000.0 },
        token_types: false,
        output_norm: &["output_norm"],
        hidden: Gated(GeluErf),
        rank_head: RankHead::MeanThenGelu,
        ..ROPE_BERT
    },
    Arch {
        name: "gemma-embedding",
        encoder: true,
        default_freq_base: 1_000_000.0,
        norms: Norms::PreAndPost,
        qk_norm: Some((QkNormSpan::Head, Required)),
        windows: Windows::RequiredAllButEvery(6),
        local_rope: LocalRope::Own { freq_base: 10_000.0 },
        ..GEMMA
    },
];
