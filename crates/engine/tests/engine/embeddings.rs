//! Embeddings of the bundled model: against transformers', and what callers may ask for.
//!
//! `testdata/tiny_embeddings.json` is made by `tests/oracle/tiny_embeddings.py`.

use camelid_engine::{
    EmbedOptions, Error, GenerateOptions, Model, ModelOptions, Pooling, Prompt, gguf::TensorType,
};
use serde_json::Value;

use crate::tiny;

/// Largest difference of an element of a vector of length 1: the cache is in half precision.
const MAX_ERROR: f32 = 1e-3;

fn model() -> Model {
    Model::from_gguf(tiny::q8_0(), &ModelOptions::default()).unwrap()
}

fn options(change: impl FnOnce(&mut EmbedOptions)) -> EmbedOptions {
    let mut options = EmbedOptions::default();
    change(&mut options);
    options
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn vectors_are_those_of_transformers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tiny_embeddings.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts = golden["texts"].as_array().unwrap();
    let inputs = || texts.iter().map(|entry| entry["text"].as_str().unwrap());
    let file = tiny::converted(TensorType::F32);
    let model = Model::from_gguf(file, &ModelOptions::default()).unwrap();
    // Where the file says nothing, a model that generates takes the last token's.
    for (name, pooling) in [("last", None), ("mean", Some(Pooling::Mean))] {
        let embeddings = model.embed(inputs(), options(|o| o.pooling = pooling)).unwrap();
        for (entry, got) in texts.iter().zip(embeddings) {
            assert_eq!(got.n_tokens, entry["tokens"].as_array().unwrap().len());
            let want = entry[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32);
            let errors = want.zip(&got.vector).map(|(want, got)| (want - got).abs());
            let worst = errors.fold(0.0, f32::max);
            println!("{name}: {worst:.1e}");
            assert!(worst < MAX_ERROR, "{name} {entry}: {worst}");
        }
    }
}

#[test]
fn many_inputs_together_are_as_each_alone_beside_a_generation() {
    let model = model();
    let inputs: Vec<String> = (1..40).map(|n| "a duck and ".repeat(n)).collect();
    let generation = model.generate("Once upon a time", GenerateOptions::default()).unwrap();
    let together = model.embed(inputs.clone(), EmbedOptions::default()).unwrap();
    drop(generation);
    for (input, got) in inputs.into_iter().zip(together) {
        let alone = model.embed([input], EmbedOptions::default()).unwrap();
        assert_eq!(alone, [got]);
    }
}

#[test]
fn a_vector_is_cut_and_brought_to_length_1_as_asked() {
    let model = model();
    let embed = |options| model.embed(["hello"], options).unwrap().remove(0).vector;
    let raw = embed(options(|o| o.normalize = false));
    assert_eq!(raw.len(), model.spec().n_embd);
    let cut = embed(options(|o| o.dimensions = Some(16)));
    assert_eq!(cut.len(), 16);
    assert!((dot(&cut, &cut) - 1.0).abs() < 1e-5);
    let length = dot(&raw[..16], &raw[..16]).sqrt();
    for (cut, raw) in cut.iter().zip(&raw) {
        assert!((cut * length - raw).abs() < 1e-4, "the same direction");
    }
    for n in [0, model.spec().n_embd + 1] {
        let error = model.embed(["hello"], options(|o| o.dimensions = Some(n))).unwrap_err();
        assert!(matches!(error, Error::Option { name: "dimensions", .. }), "{error}");
    }
}

#[test]
fn each_token_keeps_its_vector_without_pooling() {
    let model = model();
    let tokens = Prompt::Tokens(vec![5, 6, 7]);
    let all = model.embed([tokens.clone()], options(|o| o.pooling = Some(Pooling::None))).unwrap();
    let n_embd = model.spec().n_embd;
    assert_eq!((all[0].vector.len(), all[0].n_tokens), (3 * n_embd, 3));
    let last = model.embed([tokens], EmbedOptions::default()).unwrap();
    assert_eq!(all[0].vector[2 * n_embd..], last[0].vector);
}

#[test]
fn a_long_input_is_cut_or_refused_as_asked() {
    let model = model();
    let long = || [Prompt::Tokens(vec![5; 3]), Prompt::Tokens((1..=20).collect())];
    let cut = model.embed(long(), options(|o| o.n_ctx = Some(8))).unwrap();
    assert_eq!((cut[0].n_tokens, cut[1].n_tokens), (3, 8));
    let whole = model.embed([Prompt::Tokens((1..=8).collect())], EmbedOptions::default()).unwrap();
    assert_eq!(cut[1], whole[0]);
    let refuse = |o: &mut EmbedOptions| (o.n_ctx, o.truncate) = (Some(8), false);
    let error = model.embed(long(), options(refuse)).unwrap_err();
    assert!(matches!(error, Error::InputTooLong { index: 1, n_tokens: 20, n_ctx: 8 }), "{error}");
    let beyond_the_model = |o: &mut EmbedOptions| (o.n_ctx, o.truncate) = (Some(1 << 30), false);
    let error = model.embed([vec![5; 5000]], options(beyond_the_model)).unwrap_err();
    assert!(matches!(error, Error::InputTooLong { n_ctx: 2048, .. }), "{error}");
}

#[test]
fn no_inputs_are_no_vectors_and_an_empty_one_is_refused() {
    let model = model();
    assert_eq!(model.embed([""; 0], EmbedOptions::default()).unwrap(), []);
    let error = model.embed([""], EmbedOptions::default()).unwrap_err();
    assert!(matches!(error, Error::EmptyPrompt), "{error}");
}
