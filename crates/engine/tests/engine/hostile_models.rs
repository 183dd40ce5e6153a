//! Models whose metadata or weights are wrong: each is refused with a reason, none panics.

use std::sync::Arc;

use camelid_engine::{
    CacheOptions, CpuDevice, Decoder, Error, Model, ModelOptions, Tokenizer,
    gguf::{GgufFile, GgufWriter, MetadataValue, TensorType},
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};

use crate::tiny;

/// The bundled model with some metadata replaced, or removed where there is no value.
fn with_metadata(changes: &[(&str, Option<MetadataValue>)]) -> GgufFile {
    let bundled = tiny::q8_0();
    let mut writer = GgufWriter::new();
    for (key, value) in bundled.metadata().iter() {
        if !changes.iter().any(|(changed, _)| *changed == key) {
            writer = writer.metadata(key, MetadataValue::from(value));
        }
    }
    for (key, value) in changes {
        if let Some(value) = value {
            writer = writer.metadata(*key, value.clone());
        }
    }
    for info in bundled.tensors() {
        writer = writer.tensor(info.name(), info.ty(), info.dims(), bundled.tensor_data(info));
    }
    GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap()
}

fn refusal(changes: &[(&str, Option<MetadataValue>)]) -> String {
    let error = Model::from_gguf(with_metadata(changes), &ModelOptions::default()).unwrap_err();
    error.to_string()
}

#[test]
fn every_hyperparameter_out_of_range_is_refused_by_its_key() {
    let sizes = [
        "llama.block_count",
        "llama.embedding_length",
        "llama.context_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.head_count_kv",
        "llama.rope.dimension_count",
        "llama.attention.key_length",
    ];
    for key in sizes {
        let wrong: [MetadataValue; 6] = [
            0u32.into(),
            u32::MAX.into(),
            u64::MAX.into(),
            (-1i32).into(),
            1.0f32.into(),
            "8".into(),
        ];
        for value in wrong {
            let text = refusal(&[(key, Some(value.clone()))]);
            assert!(text.contains(key), "{key} = {value:?}: {text}");
        }
    }
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let cases: [(&str, MetadataValue); 6] = [
        ("llama.attention.head_count_kv", 3u32.into()),
        ("llama.rope.dimension_count", 31u32.into()),
        ("llama.rope.dimension_count", 34u32.into()),
        ("llama.attention.value_length", 16u32.into()),
        ("llama.vocab_size", 2637u32.into()),
        ("llama.block_count", 7u32.into()),
    ];
    for (key, value) in cases {
        let text = refusal(&[(key, Some(value))]);
        let tensor = "blk.6.attn_q.weight";
        assert!(text.contains(key) || text.contains(tensor), "{key}: {text}");
    }
}

#[test]
fn an_epsilon_or_a_rope_base_that_is_no_positive_number_is_refused() {
    for key in ["llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base"] {
        for x in [f32::NAN, f32::INFINITY, 0.0, -1.0] {
            assert!(refusal(&[(key, Some(x.into()))]).contains(key));
        }
    }
}

#[test]
fn what_would_change_the_arithmetic_is_refused_and_not_ignored() {
    let cases: [(&str, MetadataValue); 3] = [
        ("llama.logit_scale", 2.0f32.into()),
        ("llama.rope.scaling.type", "ntk".into()),
        ("tokenizer.ggml.pre", "something-new".into()),
    ];
    for (key, value) in cases {
        let text = refusal(&[(key, Some(value))]);
        assert!(text.contains(key) && text.contains("support"), "{text}");
    }
    let text = refusal(&[("general.architecture", Some("mamba9".into()))]);
    assert!(text.starts_with("architecture `mamba9` is not supported; supported: llama, "));
    assert!(text.contains("gemma3") && text.contains("deepseek2"), "{text}");
}

#[test]
fn a_missing_key_is_named() {
    for key in [
        "general.architecture",
        "llama.block_count",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.merges",
    ] {
        assert!(refusal(&[(key, None)]).contains(key), "{key}");
    }
}

#[test]
fn a_vocabulary_that_contradicts_itself_is_refused() {
    let n_vocab = 2638;
    let tokens = |n: usize| -> MetadataValue {
        (0..n).map(|i| format!("t{i}")).collect::<Vec<String>>().into()
    };
    let cases: [(&str, MetadataValue, &str); 13] = [
        ("tokenizer.ggml.model", "no-such".into(), "supported: llama, gpt2, bert, t5, rwkv"),
        ("tokenizer.ggml.model", "t5".into(), "`tokenizer.ggml.scores` has 0 entries"),
        ("tokenizer.ggml.token_type", vec![6i32; n_vocab].into(), "stands for a byte"),
        ("tokenizer.ggml.scores", vec![f32::NAN; n_vocab].into(), "token 0 has the score NaN"),
        ("tokenizer.ggml.tokens", tokens(0), "empty"),
        ("tokenizer.ggml.tokens", tokens(9), "2638"),
        ("tokenizer.ggml.scores", vec![0.0f32; 5].into(), "scores"),
        ("tokenizer.ggml.token_type", vec![1i32; n_vocab + 1].into(), "token_type"),
        ("tokenizer.ggml.token_type", vec![1u8; n_vocab].into(), "token_type"),
        ("tokenizer.ggml.token_type", vec![7i32; n_vocab].into(), "type 7"),
        ("tokenizer.ggml.bos_token_id", (n_vocab as u32).into(), "bos_token_id"),
        ("tokenizer.ggml.merges", vec!["onlyone".to_owned()].into(), "merge 0"),
        ("tokenizer.ggml.merges", vec!["no such".to_owned()].into(), "merge 0"),
    ];
    for (key, value, want) in cases {
        let text = refusal(&[(key, Some(value))]);
        assert!(text.contains(want), "{key}: {text}");
    }
}

#[test]
fn every_tensor_that_does_not_fit_is_named_in_one_error() {
    let bundled = tiny::q8_0();
    let mut writer = GgufWriter::new();
    for (key, value) in bundled.metadata().iter() {
        writer = writer.metadata(key, MetadataValue::from(value));
    }
    for info in bundled.tensors() {
        let data = bundled.tensor_data(info);
        writer = match info.name() {
            "blk.1.attn_q.weight" => continue,
            "blk.2.ffn_norm.weight" => {
                writer.tensor(info.name(), TensorType::F32, &[128], &data[..512])
            }
            name => writer.tensor(name, info.ty(), info.dims(), data),
        };
    }
    writer = writer.tensor("blk.0.attn_q.scale", TensorType::F32, &[256], vec![0; 1024]);
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    let error = Model::from_gguf(file, &ModelOptions::default()).unwrap_err();
    let Error::Weights { problems } = error else { panic!("{error}") };
    assert_eq!(
        problems,
        [
            "`blk.1.attn_q.weight` is missing, expected [256, 256]",
            "`blk.2.ffn_norm.weight` is [128], expected [256]",
            "`blk.0.attn_q.scale` is not known here",
        ]
    );
}

#[test]
fn weights_that_are_not_numbers_end_a_generation_with_an_error() {
    let bundled = tiny::q8_0();
    let mut writer = GgufWriter::new();
    for (key, value) in bundled.metadata().iter() {
        writer = writer.metadata(key, MetadataValue::from(value));
    }
    for info in bundled.tensors() {
        let mut data = bundled.tensor_data(info).to_vec();
        if info.name() == "output_norm.weight" {
            data = f32::NAN.to_le_bytes().repeat(256);
        }
        writer = writer.tensor(info.name(), info.ty(), info.dims(), data);
    }
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    let model = Model::from_gguf(file, &ModelOptions::default()).unwrap();
    let error = model.generate("Hi", Default::default()).unwrap().text().unwrap_err();
    assert!(matches!(error, Error::NotFinite { pos: 0 }), "{error}");
}

/// Everything that happens between a file's bytes and a model that could run.
fn load(bytes: Vec<u8>) -> Result<(), Error> {
    let file = Arc::new(GgufFile::from_vec(bytes)?);
    Tokenizer::from_metadata(file.metadata())?;
    let device = CpuDevice::new(Cpu::new(Kernels::detect(), ThreadTeam::new(1)));
    Decoder::new(&file, device, CacheOptions::new(64, KvType::F16))?;
    Ok(())
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let whole = camelid_model_tiny::GGUF;
    for i in 0..200 {
        let n = whole.len() * i / 200;
        load(whole[..n].to_vec()).unwrap_err();
    }
    load(whole.to_vec()).unwrap();
}

#[test]
fn a_byte_changed_anywhere_in_the_header_is_an_error_or_another_valid_model() {
    let whole = camelid_model_tiny::GGUF;
    let n_header = tiny::q8_0().data_start() as usize;
    let mut n_valid = 0;
    for i in 0..2000 {
        let mut bytes = whole.to_vec();
        let at = n_header * i / 2000;
        bytes[at] ^= 1 << (i % 8);
        match load(bytes) {
            Ok(()) => n_valid += 1,
            Err(error) => assert!(!error.to_string().is_empty(), "byte {at}"),
        }
    }
    println!("{n_valid} of 2000 changed headers are still models");
}

#[test]
fn a_cache_larger_than_memory_is_an_error() {
    let mut options = ModelOptions::default();
    options.n_ctx = Some(1 << 45);
    let error = Model::from_gguf(tiny::q8_0(), &options).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. } | Error::Option { .. }), "{error}");
}
