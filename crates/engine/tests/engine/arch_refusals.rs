//! Metadata that no model of an architecture can have: each value is refused by its key.

use serde_json::{Value, json};

use crate::arch_fixture;

/// What loading says of a fixture with another value of a key.
fn refusal(fixture: &str, key: &str, value: &Value) -> String {
    let changed = arch_fixture::named(fixture).with(key, value.clone());
    match changed.decoder(None) {
        Ok(_) => panic!("{fixture}: {key} = {value} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_out_of_range_are_refused_by_their_key() {
    let cases = [
        ("mixtral", "llama.expert_count", json!(5000)),
        ("mixtral", "llama.expert_used_count", json!(7)),
        ("mixtral", "llama.expert_used_count", json!(0)),
        ("mixtral", "llama.expert_gating_func", json!(9)),
        ("mixtral", "llama.expert_weights_scale", json!(-1.0)),
        ("qwen2moe", "qwen2moe.expert_count", json!(0)),
        ("deepseek3", "deepseek2.expert_group_count", json!(3)),
        ("deepseek3", "deepseek2.expert_group_used_count", json!(5)),
        ("deepseek3", "deepseek2.rope.dimension_count", json!(24)),
        ("deepseek3", "deepseek2.rope.dimension_count", json!(7)),
        ("deepseek3", "deepseek2.attention.kv_lora_rank", json!(0)),
        ("gemma2", "gemma2.attention.sliding_window", json!(0)),
        ("gemma2", "gemma2.attn_logit_softcapping", json!(-2.0)),
        ("gemma3", "gemma3.attention.sliding_window_pattern", json!([true, false])),
        ("gemma3", "gemma3.attention.sliding_window_pattern", json!(0)),
        ("gemma3", "gemma3.rope.freq_base_swa", json!(0.0)),
        ("gptneox", "gptneox.use_parallel_residual", json!(1)),
        ("granite", "granite.residual_scale", json!("half")),
        ("granite", "granite.logit_scale", json!(0.0)),
        ("mistral3", "mistral3.rope.scaling.original_context_length", json!(0)),
        ("mistral3", "mistral3.rope.scaling.factor", json!(-4.0)),
        ("bert", "bert.pooling_type", json!(5)),
        ("gemma_embedding", "gemma-embedding.dense_2_feat_in", json!(63)),
        ("llama4", "llama4.attention.chunk_size", json!(0)),
        ("llama4", "llama4.interleave_moe_layer_step", json!(0)),
        ("mpt", "mpt.attention.max_alibi_bias", json!(-8.0)),
        ("olmo", "olmo.attention.clamp_kqv", json!(-1.0)),
    ];
    for (fixture, key, value) in cases {
        let text = refusal(fixture, key, &value);
        assert!(text.contains(key), "{key} = {value}: {text}");
    }
}

#[test]
fn what_an_architecture_does_not_do_is_refused_and_not_ignored() {
    let cases = [
        ("qwen3", "qwen3.expert_count", json!(8)),
        ("qwen3", "qwen3.logit_scale", json!(0.5)),
        ("llama", "llama.rope.scaling.type", json!("dynamic")),
        ("llama4", "llama4.attention.sliding_window", json!(0)),
        ("modern_bert", "modern-bert.hidden_activation", json!("relu")),
    ];
    for (fixture, key, value) in cases {
        let text = refusal(fixture, key, &value);
        assert!(text.contains(key) && text.contains("not supported"), "{key}: {text}");
    }
}

#[test]
fn a_long_list_of_problems_is_cut() {
    let key = "llama.block_count";
    let text = refusal("llama", key, &json!(500));
    assert!(text.contains("blk.2.attn_norm.weight") && text.ends_with(" more"), "{text}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
}

/// Scales that are 0 are as good as missing, as writers of older files have it.
#[test]
fn zeros_that_mean_none_are_taken() {
    let cases = [
        ("gemma2", "gemma2.final_logit_softcapping"),
        ("granite", "granite.residual_scale"),
        ("mpt", "mpt.attention.clamp_kqv"),
    ];
    for (fixture, key) in cases {
        arch_fixture::named(fixture).with(key, json!(0.0)).decoder(None).unwrap();
    }
}
