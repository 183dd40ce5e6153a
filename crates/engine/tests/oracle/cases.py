"""The models: configuration in transformers, metadata and tensor names in GGUF.

All are tiny: 96 tokens of vocabulary, 64 wide, with every feature of their architecture that has
arithmetic of its own: windows shorter than the prompt, several experts, more query heads than key
heads, tied and own output matrices.
"""
from dataclasses import dataclass, field
from typing import Any

import transformers as hf
from layout import (
    column,
    conv,
    gate_and_up,
    gate_and_up_rows,
    grouped_qkvz,
    groups,
    groups_with_kv,
    heads_of_three,
    interleaved_biases,
    interleaved_gate_and_up,
    latent_heads,
    log_decay,
    log_decay_column,
    paired,
    plus_one,
    row,
    split_experts,
    stacked_norms,
    then,
    transposed,
    transposed_experts,
    transposed_gate_and_up,
    value_heads,
)

N_VOCAB, N_EMBD, N_FF, N_HEAD, N_HEAD_KV, N_CTX = 96, 64, 96, 4, 2, 128
WINDOW = 16


@dataclass
class Case:
    """One fixture."""

    name: str
    architecture: str
    model: Any
    config: Any
    """GGUF metadata beside the tokenizer's."""
    metadata: dict
    """(pattern of the parameter's name, GGUF name or names, layout); the first that fits counts."""
    names: list
    """Keys and tensors without which the file is still a model, though another one."""
    optional: list = field(default_factory=list)
    """Tensors that follow from the configuration."""
    given: dict = field(default_factory=dict)
    """Shapes of GGUF tensors that are made of several parameters."""
    shapes: dict = field(default_factory=dict)
    """Of an encoder: what gives the tokens' vectors and, where there is a head, the text's."""
    vectors: Any = None
    """Shapes of GGUF tensors that the model does not have."""
    more: dict = field(default_factory=dict)
    n_ctx: int = N_CTX
    note: str = ""


def rope(theta=10_000.0, **more):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}


def config(kind, n_layer=2, **more):
    common = dict(
        vocab_size=N_VOCAB,
        hidden_size=N_EMBD,
        intermediate_size=N_FF,
        num_hidden_layers=n_layer,
        num_attention_heads=N_HEAD,
        num_key_value_heads=N_HEAD_KV,
        max_position_embeddings=N_CTX,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=None,
    )
    return getattr(hf, kind + "Config")(**{**common, **more})


def keys(architecture, n_layer=2, eps=1e-5, norm="rms", **more):
    """Metadata; names in `more` are given with `__` for the dots."""
    name = "layer_norm_rms_epsilon" if norm == "rms" else "layer_norm_epsilon"
    common = {
        "block_count": n_layer,
        "context_length": N_CTX,
        "embedding_length": N_EMBD,
        "feed_forward_length": N_FF,
        "attention.head_count": N_HEAD,
        "attention.head_count_kv": N_HEAD_KV,
        f"attention.{name}": eps,
    }
    common |= {key.replace("__", "."): value for key, value in more.items()}
    return {f"{architecture}.{key}": value for key, value in common.items() if value is not None}


def optional(architecture, *names):
    return [f"{architecture}.{name}" for name in names]


L = r"model\.layers\.(\d+)\."


def top(output="output"):
    return [
        (r"model\.embed_tokens\.weight", "token_embd.weight"),
        (r"model\.norm\.(weight|bias)", r"output_norm.\1"),
        (r"lm_head\.(weight|bias)", rf"{output}.\1"),
    ]


def attention(q=None, k=None):
    return [
        (L + r"self_attn\.q_proj\.(weight|bias)", r"blk.\1.attn_q.\2", q),
        (L + r"self_attn\.k_proj\.(weight|bias)", r"blk.\1.attn_k.\2", k),
        (L + r"self_attn\.v_proj\.(weight|bias)", r"blk.\1.attn_v.\2"),
        (L + r"self_attn\.(?:o_proj|dense)\.(weight|bias)", r"blk.\1.attn_output.\2"),
    ]


PAIRED = attention(paired(N_HEAD), paired(N_HEAD_KV))
PLAIN = attention()
MLP = [
    (L + r"mlp\.(gate|up|down)_proj\.(weight|bias)", r"blk.\1.ffn_\2.\3"),
]
NORMS = [
    (L + r"input_layernorm\.(weight|bias)", r"blk.\1.attn_norm.\2"),
    (L + r"post_attention_layernorm\.(weight|bias)", r"blk.\1.ffn_norm.\2"),
]
QK_NORMS = [(L + r"self_attn\.(q|k)_norm\.weight", r"blk.\1.attn_\2_norm.weight")]
EXPERTS = [
    (L + r"(?:mlp|block_sparse_moe)\.(?:gate|router)\.weight", r"blk.\1.ffn_gate_inp.weight"),
    (
        L + r"(?:mlp|block_sparse_moe)\.experts\.gate_up_proj",
        [r"blk.\1.ffn_gate_exps.weight", r"blk.\1.ffn_up_exps.weight"],
        gate_and_up,
    gate_and_up_rows,
    ),
    (L + r"(?:mlp|block_sparse_moe)\.experts\.down_proj", r"blk.\1.ffn_down_exps.weight"),
]
LLAMA = top() + PAIRED + MLP + NORMS
NEOX = top() + PLAIN + MLP + NORMS


def with_gemma_norms(names):
    """Gemma's norms, of which GGUF holds one more."""
    return [
        (r"model\.norm\.weight", "output_norm.weight", plus_one),
        (L + r"input_layernorm\.weight", r"blk.\1.attn_norm.weight", plus_one),
        (L + r"post_attention_layernorm\.weight", r"blk.\1.post_attention_norm.weight", plus_one),
        (L + r"pre_feedforward_layernorm\.weight", r"blk.\1.ffn_norm.weight", plus_one),
        (L + r"post_feedforward_layernorm\.weight", r"blk.\1.post_ffw_norm.weight", plus_one),
        (L + r"self_attn\.(q|k)_norm\.weight", r"blk.\1.attn_\2_norm.weight", plus_one),
    ] + names


def llama3_factors(dim, theta, factor, low, high, n_ctx_orig):
    """Divisors of rope frequencies as the converters compute them."""
    import math

    def divisor(i):
        wave = 2 * math.pi * theta ** (2 * i / dim)
        if wave < n_ctx_orig / high:
            return 1.0
        if wave > n_ctx_orig / low:
            return float(factor)
        smooth = (n_ctx_orig / wave - low) / (high - low)
        return 1 / ((1 - smooth) / factor + smooth)

    return [divisor(i) for i in range(dim // 2)]


def biases(n_layer, *names):
    return [f"blk.{i}.{name}.bias" for i in range(n_layer) for name in names]


LLAMA_BIASES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
YARN = {
    "rope__scaling__type": "yarn",
    "rope__scaling__factor": 4.0,
    "rope__scaling__original_context_length": 32,
}
YARN_KEYS = ["rope.scaling.type", "rope.scaling.factor"]
NO_FF = {"feed_forward_length": None}
GEMMA = dict(hidden_activation="gelu_pytorch_tanh", head_dim=24, rms_norm_eps=1e-5)
GEMMA_KEYS = dict(attention__key_length=24, attention__value_length=24)
GEMMA_OPTIONAL = ["attention.value_length"]


def split_expert_names(n_expert):
    def parts(names):
        return [rf"blk.\1.ffn_{name}.{e}.weight" for e in range(n_expert) for name in names]

    return [
        (L + r"mlp\.gate\.weight", r"blk.\1.ffn_gate_inp.weight"),
        (L + r"mlp\.experts\.gate_up_proj", parts(["gate", "up"]), split_experts(2)),
        (L + r"mlp\.experts\.down_proj", parts(["down"]), split_experts(1)),
    ]


def head_norms(n_layer):
    """StableLM's norms, of which there is one for each head, and their tensors' shapes."""
    dim = N_EMBD // N_HEAD
    names, shapes = [], {}
    for side, n_head in (("q", N_HEAD), ("k", N_HEAD_KV)):
        for i in range(n_head):
            pattern = L + rf"self_attn\.{side}_layernorm\.norms\.{i}\.weight"
            names.append((pattern, rf"blk.\1.attn_{side}_norm.weight", stacked_norms(i)))
        shapes |= {f"blk.{i}.attn_{side}_norm.weight": [n_head, dim] for i in range(n_layer)}
    return names, shapes


HEAD_NORMS, HEAD_NORM_SHAPES = head_norms(2)

T = r"transformer\.h\.(\d+)\."
FALCON = [
    (r"transformer\.word_embeddings\.weight", "token_embd.weight"),
    (r"transformer\.ln_f\.(weight|bias)", r"output_norm.\1"),
    (r"lm_head\.weight", "output.weight"),
    (T + r"self_attention\.dense\.weight", r"blk.\1.attn_output.weight"),
    (T + r"mlp\.dense_h_to_4h\.weight", r"blk.\1.ffn_up.weight"),
    (T + r"mlp\.dense_4h_to_h\.weight", r"blk.\1.ffn_down.weight"),
    (T + r"(?:input_layernorm|ln_mlp)\.(weight|bias)", r"blk.\1.attn_norm.\2"),
    (T + r"ln_attn\.(weight|bias)", r"blk.\1.attn_norm_2.\2"),
]
GPT2 = [
    (r"transformer\.wte\.weight", "token_embd.weight"),
    (r"transformer\.wpe\.weight", "position_embd.weight"),
    (r"transformer\.ln_f\.(weight|bias)", r"output_norm.\1"),
    (r"lm_head\.weight", "output.weight"),
    (T + r"attn\.c_attn\.weight", r"blk.\1.attn_qkv.weight", transposed),
    (T + r"attn\.c_proj\.weight", r"blk.\1.attn_output.weight", transposed),
    (T + r"mlp\.c_fc\.weight", r"blk.\1.ffn_up.weight", transposed),
    (T + r"mlp\.c_proj\.weight", r"blk.\1.ffn_down.weight", transposed),
    (T + r"attn\.c_attn\.bias", r"blk.\1.attn_qkv.bias"),
    (T + r"attn\.c_proj\.bias", r"blk.\1.attn_output.bias"),
    (T + r"mlp\.c_fc\.bias", r"blk.\1.ffn_up.bias"),
    (T + r"mlp\.c_proj\.bias", r"blk.\1.ffn_down.bias"),
    (T + r"ln_1\.(weight|bias)", r"blk.\1.attn_norm.\2"),
    (T + r"ln_2\.(weight|bias)", r"blk.\1.ffn_norm.\2"),
]
G = r"gpt_neox\.layers\.(\d+)\."
GPTNEOX = [
    (r"gpt_neox\.embed_in\.weight", "token_embd.weight"),
    (r"gpt_neox\.final_layer_norm\.(weight|bias)", r"output_norm.\1"),
    (r"lm_head\.weight", "output.weight"),
    (G + r"attention\.query_key_value\.(weight|bias)", r"blk.\1.attn_qkv.\2", heads_of_three(N_HEAD)),
    (G + r"attention\.dense\.(weight|bias)", r"blk.\1.attn_output.\2"),
    (G + r"mlp\.dense_h_to_4h\.(weight|bias)", r"blk.\1.ffn_up.\2"),
    (G + r"mlp\.dense_4h_to_h\.(weight|bias)", r"blk.\1.ffn_down.\2"),
    (G + r"input_layernorm\.(weight|bias)", r"blk.\1.attn_norm.\2"),
    (G + r"post_attention_layernorm\.(weight|bias)", r"blk.\1.ffn_norm.\2"),
]
M = r"transformer\.blocks\.(\d+)\."
MPT = [
    (r"transformer\.wte\.weight", "token_embd.weight"),
    (r"transformer\.norm_f\.weight", "output_norm.weight"),
    (r"lm_head\.weight", "output.weight"),
    (M + r"norm_1\.weight", r"blk.\1.attn_norm.weight"),
    (M + r"norm_2\.weight", r"blk.\1.ffn_norm.weight"),
    (M + r"attn\.Wqkv\.weight", r"blk.\1.attn_qkv.weight"),
    (M + r"attn\.out_proj\.weight", r"blk.\1.attn_output.weight"),
    (M + r"ffn\.(up|down)_proj\.weight", r"blk.\1.ffn_\2.weight"),
]
LATENT = dict(
    kv_lora_rank=32,
    qk_nope_head_dim=16,
    qk_rope_head_dim=8,
    v_head_dim=24,
    n_routed_experts=8,
    num_experts_per_tok=3,
    moe_intermediate_size=32,
    first_k_dense_replace=1,
    num_key_value_heads=N_HEAD,
    head_dim=8,
    rms_norm_eps=1e-6,
)
LATENT_KEYS = dict(
    # transformers' norms inside the latent attention always have 1e-6.
    eps=1e-6,
    attention__head_count_kv=None,
    attention__kv_lora_rank=32,
    rope__dimension_count=8,
    expert_count=8,
    expert_used_count=3,
    expert_feed_forward_length=32,
    leading_dense_block_count=1,
)
LATENT_NAMES = [
    (L + r"self_attn\.q_a_proj\.weight", r"blk.\1.attn_q_a.weight"),
    (L + r"self_attn\.q_a_layernorm\.weight", r"blk.\1.attn_q_a_norm.weight"),
    (L + r"self_attn\.q_b_proj\.weight", r"blk.\1.attn_q_b.weight"),
    (L + r"self_attn\.kv_a_proj_with_mqa\.weight", r"blk.\1.attn_kv_a_mqa.weight"),
    (L + r"self_attn\.kv_a_layernorm\.weight", r"blk.\1.attn_kv_a_norm.weight"),
    (L + r"mlp\.shared_experts\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2_shexp.weight"),
    (L + r"mlp\.gate\.e_score_correction_bias", r"blk.\1.exp_probs_b.bias"),
]
GPT_OSS = [
    (L + r"self_attn\.sinks", r"blk.\1.attn_sinks.weight"),
    (L + r"post_attention_layernorm\.weight", r"blk.\1.post_attention_norm.weight"),
    (L + r"mlp\.router\.(weight|bias)", r"blk.\1.ffn_gate_inp.\2"),
    (
        L + r"mlp\.experts\.gate_up_proj",
        [r"blk.\1.ffn_gate_exps.weight", r"blk.\1.ffn_up_exps.weight"],
        interleaved_gate_and_up,
    ),
    (
        L + r"mlp\.experts\.gate_up_proj_bias",
        [r"blk.\1.ffn_gate_exps.bias", r"blk.\1.ffn_up_exps.bias"],
        interleaved_biases,
    ),
    (L + r"mlp\.experts\.down_proj", r"blk.\1.ffn_down_exps.weight", transposed_experts),
    (L + r"mlp\.experts\.down_proj_bias", r"blk.\1.ffn_down_exps.bias"),
]
LLAMA4 = [
    (L + r"feed_forward\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2.weight"),
    (L + r"feed_forward\.router\.weight", r"blk.\1.ffn_gate_inp.weight"),
    (
        L + r"feed_forward\.experts\.gate_up_proj",
        [r"blk.\1.ffn_gate_exps.weight", r"blk.\1.ffn_up_exps.weight"],
        transposed_gate_and_up,
    ),
    (L + r"feed_forward\.experts\.down_proj", r"blk.\1.ffn_down_exps.weight", transposed_experts),
    (L + r"feed_forward\.shared_expert\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2_shexp.weight"),
] + NEOX
OLLAMA_GPT_OSS = [
    (L + r"self_attn\.sinks", r"blk.\1.attn_sinks"),
    (L + r"self_attn\.o_proj\.(weight|bias)", r"blk.\1.attn_out.\2"),
    (L + r"post_attention_layernorm\.weight", r"blk.\1.ffn_norm.weight"),
]
GRANITE = dict(
    embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=0.25
)
GRANITE_KEYS = dict(
    embedding_scale=3.0, residual_scale=0.5, attention__scale=0.2, logit_scale=0.25
)
GRANITE_OPTIONAL = ["embedding_scale", "residual_scale", "attention.scale"]
LONG = [1.0, 1.5, 2.0, 4.0, 6.0, 9.0, 12.0, 16.0]
SHORT = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
WINDOWED = ["sliding_attention", "full_attention"]


def phi3(name, n_ctx_orig, attn_factor):
    """Phi 3 with long and short factors: the long ones where the context may exceed n_ctx_orig."""
    return Case(
        name,
        "phi3",
        hf.Phi3ForCausalLM,
        config(
            "Phi3",
            sliding_window=WINDOW,
            max_position_embeddings=4 * n_ctx_orig,
            original_max_position_embeddings=n_ctx_orig,
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": 10_000.0,
                "partial_rotary_factor": 1.0,
                "long_factor": LONG,
                "short_factor": SHORT,
                "original_max_position_embeddings": n_ctx_orig,
                "factor": 4.0,
            },
        ),
        keys(
            "phi3",
            attention__sliding_window=WINDOW,
            rope__dimension_count=16,
            rope__scaling__type="longrope",
            rope__scaling__original_context_length=n_ctx_orig,
            rope__scaling__attn_factor=attn_factor,
        ),
        top()
        + PLAIN
        + NORMS
        + [
            (L + r"self_attn\.qkv_proj\.weight", r"blk.\1.attn_qkv.weight"),
            (L + r"mlp\.gate_up_proj\.weight", r"blk.\1.ffn_up.weight"),
            (L + r"mlp\.down_proj\.weight", r"blk.\1.ffn_down.weight"),
        ],
        optional("phi3", "attention.sliding_window", "rope.dimension_count", "rope.scaling.type", "rope.scaling.attn_factor")
        + ["output.weight"],
        given={"rope_factors_long.weight": LONG, "rope_factors_short.weight": SHORT},
    )


def latent(name, model, kind, more, more_keys, kv_b, names=LATENT_NAMES, more_optional=(), tensors=()):
    n_layer = 2
    return Case(
        name,
        "deepseek2",
        model,
        config(kind, n_layer, **{**LATENT, **more}),
        keys("deepseek2", n_layer, **{**LATENT_KEYS, **more_keys}),
        [(L + r"self_attn\.kv_b_proj\.weight", *kv_b)] + names + EXPERTS + NEOX,
        [
            f"deepseek2.{key}"
            for key in more_optional
        ]
        + ["output.weight", *tensors],
    )


SHORT_CONV = [
    (r"model\.embedding_norm\.weight", "token_embd_norm.weight"),
    (L + r"operator_norm\.weight", r"blk.\1.attn_norm.weight"),
    (L + r"ffn_norm\.weight", r"blk.\1.ffn_norm.weight"),
    (L + r"conv\.conv\.weight", r"blk.\1.shortconv.conv.weight", conv),
    (L + r"conv\.(in|out)_proj\.weight", r"blk.\1.shortconv.\2_proj.weight"),
    (L + r"self_attn\.out_proj\.weight", r"blk.\1.attn_output.weight"),
    (L + r"self_attn\.(q|k)_layernorm\.weight", r"blk.\1.attn_\2_norm.weight"),
    (L + r"feed_forward\.w1\.weight", r"blk.\1.ffn_gate.weight"),
    (L + r"feed_forward\.w3\.weight", r"blk.\1.ffn_up.weight"),
    (L + r"feed_forward\.w2\.weight", r"blk.\1.ffn_down.weight"),
    (L + r"feed_forward\.expert_bias", r"blk.\1.exp_probs_b.bias"),
    (L + r"feed_forward\.gate\.weight", r"blk.\1.ffn_gate_inp.weight"),
    (
        L + r"feed_forward\.experts\.gate_up_proj",
        [r"blk.\1.ffn_gate_exps.weight", r"blk.\1.ffn_up_exps.weight"],
        gate_and_up,
    ),
    (L + r"feed_forward\.experts\.down_proj", r"blk.\1.ffn_down_exps.weight"),
]
CONV_AND_ATTENTION = ["conv", "full_attention", "conv", "conv"]
N_GROUP = 2


def ssm(mixer):
    """Names of a Mamba-2 layer's tensors."""
    return [
        (mixer + r"dt_bias", r"blk.\1.ssm_dt.bias"),
        (mixer + r"A_log", r"blk.\1.ssm_a", log_decay_column),
        (mixer + r"D", r"blk.\1.ssm_d", column),
        (mixer + r"conv1d\.weight", r"blk.\1.ssm_conv1d.weight", conv),
        (mixer + r"conv1d\.bias", r"blk.\1.ssm_conv1d.bias"),
        (mixer + r"in_proj\.weight", r"blk.\1.ssm_in.weight"),
        (mixer + r"norm\.weight", r"blk.\1.ssm_norm.weight", groups(N_GROUP)),
        (mixer + r"out_proj\.weight", r"blk.\1.ssm_out.weight"),
    ]


SSM_KEYS = dict(
    ssm__conv_kernel=4,
    ssm__inner_size=128,
    ssm__state_size=16,
    ssm__time_step_rank=8,
    ssm__group_count=N_GROUP,
)
MAMBA2 = [
    (r"backbone\.embeddings\.weight", "token_embd.weight"),
    (r"backbone\.norm_f\.weight", "output_norm.weight"),
    (r"lm_head\.weight", "output.weight"),
    (r"backbone\.layers\.(\d+)\.norm\.weight", r"blk.\1.attn_norm.weight"),
] + ssm(r"backbone\.layers\.(\d+)\.mixer\.")
SHARED_MLP = [
    (
        L + r"shared_mlp\.input_linear\.weight",
        [r"blk.\1.ffn_gate_shexp.weight", r"blk.\1.ffn_up_shexp.weight"],
        gate_and_up_rows,
    ),
    (L + r"shared_mlp\.output_linear\.weight", r"blk.\1.ffn_down_shexp.weight"),
]
ONLY_MLP = [
    (
        L + r"shared_mlp\.input_linear\.weight",
        [r"blk.\1.ffn_gate.weight", r"blk.\1.ffn_up.weight"],
        gate_and_up_rows,
    ),
    (L + r"shared_mlp\.output_linear\.weight", r"blk.\1.ffn_down.weight"),
]
HYBRID = dict(
    rms_norm_eps=1e-5,
    layer_types=["mamba", "attention", "mamba"],
    mamba_n_heads=8,
    mamba_n_groups=N_GROUP,
    mamba_d_state=16,
    mamba_chunk_size=16,
    **GRANITE,
)


def granite_hybrid(name, more, more_keys, names, more_optional=()):
    return Case(
        name,
        "granitehybrid",
        hf.GraniteMoeHybridForCausalLM,
        config("GraniteMoeHybrid", 3, **HYBRID, **more),
        keys(
            "granitehybrid",
            3,
            **{"attention__head_count_kv": [0, N_HEAD_KV, 0], **SSM_KEYS, **GRANITE_KEYS, **more_keys},
        ),
        names + EXPERTS + ssm(L + r"mamba\.") + LLAMA,
        optional("granitehybrid", *GRANITE_OPTIONAL, *more_optional)
        + ["output.weight"]
        + [f"blk.{i}.ssm_conv1d.bias" for i in (0, 2)],
    )


DELTA_NET = dict(
    head_dim=32,
    rms_norm_eps=1e-6,
    linear_num_key_heads=2,
    linear_num_value_heads=6,
    linear_key_head_dim=16,
    linear_value_head_dim=16,
    linear_conv_kernel_dim=4,
    **rope(1_000.0, partial_rotary_factor=0.25),
)
DELTA_NET_KEYS = dict(
    eps=1e-6,
    attention__key_length=32,
    attention__value_length=32,
    rope__freq_base=1_000.0,
    rope__dimension_count=8,
    ssm__conv_kernel=4,
    ssm__inner_size=96,
    ssm__state_size=16,
    ssm__time_step_rank=6,
    ssm__group_count=2,
)
DELTA_NET_OPTIONAL = ["attention.value_length", "rope.freq_base", "rope.dimension_count"]
FINE_EXPERTS = dict(
    num_experts=6,
    num_experts_per_tok=3,
    moe_intermediate_size=32,
    shared_expert_intermediate_size=48,
)
FINE_EXPERTS_KEYS = dict(
    expert_count=6,
    expert_used_count=3,
    expert_feed_forward_length=32,
    expert_shared_feed_forward_length=48,
)
SHARED_EXPERT = [
    (L + r"mlp\.shared_expert\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2_shexp.weight"),
    (L + r"mlp\.shared_expert_gate\.weight", r"blk.\1.ffn_gate_inp_shexp.weight", row),
]
LINEAR = L + r"linear_attn\."
DELTA_NET_NAMES = (
    [
        (r"model\.norm\.weight", "output_norm.weight", plus_one),
        (L + r"input_layernorm\.weight", r"blk.\1.attn_norm.weight", plus_one),
        (L + r"post_attention_layernorm\.weight", r"blk.\1.post_attention_norm.weight", plus_one),
        (L + r"self_attn\.(q|k)_norm\.weight", r"blk.\1.attn_\2_norm.weight", plus_one),
        (LINEAR + r"norm\.weight", r"blk.\1.ssm_norm.weight"),
    ]
    + SHARED_EXPERT
    + EXPERTS
    + NEOX
)
# Value heads of a key head together.
BY_KEY_HEAD = [
    (LINEAR + r"dt_bias", r"blk.\1.ssm_dt.bias"),
    (LINEAR + r"A_log", r"blk.\1.ssm_a", log_decay),
    (LINEAR + r"conv1d\.weight", r"blk.\1.ssm_conv1d.weight", conv),
    (
        LINEAR + r"in_proj_qkvz\.weight",
        [r"blk.\1.attn_qkv.weight", r"blk.\1.attn_gate.weight"],
        grouped_qkvz(2, 16, 48),
    ),
    (LINEAR + r"in_proj_ba\.weight", r"blk.\1.ssm_ba.weight"),
    (LINEAR + r"out_proj\.weight", r"blk.\1.ssm_out.weight"),
]
# Key heads take turns.
IN_TURNS = [
    (LINEAR + r"dt_bias", r"blk.\1.ssm_dt.bias", value_heads(2, 6)),
    (LINEAR + r"A_log", r"blk.\1.ssm_a", then(value_heads(2, 6), log_decay)),
    (LINEAR + r"conv1d\.weight", r"blk.\1.ssm_conv1d.weight", then(value_heads(2, 6, 64), conv)),
    (LINEAR + r"in_proj_qkv\.weight", r"blk.\1.attn_qkv.weight", value_heads(2, 6, 64)),
    (LINEAR + r"in_proj_z\.weight", r"blk.\1.attn_gate.weight", value_heads(2, 6)),
    (LINEAR + r"in_proj_b\.weight", r"blk.\1.ssm_beta.weight", value_heads(2, 6)),
    (LINEAR + r"in_proj_a\.weight", r"blk.\1.ssm_alpha.weight", value_heads(2, 6)),
    (LINEAR + r"out_proj\.weight", r"blk.\1.ssm_out.weight", value_heads(2, 6, axis=1)),
]


CASES = [
    Case(
        "llama",
        "llama",
        hf.LlamaForCausalLM,
        config(
            "Llama",
            attention_bias=True,
            mlp_bias=True,
            rms_norm_eps=1e-5,
            **rope(
                500.0,
                rope_type="llama3",
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=32,
            ),
        ),
        keys("llama", rope__freq_base=500.0),
        LLAMA,
        optional("llama", "rope.freq_base")
        + ["output.weight", "rope_freqs.weight"]
        + biases(2, *LLAMA_BIASES),
        given={"rope_freqs.weight": llama3_factors(16, 500.0, 8.0, 1.0, 4.0, 32)},
    ),
    Case(
        "llama4",
        "llama4",
        hf.Llama4ForCausalLM,
        config(
            "Llama4Text",
            4,
            head_dim=16,
            rms_norm_eps=1e-5,
            intermediate_size=32,
            intermediate_size_mlp=N_FF,
            num_local_experts=4,
            num_experts_per_tok=1,
            interleave_moe_layer_step=2,
            attention_chunk_size=WINDOW,
            floor_scale=8,
            attn_scale=0.1,
            attn_temperature_tuning=True,
            **rope(),
        ),
        keys(
            "llama4",
            4,
            expert_count=4,
            expert_used_count=1,
            expert_feed_forward_length=32,
            interleave_moe_layer_step=2,
            attention__chunk_size=WINDOW,
            attention__floor_scale=8,
        ),
        LLAMA4,
        optional("llama4", "attention.chunk_size", "attention.floor_scale") + ["output.weight"],
    ),
    Case(
        "llama_linear",
        "llama",
        hf.LlamaForCausalLM,
        config("Llama", rms_norm_eps=1e-5, tie_word_embeddings=True, head_dim=32, **rope(rope_type="linear", factor=4.0)),
        keys(
            "llama",
            attention__key_length=32,
            attention__value_length=32,
            rope__dimension_count=32,
            rope__scaling__type="linear",
            rope__scaling__factor=4.0,
        ),
        LLAMA,
        optional("llama", "attention.value_length", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor"),
    ),
    Case(
        "llama_yarn",
        "llama",
        hf.LlamaForCausalLM,
        config("Llama", rms_norm_eps=1e-5, **rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)),
        keys("llama", **YARN),
        LLAMA,
        optional("llama", *YARN_KEYS) + ["output.weight"],
    ),
    Case(
        "mistral",
        "llama",
        hf.MistralForCausalLM,
        config("Mistral", rms_norm_eps=1e-5, sliding_window=WINDOW),
        keys("llama", attention__sliding_window=WINDOW),
        LLAMA,
        optional("llama", "attention.sliding_window") + ["output.weight"],
    ),
    Case(
        "mixtral",
        "llama",
        hf.MixtralForCausalLM,
        config("Mixtral", rms_norm_eps=1e-5, num_local_experts=6, num_experts_per_tok=3, sliding_window=None, **rope()),
        keys("llama", expert_count=6, expert_used_count=3),
        EXPERTS + LLAMA,
        optional("llama") + ["output.weight"],
    ),
    Case(
        "mixtral_split",
        "llama",
        hf.MixtralForCausalLM,
        config("Mixtral", rms_norm_eps=1e-5, num_local_experts=4, num_experts_per_tok=2, sliding_window=None, **rope()),
        keys("llama", expert_count=4, expert_used_count=2),
        split_expert_names(4) + LLAMA,
        optional("llama") + ["output.weight"],
    ),
    Case(
        "mixtral_fused",
        "llama",
        hf.MixtralForCausalLM,
        config("Mixtral", rms_norm_eps=1e-5, num_local_experts=4, num_experts_per_tok=2, sliding_window=None, **rope()),
        keys("llama", expert_count=4, expert_used_count=2),
        [(L + r"mlp\.experts\.gate_up_proj", r"blk.\1.ffn_gate_up_exps.weight")] + EXPERTS + LLAMA,
        optional("llama") + ["output.weight"],
    ),
    Case(
        "mistral3",
        "mistral3",
        hf.Ministral3ForCausalLM,
        config(
            "Ministral3",
            rms_norm_eps=1e-5,
            head_dim=32,
            **rope(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=16,
                mscale=1.0,
                mscale_all_dim=1.0,
                llama_4_scaling_beta=0.3,
            ),
        ),
        keys(
            "mistral3",
            attention__key_length=32,
            attention__value_length=32,
            attention__temperature_scale=0.3,
            **{**YARN, "rope__scaling__original_context_length": 16},
            rope__scaling__yarn_log_multiplier=1.0,
        ),
        LLAMA,
        optional("mistral3", *YARN_KEYS, "attention.value_length", "attention.temperature_scale", "rope.scaling.yarn_log_multiplier")
        + ["output.weight"],
    ),
    Case(
        "qwen2",
        "qwen2",
        hf.Qwen2ForCausalLM,
        config("Qwen2", rms_norm_eps=1e-5, tie_word_embeddings=True, **rope(1_000.0)),
        keys("qwen2", rope__freq_base=1_000.0),
        NEOX,
        optional("qwen2", "rope.freq_base"),
    ),
    Case(
        "qwen2moe",
        "qwen2moe",
        hf.Qwen2MoeForCausalLM,
        config(
            "Qwen2Moe",
            rms_norm_eps=1e-5,
            num_experts=6,
            num_experts_per_tok=3,
            moe_intermediate_size=32,
            shared_expert_intermediate_size=48,
        ),
        keys(
            "qwen2moe",
            expert_count=6,
            expert_used_count=3,
            expert_feed_forward_length=32,
            expert_shared_feed_forward_length=48,
            **NO_FF,
        ),
        EXPERTS
        + [
            (L + r"mlp\.shared_expert\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2_shexp.weight"),
            (L + r"mlp\.shared_expert_gate\.weight", r"blk.\1.ffn_gate_inp_shexp.weight", row),
        ]
        + NEOX,
        optional("qwen2moe") + ["output.weight"],
    ),
    Case(
        "qwen3",
        "qwen3",
        hf.Qwen3ForCausalLM,
        config("Qwen3", rms_norm_eps=1e-5, head_dim=32),
        keys("qwen3", attention__key_length=32, attention__value_length=32),
        QK_NORMS + NEOX,
        optional("qwen3", "attention.value_length") + ["output.weight"],
    ),
    Case(
        "qwen3moe",
        "qwen3moe",
        hf.Qwen3MoeForCausalLM,
        config(
            "Qwen3Moe",
            rms_norm_eps=1e-5,
            head_dim=32,
            num_experts=6,
            num_local_experts=6,
            num_experts_per_tok=3,
            moe_intermediate_size=32,
            norm_topk_prob=True,
        ),
        keys(
            "qwen3moe",
            attention__key_length=32,
            attention__value_length=32,
            expert_count=6,
            expert_used_count=3,
            expert_feed_forward_length=32,
            **NO_FF,
        ),
        QK_NORMS + EXPERTS + NEOX,
        optional("qwen3moe", "attention.value_length") + ["output.weight"],
    ),
    Case(
        "gemma",
        "gemma",
        hf.GemmaForCausalLM,
        config("Gemma", tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh", head_dim=24, rms_norm_eps=1e-5),
        keys("gemma", **GEMMA_KEYS),
        [(L + r"post_attention_layernorm\.weight", r"blk.\1.ffn_norm.weight", plus_one)]
        + with_gemma_norms(NEOX),
        optional("gemma", *GEMMA_OPTIONAL),
    ),
    Case(
        "gemma2",
        "gemma2",
        hf.Gemma2ForCausalLM,
        config(
            "Gemma2",
            4,
            tie_word_embeddings=True,
            query_pre_attn_scalar=24,
            sliding_window=WINDOW,
            attn_logit_softcapping=1.5,
            final_logit_softcapping=2.0,
            **GEMMA,
        ),
        keys(
            "gemma2",
            4,
            attention__sliding_window=WINDOW,
            attn_logit_softcapping=1.5,
            final_logit_softcapping=2.0,
            **GEMMA_KEYS,
        ),
        with_gemma_norms(NEOX),
        optional("gemma2", *GEMMA_OPTIONAL, "attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"),
    ),
    Case(
        "gemma3",
        "gemma3",
        hf.Gemma3ForCausalLM,
        config(
            "Gemma3Text",
            3,
            tie_word_embeddings=True,
            query_pre_attn_scalar=24,
            sliding_window=WINDOW,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            rope_parameters={
                "sliding_attention": {"rope_type": "default", "rope_theta": 1_000.0},
                "full_attention": {"rope_type": "linear", "rope_theta": 100_000.0, "factor": 8.0},
            },
            **GEMMA,
        ),
        keys(
            "gemma3",
            3,
            attention__sliding_window=WINDOW,
            attention__sliding_window_pattern=[True, False, True],
            rope__freq_base=100_000.0,
            rope__freq_base_swa=1_000.0,
            rope__scaling__type="linear",
            rope__scaling__factor=8.0,
            **GEMMA_KEYS,
        ),
        with_gemma_norms(NEOX),
        optional(
            "gemma3",
            *GEMMA_OPTIONAL,
            "attention.layer_norm_rms_epsilon",
            "attention.sliding_window",
            "attention.sliding_window_pattern",
            "rope.freq_base",
            "rope.freq_base_swa",
            "rope.scaling.type",
            "rope.scaling.factor",
        ),
    ),
    Case(
        "phi2",
        "phi2",
        hf.PhiForCausalLM,
        config("Phi", hidden_act="gelu_new", **rope(partial_rotary_factor=0.5)),
        keys("phi2", norm="layer", rope__dimension_count=8),
        [
            (r"model\.final_layernorm\.(weight|bias)", r"output_norm.\1"),
            (L + r"mlp\.fc1\.(weight|bias)", r"blk.\1.ffn_up.\2"),
            (L + r"mlp\.fc2\.(weight|bias)", r"blk.\1.ffn_down.\2"),
        ]
        + NEOX,
        optional("phi2", "rope.dimension_count"),
    ),
    # sqrt(1 + ln 4 / ln n_ctx_orig)
    phi3("phi3_long", 32, 1.1832159566199232),
    phi3("phi3_short", 128, 1.1338934190276817),
    Case(
        "stablelm",
        "stablelm",
        hf.StableLmForCausalLM,
        config("StableLm", use_qkv_bias=True, **rope(partial_rotary_factor=0.25)),
        keys("stablelm", norm="layer", rope__dimension_count=4),
        NEOX,
        optional("stablelm", "rope.dimension_count")
        + biases(2, "attn_q", "attn_k", "attn_v")
        + [],
    ),
    Case(
        "stablelm_parallel",
        "stablelm",
        hf.StableLmForCausalLM,
        config("StableLm", qk_layernorm=True, use_parallel_residual=True, **rope(partial_rotary_factor=0.25)),
        keys("stablelm", norm="layer", rope__dimension_count=4),
        HEAD_NORMS + NEOX,
        optional("stablelm", "rope.dimension_count") + list(HEAD_NORM_SHAPES),
        shapes=HEAD_NORM_SHAPES,
    ),
    Case(
        "starcoder2",
        "starcoder2",
        hf.Starcoder2ForCausalLM,
        config("Starcoder2", sliding_window=WINDOW, tie_word_embeddings=True),
        keys("starcoder2", norm="layer", attention__sliding_window=WINDOW),
        [
            (L + r"mlp\.c_fc\.(weight|bias)", r"blk.\1.ffn_up.\2"),
            (L + r"mlp\.c_proj\.(weight|bias)", r"blk.\1.ffn_down.\2"),
        ]
        + NEOX,
        optional("starcoder2", "attention.sliding_window"),
    ),
    Case(
        "falcon",
        "falcon",
        hf.FalconForCausalLM,
        config("Falcon", multi_query=True, tie_word_embeddings=True),
        keys("falcon", norm="layer", attention__head_count_kv=1, feed_forward_length=256),
        [(T + r"self_attention\.query_key_value\.weight", r"blk.\1.attn_qkv.weight")] + FALCON,
    ),
    Case(
        "falcon_two_norms",
        "falcon",
        hf.FalconForCausalLM,
        config("Falcon", new_decoder_architecture=True, num_kv_heads=N_HEAD_KV),
        keys("falcon", norm="layer", feed_forward_length=256),
        [
            (
                T + r"self_attention\.query_key_value\.weight",
                r"blk.\1.attn_qkv.weight",
                groups_with_kv(N_HEAD, N_HEAD_KV),
            )
        ]
        + FALCON,
        ["output.weight"],
    ),
    Case(
        "gpt2",
        "gpt2",
        hf.GPT2LMHeadModel,
        config("GPT2", n_inner=N_FF, tie_word_embeddings=True),
        keys("gpt2", norm="layer", attention__head_count_kv=None),
        GPT2,
    ),
    Case(
        "gptneox",
        "gptneox",
        hf.GPTNeoXForCausalLM,
        config("GPTNeoX", use_parallel_residual=True, **rope(partial_rotary_factor=0.25)),
        keys("gptneox", norm="layer", attention__head_count_kv=None, rope__dimension_count=4, use_parallel_residual=True),
        GPTNEOX,
        ["gptneox.rope.dimension_count"],
    ),
    Case(
        "gptneox_sequential",
        "gptneox",
        hf.GPTNeoXForCausalLM,
        config("GPTNeoX", use_parallel_residual=False, **rope(partial_rotary_factor=1.0)),
        keys("gptneox", norm="layer", attention__head_count_kv=None, use_parallel_residual=False),
        GPTNEOX,
    ),
    Case(
        "mpt",
        "mpt",
        hf.MptForCausalLM,
        config("Mpt", attn_config={"alibi": True, "alibi_bias_max": 8, "clip_qkv": 0.75}, expansion_ratio=4, tie_word_embeddings=True),
        keys(
            "mpt",
            norm="layer",
            attention__head_count_kv=None,
            attention__max_alibi_bias=8.0,
            attention__clamp_kqv=0.75,
            feed_forward_length=256,
        ),
        MPT,
        ["mpt.attention.max_alibi_bias", "mpt.attention.clamp_kqv"],
    ),
    Case(
        "command_r",
        "command-r",
        hf.CohereForCausalLM,
        config("Cohere", use_qk_norm=True, logit_scale=0.25, tie_word_embeddings=True, **rope()),
        keys("command-r", norm="layer", logit_scale=0.25),
        QK_NORMS + NEOX,
        optional("command-r", "logit_scale")
        + [f"blk.{i}.attn_{side}_norm.weight" for i in range(2) for side in "qk"],
    ),
    Case(
        "cohere2",
        "cohere2",
        hf.Cohere2ForCausalLM,
        config("Cohere2", 4, head_dim=16, logit_scale=0.25, sliding_window=WINDOW, tie_word_embeddings=True),
        keys("cohere2", 4, norm="layer", logit_scale=0.25, attention__sliding_window=WINDOW),
        NEOX,
        optional("cohere2"),
    ),
    Case(
        "olmo",
        "olmo",
        hf.OlmoForCausalLM,
        config("Olmo", clip_qkv=0.75),
        keys("olmo", norm="layer", attention__clamp_kqv=0.75),
        LLAMA,
        optional("olmo", "attention.clamp_kqv") + ["output.weight"],
    ),
    Case(
        "olmo2",
        "olmo2",
        hf.Olmo2ForCausalLM,
        config("Olmo2", rms_norm_eps=1e-5),
        keys("olmo2"),
        [
            (L + r"post_attention_layernorm\.weight", r"blk.\1.post_attention_norm.weight"),
            (L + r"post_feedforward_layernorm\.weight", r"blk.\1.post_ffw_norm.weight"),
        ]
        + QK_NORMS
        + NEOX,
        optional("olmo2"),
    ),
    Case(
        "olmo3",
        "olmo2",
        hf.Olmo3ForCausalLM,
        config(
            "Olmo3",
            4,
            rms_norm_eps=1e-5,
            sliding_window=WINDOW,
            rope_parameters={
                "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
                "full_attention": {
                    "rope_type": "yarn",
                    "rope_theta": 10_000.0,
                    "factor": 4.0,
                    "original_max_position_embeddings": 32,
                },
            },
        ),
        keys("olmo2", 4, attention__sliding_window=WINDOW, **YARN),
        [
            (L + r"post_attention_layernorm\.weight", r"blk.\1.post_attention_norm.weight"),
            (L + r"post_feedforward_layernorm\.weight", r"blk.\1.post_ffw_norm.weight"),
        ]
        + QK_NORMS
        + NEOX,
        optional("olmo2", "attention.sliding_window", *YARN_KEYS),
    ),
    Case(
        "olmoe",
        "olmoe",
        hf.OlmoeForCausalLM,
        config("Olmoe", rms_norm_eps=1e-5, num_experts=6, num_experts_per_tok=3),
        keys("olmoe", expert_count=6, expert_used_count=3),
        QK_NORMS + EXPERTS + NEOX,
        optional("olmoe"),
    ),
    Case(
        "granite",
        "granite",
        hf.GraniteForCausalLM,
        config("Granite", rms_norm_eps=1e-5, tie_word_embeddings=True, **GRANITE),
        keys("granite", **GRANITE_KEYS),
        LLAMA,
        optional("granite", *GRANITE_OPTIONAL),
    ),
    Case(
        "granitemoe",
        "granitemoe",
        hf.GraniteMoeForCausalLM,
        config("GraniteMoe", rms_norm_eps=1e-5, num_local_experts=6, num_experts_per_tok=3, **GRANITE),
        keys("granitemoe", expert_count=6, expert_used_count=3, **GRANITE_KEYS),
        EXPERTS + LLAMA,
        optional("granitemoe", *GRANITE_OPTIONAL) + ["output.weight"],
    ),
    Case(
        "granitemoe_shared",
        "granitemoe",
        hf.GraniteMoeSharedForCausalLM,
        config(
            "GraniteMoeShared",
            rms_norm_eps=1e-5,
            num_local_experts=6,
            num_experts_per_tok=3,
            shared_intermediate_size=48,
            **GRANITE,
        ),
        keys(
            "granitemoe",
            expert_count=6,
            expert_used_count=3,
            expert_shared_feed_forward_length=48,
            **GRANITE_KEYS,
        ),
        [
            (
                L + r"shared_mlp\.input_linear\.weight",
                [r"blk.\1.ffn_gate_shexp.weight", r"blk.\1.ffn_up_shexp.weight"],
                gate_and_up_rows,
            ),
            (L + r"shared_mlp\.output_linear\.weight", r"blk.\1.ffn_down_shexp.weight"),
        ]
        + EXPERTS
        + LLAMA,
        optional("granitemoe", *GRANITE_OPTIONAL) + ["output.weight"],
    ),
    latent(
        "deepseek2_lite",
        hf.DeepseekV2ForCausalLM,
        "DeepseekV2",
        dict(q_lora_rank=None, n_shared_experts=2, topk_method="greedy", routed_scaling_factor=1.5),
        dict(
            attention__key_length=24,
            attention__value_length=24,
            expert_shared_count=2,
            expert_weights_scale=1.5,
        ),
        [r"blk.\1.attn_kv_b.weight"],
        [(L + r"self_attn\.q_proj\.weight", r"blk.\1.attn_q.weight")] + LATENT_NAMES,
        ["expert_weights_scale"],
    ),
    latent(
        "deepseek2_groups",
        hf.DeepseekV2ForCausalLM,
        "DeepseekV2",
        dict(
            q_lora_rank=48, n_shared_experts=1, topk_method="group_limited_greedy", n_group=4, topk_group=2
        ),
        dict(
            attention__key_length=24,
            attention__value_length=24,
            attention__q_lora_rank=48,
            expert_shared_count=1,
            expert_group_count=4,
            expert_group_used_count=2,
        ),
        [r"blk.\1.attn_kv_b.weight"],
        LATENT_NAMES,
        ["expert_group_count"],
    ),
    latent(
        "deepseek3",
        hf.DeepseekV3ForCausalLM,
        "DeepseekV3",
        dict(
            q_lora_rank=48,
            n_shared_experts=1,
            n_group=4,
            topk_group=2,
            norm_topk_prob=True,
            routed_scaling_factor=2.5,
            **rope(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=32,
                mscale=1.0,
                mscale_all_dim=1.0,
            ),
        ),
        dict(
            attention__key_length=40,
            attention__value_length=32,
            attention__key_length_mla=24,
            attention__value_length_mla=24,
            attention__q_lora_rank=48,
            expert_shared_count=1,
            expert_weights_scale=2.5,
            expert_weights_norm=True,
            expert_gating_func=2,
            expert_group_count=4,
            expert_group_used_count=2,
            **YARN,
            rope__scaling__yarn_log_multiplier=0.1,
        ),
        [[r"blk.\1.attn_k_b.weight", r"blk.\1.attn_v_b.weight"], latent_heads(N_HEAD, 16, 24)],
        LATENT_NAMES,
        [
            "attention.key_length",
            "attention.value_length",
            "expert_weights_scale",
            "expert_weights_norm",
            "expert_gating_func",
            "expert_group_count",
            "rope.scaling.type",
            "rope.scaling.factor",
            "rope.scaling.yarn_log_multiplier",
        ],
        ["blk.1.exp_probs_b.bias"],
    ),
    Case(
        "gpt_oss",
        "gpt-oss",
        hf.GptOssForCausalLM,
        config(
            "GptOss",
            head_dim=32,
            rms_norm_eps=1e-5,
            sliding_window=WINDOW,
            layer_types=WINDOWED,
            num_local_experts=6,
            num_experts_per_tok=3,
            swiglu_limit=7.0,
            **rope(1_000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=32, beta_fast=32.0, beta_slow=1.0, truncate=False),
        ),
        keys(
            "gpt-oss",
            attention__key_length=32,
            attention__value_length=32,
            attention__sliding_window=WINDOW,
            expert_count=6,
            expert_used_count=3,
            expert_feed_forward_length=N_FF,
            rope__freq_base=1_000.0,
            **YARN,
            **NO_FF,
        ),
        GPT_OSS + NEOX,
        optional("gpt-oss", "attention.value_length", "rope.freq_base", *YARN_KEYS),
    ),
    Case(
        "gptoss",
        "gptoss",
        hf.GptOssForCausalLM,
        config(
            "GptOss",
            head_dim=32,
            rms_norm_eps=1e-5,
            sliding_window=WINDOW,
            layer_types=WINDOWED,
            num_local_experts=6,
            num_experts_per_tok=3,
            swiglu_limit=7.0,
            **rope(1_000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=32, beta_fast=32.0, beta_slow=1.0, truncate=False),
        ),
        keys(
            "gptoss",
            attention__key_length=32,
            attention__value_length=32,
            attention__sliding_window=WINDOW,
            expert_count=6,
            expert_used_count=3,
            rope__freq_base=1_000.0,
            rope__scaling__factor=4.0,
            rope__scaling__original_context_length=32,
        ),
        OLLAMA_GPT_OSS + GPT_OSS + NEOX,
        optional("gptoss", "attention.value_length", "rope.freq_base", "rope.scaling.factor"),
    ),
    Case(
        "glm4",
        "glm4",
        hf.Glm4ForCausalLM,
        config("Glm4", head_dim=16, rms_norm_eps=1e-5, attention_bias=True, **rope(partial_rotary_factor=0.5)),
        keys("glm4", rope__dimension_count=8),
        [
            (L + r"post_self_attn_layernorm\.weight", r"blk.\1.post_attention_norm.weight"),
            (L + r"post_mlp_layernorm\.weight", r"blk.\1.post_ffw_norm.weight"),
            (L + r"mlp\.gate_up_proj\.weight", r"blk.\1.ffn_up.weight"),
        ]
        + NEOX,
        optional("glm4", "rope.dimension_count")
        + ["output.weight"]
        + biases(2, "attn_q", "attn_k", "attn_v"),
    ),
    Case(
        "exaone",
        "exaone",
        hf.LlamaForCausalLM,
        config("Llama", rms_norm_eps=1e-5, tie_word_embeddings=True),
        keys("exaone"),
        NEOX,
        optional("exaone"),
        note="transformers has no Exaone 3; its arithmetic is Llama's",
    ),
    Case(
        "minicpm",
        "minicpm",
        hf.GraniteForCausalLM,
        config(
            "Granite",
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            embedding_multiplier=12.0,
            residual_multiplier=1.4 / 2**0.5,
            attention_multiplier=0.25,
            logits_scaling=64 / 256,
        ),
        keys("minicpm"),
        LLAMA,
        optional("minicpm"),
        note="transformers has no MiniCPM; its arithmetic is Granite's",
    ),
    Case(
        "smollm3",
        "smollm3",
        hf.SmolLM3ForCausalLM,
        config("SmolLM3", 4, rms_norm_eps=1e-5, tie_word_embeddings=True, **rope()),
        keys("smollm3", 4),
        LLAMA,
        optional("smollm3"),
    ),
    Case(
        "ernie4_5",
        "ernie4_5",
        hf.Ernie4_5ForCausalLM,
        config("Ernie4_5", head_dim=32, rms_norm_eps=1e-5, use_bias=True, tie_word_embeddings=True, **rope()),
        keys("ernie4_5", attention__key_length=32, attention__value_length=32),
        NEOX,
        optional("ernie4_5", "attention.value_length") + biases(2, *LLAMA_BIASES),
    ),
    Case(
        "lfm2",
        "lfm2",
        hf.Lfm2ForCausalLM,
        config(
            "Lfm2",
            4,
            norm_eps=1e-5,
            layer_types=CONV_AND_ATTENTION,
            block_auto_adjust_ff_dim=False,
            tie_word_embeddings=True,
            tie_embedding=True,
            **rope(1_000.0),
        ),
        keys("lfm2", 4, rope__freq_base=1_000.0, shortconv__l_cache=3, attention__head_count_kv=[0, N_HEAD_KV, 0, 0]),
        SHORT_CONV + NEOX,
        optional("lfm2", "rope.freq_base"),
    ),
    Case(
        "lfm2moe",
        "lfm2moe",
        hf.Lfm2MoeForCausalLM,
        config(
            "Lfm2Moe",
            4,
            norm_eps=1e-5,
            layer_types=CONV_AND_ATTENTION,
            num_dense_layers=1,
            num_experts=6,
            num_experts_per_tok=3,
            moe_intermediate_size=32,
            tie_word_embeddings=True,
            tie_embedding=True,
            **rope(1_000.0),
        ),
        keys(
            "lfm2moe",
            4,
            rope__freq_base=1_000.0,
            shortconv__l_cache=3,
            attention__head_count_kv=[0, N_HEAD_KV, 0, 0],
            expert_count=6,
            expert_used_count=3,
            expert_feed_forward_length=32,
            expert_gating_func=2,
            leading_dense_block_count=1,
        ),
        SHORT_CONV + NEOX,
        optional("lfm2moe", "rope.freq_base", "expert_gating_func"),
    ),
    Case(
        "mamba2",
        "mamba2",
        hf.Mamba2ForCausalLM,
        config(
            "Mamba2",
            layer_norm_epsilon=1e-5,
            num_heads=8,
            head_dim=16,
            state_size=16,
            n_groups=N_GROUP,
            conv_kernel=4,
            chunk_size=16,
        ),
        keys("mamba2", attention__head_count=None, attention__head_count_kv=None, **NO_FF, **SSM_KEYS),
        MAMBA2,
        ["output.weight"] + [f"blk.{i}.ssm_conv1d.bias" for i in range(2)],
    ),
    granite_hybrid(
        "granitehybrid",
        dict(num_local_experts=6, num_experts_per_tok=3, shared_intermediate_size=48),
        dict(
            expert_count=6,
            expert_used_count=3,
            expert_shared_feed_forward_length=48,
            rope__scaling__finetuned=False,
        ),
        SHARED_MLP,
        ["rope.scaling.finetuned"],
    ),
    granite_hybrid(
        "granitehybrid_rope",
        dict(num_local_experts=0, shared_intermediate_size=N_FF, position_embedding_type="rope"),
        {},
        ONLY_MLP,
    ),
    Case(
        "qwen3next",
        "qwen3next",
        hf.Qwen3NextForCausalLM,
        config("Qwen3Next", 4, norm_topk_prob=True, **FINE_EXPERTS, **DELTA_NET),
        keys("qwen3next", 4, **DELTA_NET_KEYS, **FINE_EXPERTS_KEYS, **NO_FF),
        BY_KEY_HEAD + DELTA_NET_NAMES,
        optional("qwen3next", *DELTA_NET_OPTIONAL) + ["output.weight"],
    ),
    Case(
        "qwen35",
        "qwen35",
        hf.Qwen3_5ForCausalLM,
        config(
            "Qwen3_5Text",
            3,
            layer_types=["linear_attention", "full_attention", "linear_attention"],
            tie_word_embeddings=True,
            **DELTA_NET,
        ),
        keys("qwen35", 3, attention__recurrent_layers=[True, False, True], **DELTA_NET_KEYS),
        IN_TURNS + DELTA_NET_NAMES,
        optional("qwen35", *DELTA_NET_OPTIONAL),
    ),
    Case(
        "qwen35moe",
        "qwen35moe",
        hf.Qwen3_5MoeForCausalLM,
        config(
            "Qwen3_5MoeText",
            2,
            layer_types=["linear_attention", "full_attention"],
            **FINE_EXPERTS,
            **DELTA_NET,
        ),
        keys("qwen35moe", 2, full_attention_interval=2, **DELTA_NET_KEYS, **FINE_EXPERTS_KEYS, **NO_FF),
        IN_TURNS + DELTA_NET_NAMES,
        optional("qwen35moe", *DELTA_NET_OPTIONAL) + ["output.weight"],
    ),
]
