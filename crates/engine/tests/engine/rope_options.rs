//! Rope frequencies said by the caller count as if the file said them.

use std::sync::Arc;

use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Error, ModelSpec, RopeOptions, Runner, SeqId,
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};
use serde_json::{Value, json};

use crate::arch_fixture::{self, Fixture};

fn logits(fixture: &Fixture, rope: RopeOptions) -> Vec<f32> {
    let file = Arc::new(fixture.gguf(None));
    let device = CpuDevice::new(Cpu::new(Kernels::detect(), ThreadTeam::new(1)));
    let spec = ModelSpec::with_rope(file.metadata(), rope).unwrap();
    let cache = CacheOptions::new(fixture.n_ctx, KvType::F32);
    let mut decoder = Decoder::with_spec(spec, &file, device, (cache, fixture.n_ctx)).unwrap();
    let batch = Batch::prompt(SeqId(0), 0, &fixture.tokens).with_all_logits();
    decoder.forward(&batch).unwrap().rows().flatten().copied().collect()
}

const AS_IN_FILE: RopeOptions = RopeOptions { freq_base: None, freq_scale: None };

/// A fixture, a key of it, a value, and the options that say the same.
fn cases() -> Vec<(&'static str, &'static str, Value, RopeOptions)> {
    let base = |x| RopeOptions { freq_base: Some(x), freq_scale: None };
    let scale = |x| RopeOptions { freq_base: None, freq_scale: Some(x) };
    vec![
        // With the factors of Llama 3, and those of Phi 3 for long contexts and short ones.
        ("llama", "llama.rope.freq_base", json!(5_000.0), base(5_000.0)),
        ("phi3_long", "phi3.rope.freq_base", json!(700.0), base(700.0)),
        ("phi3_short", "phi3.rope.freq_base", json!(700.0), base(700.0)),
        ("llama_linear", "llama.rope.scaling.factor", json!(8.0), scale(0.125)),
        ("llama_yarn", "llama.rope.scaling.factor", json!(8.0), scale(0.125)),
        ("deepseek3", "deepseek2.rope.scaling.factor", json!(8.0), scale(0.125)),
        // Windowed blocks keep the base of their own, and are not stretched.
        ("gemma3", "gemma3.rope.freq_base", json!(2_000.0), base(2_000.0)),
        ("gemma3", "gemma3.rope.scaling.factor", json!(2.0), scale(0.5)),
        ("olmo3", "olmo2.rope.scaling.factor", json!(8.0), scale(0.125)),
    ]
}

#[test]
fn frequencies_said_by_the_caller_are_as_if_the_file_said_them() {
    for (name, key, value, rope) in cases() {
        let said_by_caller = logits(&arch_fixture::named(name), rope);
        let said_by_file = logits(&arch_fixture::named(name).with(key, value), AS_IN_FILE);
        assert_eq!(said_by_caller, said_by_file, "{name}: {key}");
        assert_ne!(said_by_caller, logits(&arch_fixture::named(name), AS_IN_FILE), "{name}: {key}");
    }
}

/// A model without any scaling sees twice its context in the angles of one.
#[test]
fn positions_are_scaled_where_the_file_does_not() {
    let rope = RopeOptions { freq_base: None, freq_scale: Some(0.5) };
    let got = logits(&arch_fixture::named("qwen2"), rope);
    let linear = arch_fixture::named("qwen2")
        .with("qwen2.rope.scaling.type", json!("linear"))
        .with("qwen2.rope.scaling.factor", json!(2.0));
    assert_eq!(got, logits(&linear, AS_IN_FILE));
}

/// Angles have no end: a context beyond what was trained runs, and positions within it are the same.
#[test]
fn a_context_beyond_training_runs() {
    let fixture = arch_fixture::named("qwen3");
    let short = logits(&fixture, AS_IN_FILE);
    let file = Arc::new(fixture.gguf(None));
    let device = CpuDevice::new(Cpu::new(Kernels::detect(), ThreadTeam::new(1)));
    let cache = CacheOptions::new(400, KvType::F32);
    let mut decoder = Decoder::new(&file, device, cache).unwrap();
    assert!(decoder.spec().n_ctx_train < 400);
    let tokens: Vec<u32> = fixture.tokens.iter().copied().cycle().take(400).collect();
    let batch = Batch::prompt(SeqId(0), 0, &tokens).with_all_logits();
    let long: Vec<f32> = decoder.forward(&batch).unwrap().rows().flatten().copied().collect();
    assert!(long.iter().all(|x| x.is_finite()));
    assert_eq!(long[..short.len()], short);
}

#[test]
fn frequencies_out_of_range_are_refused_by_their_name() {
    let file = arch_fixture::named("qwen3").gguf(None);
    for x in [f32::NAN, f32::INFINITY, 0.0, -1.0] {
        let base = RopeOptions { freq_base: Some(x), freq_scale: None };
        let scale = RopeOptions { freq_base: None, freq_scale: Some(x) };
        for (rope, want) in [(base, "rope_freq_base"), (scale, "rope_freq_scale")] {
            let error = ModelSpec::with_rope(file.metadata(), rope).unwrap_err();
            assert!(matches!(error, Error::Option { name, .. } if name == want), "{error}");
        }
    }
}
