"""The models that make vectors of texts; see cases.py."""
import torch
import transformers as hf
import weights
from cases import N_CTX, N_EMBD, N_FF, N_HEAD, N_VOCAB, WINDOW, Case, optional, plus_one, with_gemma_norms
from cases import PLAIN as ATTENTION
from cases import MLP, QK_NORMS, config, keys
from layout import behind_padding

PADDING = 2
"""`pad_token_id` is 1, and positions begin behind it."""


def encoder_keys(architecture, pooling, **more):
    """Metadata of an encoder; pooling 0 to 4: none, mean, cls, last, rank."""
    more = {"attention__head_count_kv": None, "pooling_type": pooling, **more}
    norm = more.pop("norm", "layer")
    found = keys(architecture, more.pop("n_layer", 2), norm=norm, **more)
    return found


TYPES = {"tokenizer.ggml.token_type_count": 2}


def bert_config(kind, **more):
    return getattr(hf, kind + "Config")(
        **{
            **dict(
                vocab_size=N_VOCAB,
                hidden_size=N_EMBD,
                intermediate_size=N_FF,
                num_hidden_layers=2,
                num_attention_heads=N_HEAD,
                max_position_embeddings=N_CTX,
                type_vocab_size=2,
                layer_norm_eps=1e-5,
                pad_token_id=1,
                bos_token_id=0,
                eos_token_id=2,
            ),
            **more,
        }
    )


def hidden(model, ids):
    return model(ids).last_hidden_state[0], None


def classified(base):
    """The tokens' vectors of the model inside a classifier, and the classifier's numbers."""

    def vectors(model, ids):
        positions = torch.arange(ids.shape[1])[None] + PADDING
        inner = getattr(model, base)(ids, position_ids=positions).last_hidden_state[0]
        return inner, model(ids, position_ids=positions).logits[0]

    return vectors


def modern_classified(model, ids):
    return model.model(ids).last_hidden_state[0], model(ids).logits[0]


def with_projections(shapes):
    """The mean of the tokens' vectors through projections that are no part of the model."""

    def vectors(model, ids):
        rows = model(ids).last_hidden_state[0]
        pooled = rows.mean(0)
        for name, shape in shapes.items():
            pooled = torch.from_numpy(weights.tensor(name, shape)) @ pooled
        return rows, pooled

    return vectors


B = r"(?:roberta\.)?encoder\.layer\.(\d+)\."
EMBEDDINGS = [
    (r"(?:roberta\.)?embeddings\.word_embeddings\.weight", "token_embd.weight"),
    (r"(?:roberta\.)?embeddings\.token_type_embeddings\.weight", "token_types.weight"),
    (r"(?:roberta\.)?embeddings\.LayerNorm\.(weight|bias)", r"token_embd_norm.\1"),
    (r"pooler\.dense\.(?:weight|bias)", ""),
]
BERT = EMBEDDINGS + [
    (r"embeddings\.position_embeddings\.weight", "position_embd.weight"),
    (r"roberta\.embeddings\.position_embeddings\.weight", "position_embd.weight", behind_padding(PADDING)),
    (B + r"attention\.self\.query\.(weight|bias)", r"blk.\1.attn_q.\2"),
    (B + r"attention\.self\.key\.(weight|bias)", r"blk.\1.attn_k.\2"),
    (B + r"attention\.self\.value\.(weight|bias)", r"blk.\1.attn_v.\2"),
    (B + r"attention\.output\.dense\.(weight|bias)", r"blk.\1.attn_output.\2"),
    (B + r"attention\.output\.LayerNorm\.(weight|bias)", r"blk.\1.attn_output_norm.\2"),
    (B + r"intermediate\.dense\.(weight|bias)", r"blk.\1.ffn_up.\2"),
    (B + r"output\.dense\.(weight|bias)", r"blk.\1.ffn_down.\2"),
    (B + r"output\.LayerNorm\.(weight|bias)", r"blk.\1.layer_output_norm.\2"),
    (r"classifier\.dense\.(weight|bias)", r"cls.\1"),
    (r"classifier\.out_proj\.(weight|bias)", r"cls.output.\1"),
]
R = r"layers\.(\d+)\."
ROPE_BERT = EMBEDDINGS + [
    (R + r"self_attn\.(q|k|v)_proj\.(weight|bias)", r"blk.\1.attn_\2.\3"),
    (R + r"self_attn\.o_proj\.(weight|bias)", r"blk.\1.attn_output.\2"),
    (R + r"post_attention_layernorm\.(weight|bias)", r"blk.\1.attn_output_norm.\2"),
    (R + r"mlp\.(gate|up|down)_proj\.weight", r"blk.\1.ffn_\2.weight"),
    (R + r"mlp\.fc1\.(weight|bias)", r"blk.\1.ffn_up.\2"),
    (R + r"mlp\.fc2\.(weight|bias)", r"blk.\1.ffn_down.\2"),
    (R + r"post_mlp_layernorm\.(weight|bias)", r"blk.\1.layer_output_norm.\2"),
]
MODERN = [
    (r"model\.embeddings\.tok_embeddings\.weight", "token_embd.weight"),
    (r"model\.embeddings\.norm\.weight", "token_embd_norm.weight"),
    (r"model\.layers\.(\d+)\.attn_norm\.weight", r"blk.\1.attn_norm.weight"),
    (r"model\.layers\.(\d+)\.attn\.Wqkv\.weight", r"blk.\1.attn_qkv.weight"),
    (r"model\.layers\.(\d+)\.attn\.Wo\.weight", r"blk.\1.attn_output.weight"),
    (r"model\.layers\.(\d+)\.mlp_norm\.weight", r"blk.\1.ffn_norm.weight"),
    (r"model\.layers\.(\d+)\.mlp\.Wi\.weight", r"blk.\1.ffn_up.weight"),
    (r"model\.layers\.(\d+)\.mlp\.Wo\.weight", r"blk.\1.ffn_down.weight"),
    (r"model\.final_norm\.weight", "output_norm.weight"),
    (r"head\.dense\.weight", "cls.weight"),
    (r"head\.norm\.weight", "cls.norm.weight"),
    (r"classifier\.(weight|bias)", r"cls.output.\1"),
]
GEMMA = [(pattern.replace(r"model\.", "", 1), *rest) for pattern, *rest in with_gemma_norms(ATTENTION + MLP)] + [
    (r"embed_tokens\.weight", "token_embd.weight")
]
PROJECTIONS = {"dense_2.weight": [128, N_EMBD], "dense_3.weight": [N_EMBD, 128]}


def block_names(*names):
    return [f"blk.{i}.{name}" for i in range(2) for name in names]


BERT_OPTIONAL = ["token_types.weight"] + block_names(
    "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_up.bias", "ffn_down.bias"
)


def bert_shapes(up_rows, blocks):
    """The tensors of a BERT without learned positions; `blocks` has those of each block's MLP."""
    shapes = {
        "token_embd.weight": [N_VOCAB, N_EMBD],
        "token_types.weight": [2, N_EMBD],
        "token_embd_norm.weight": [N_EMBD],
        "token_embd_norm.bias": [N_EMBD],
    }
    for i, mlp in enumerate(blocks):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes |= {f"blk.{i}.{name}.weight": [N_EMBD, N_EMBD], f"blk.{i}.{name}.bias": [N_EMBD]}
        for name in ("attn_output_norm", "layer_output_norm"):
            shapes |= {f"blk.{i}.{name}.weight": [N_EMBD], f"blk.{i}.{name}.bias": [N_EMBD]}
        shapes |= {f"blk.{i}.{name}": shape for name, shape in mlp.items()}
    return shapes


def jina_v2(name, mlp):
    """In llama.cpp GELU is its tanh approximation, here the error function that the models had."""
    return Case(
        name,
        "jina-bert-v2",
        None,
        None,
        encoder_keys("jina-bert-v2", 1) | TYPES,
        [],
        optional("jina-bert-v2", "pooling_type")
        + ["token_types.weight"]
        + block_names("attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_down.bias"),
        more=bert_shapes(N_FF, [mlp, mlp]),
    )


DOWN = {"ffn_down.weight": [N_EMBD, N_FF], "ffn_down.bias": [N_EMBD]}
ENCODERS = [
    Case(
        "bert",
        "bert",
        lambda config: hf.BertModel(config, add_pooling_layer=False),
        bert_config("Bert"),
        encoder_keys("bert", 1) | TYPES,
        BERT,
        optional("bert", "pooling_type") + BERT_OPTIONAL,
        vectors=hidden,
    ),
    Case(
        "bert_rank",
        "bert",
        hf.XLMRobertaForSequenceClassification,
        bert_config("XLMRoberta", num_labels=1, max_position_embeddings=N_CTX + PADDING),
        encoder_keys("bert", 4) | TYPES,
        BERT,
        optional("bert", "pooling_type") + ["cls.weight", "cls.bias", "cls.output.bias"] + BERT_OPTIONAL,
        vectors=classified("roberta"),
    ),
    Case(
        "nomic_bert",
        "nomic-bert",
        lambda config: hf.NomicBertModel(config, add_pooling_layer=False),
        bert_config("NomicBert", rope_parameters={"rope_type": "default", "rope_theta": 1000.0}),
        encoder_keys("nomic-bert", 1, rope__freq_base=1000.0) | TYPES,
        ROPE_BERT,
        optional("nomic-bert", "pooling_type", "rope.freq_base") + ["token_types.weight"],
        vectors=hidden,
    ),
    Case(
        "jina_bert_v3",
        "jina-bert-v3",
        lambda config: hf.JinaEmbeddingsV3Model(config, add_pooling_layer=False),
        bert_config("JinaEmbeddingsV3", rope_parameters={"rope_type": "default", "rope_theta": 20000.0}),
        encoder_keys("jina-bert-v3", 1, rope__freq_base=20000.0) | TYPES,
        ROPE_BERT,
        optional("jina-bert-v3", "pooling_type", "rope.freq_base") + BERT_OPTIONAL,
        vectors=hidden,
    ),
    Case(
        "modern_bert",
        "modern-bert",
        hf.ModernBertForSequenceClassification,
        hf.ModernBertConfig(
            vocab_size=N_VOCAB,
            hidden_size=N_EMBD,
            intermediate_size=N_FF,
            num_hidden_layers=4,
            num_attention_heads=N_HEAD,
            max_position_embeddings=N_CTX,
            local_attention=WINDOW,
            classifier_pooling="mean",
            num_labels=2,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            cls_token_id=0,
            sep_token_id=2,
        ),
        encoder_keys("modern-bert", 4, n_layer=4, attention__sliding_window=WINDOW)
        | {"modern-bert.classifier.output_labels": ["no", "yes"]},
        MODERN,
        optional("modern-bert", "pooling_type", "attention.sliding_window")
        + ["cls.weight", "cls.norm.weight", "cls.output.bias"],
        vectors=modern_classified,
    ),
    Case(
        "gemma_embedding",
        "gemma-embedding",
        hf.Gemma3TextModel,
        config(
            "Gemma3Text",
            7,
            hidden_activation="gelu_pytorch_tanh",
            head_dim=24,
            rms_norm_eps=1e-5,
            query_pre_attn_scalar=24,
            sliding_window=WINDOW,
            use_bidirectional_attention=True,
            tie_word_embeddings=True,
            rope_parameters={
                "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            },
        ),
        encoder_keys(
            "gemma-embedding",
            1,
            n_layer=7,
            norm="rms",
            attention__head_count_kv=2,
            attention__key_length=24,
            attention__value_length=24,
            attention__sliding_window=WINDOW,
            dense_2_feat_in=N_EMBD,
            dense_2_feat_out=128,
            dense_3_feat_in=128,
            dense_3_feat_out=N_EMBD,
        ),
        GEMMA,
        optional("gemma-embedding", "pooling_type", "attention.value_length"),
        vectors=with_projections(PROJECTIONS),
        more=PROJECTIONS,
    ),
    jina_v2("jina_bert_v2", {"ffn_gate.weight": [N_FF, N_EMBD], "ffn_up.weight": [N_FF, N_EMBD], **DOWN}),
    jina_v2("jina_bert_v2_fused", {"ffn_up.weight": [2 * N_FF, N_EMBD], **DOWN}),
    Case(
        "nomic_bert_moe",
        "nomic-bert-moe",
        None,
        None,
        encoder_keys(
            "nomic-bert-moe", 1, expert_count=4, expert_used_count=2, moe_every_n_layers=2, rope__freq_base=1000.0
        )
        | TYPES,
        [],
        optional("nomic-bert-moe", "pooling_type", "rope.freq_base")
        + ["token_types.weight", "blk.0.ffn_up.bias", "blk.0.ffn_down.bias"]
        + block_names("attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias"),
        more=bert_shapes(
            N_FF,
            [
                {"ffn_up.weight": [N_FF, N_EMBD], "ffn_up.bias": [N_FF], **DOWN},
                {
                    "ffn_gate_inp.weight": [4, N_EMBD],
                    "ffn_up_exps.weight": [4, N_FF, N_EMBD],
                    "ffn_down_exps.weight": [4, N_EMBD, N_FF],
                },
            ],
        ),
    ),
]
