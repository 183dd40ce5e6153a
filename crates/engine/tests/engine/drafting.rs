//! A second model that guesses: what fits is used, and changes nothing but the number of steps;
//! what does not fit is refused.

use std::sync::Arc;

use camelid_engine::{
    DraftError, Error, GenerateOptions, Model, ModelOptions, Stats,
    gguf::{Array, GgufFile, GgufWriter, MetadataArray, MetadataValue, TensorType},
};

use crate::tiny;

const PROMPT: &str =
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";

fn load(draft: Option<GgufFile>) -> Result<Model, Error> {
    let mut options = ModelOptions::default();
    options.draft = draft.map(Arc::new);
    Model::from_gguf(tiny::q8_0(), &options)
}

fn answer(model: &Model, temperature: f32) -> (Vec<u32>, Stats) {
    let mut options = GenerateOptions::default();
    options.n_predict = Some(40);
    options.n_draft = 0;
    options.sampler.temperature = temperature;
    options.sampler.top_k = 40;
    options.sampler.seed = 3;
    let mut tokens = Vec::new();
    for piece in model.generate(PROMPT, options).unwrap() {
        let piece = piece.unwrap();
        tokens.extend(piece.tokens);
        if let Some(end) = piece.end {
            return (tokens, end.stats);
        }
    }
    panic!("a generation has an end");
}

/// The bundled file's metadata, and its vocabulary with other texts.
fn with_tokens(change: impl Fn(&mut Vec<String>)) -> GgufFile {
    let bundled = tiny::q8_0();
    let array = |key| bundled.metadata().require::<Array<'_>>(key).unwrap();
    let mut tokens: Vec<String> =
        array("tokenizer.ggml.tokens").strs().unwrap().map(str::to_owned).collect();
    change(&mut tokens);
    let mut kinds: Vec<i32> = array("tokenizer.ggml.token_type").i32s().unwrap().collect();
    kinds.resize(tokens.len(), 1);
    let mut writer = GgufWriter::new();
    for (key, value) in bundled.metadata().iter() {
        let value = match key {
            "tokenizer.ggml.tokens" => MetadataArray::from(tokens.clone()).into(),
            "tokenizer.ggml.token_type" => MetadataArray::from(kinds.clone()).into(),
            _ => MetadataValue::from(value),
        };
        writer = writer.metadata(key, value);
    }
    GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap()
}

#[test]
fn the_same_model_is_always_right() {
    let (plain, drafted) = (load(None).unwrap(), load(Some(tiny::q8_0())).unwrap());
    for temperature in [0.0, 0.8] {
        let (tokens, stats) = answer(&drafted, temperature);
        assert_eq!(tokens, answer(&plain, temperature).0);
        assert!(stats.n_drafted > 0 && stats.n_accepted == stats.n_drafted, "{stats:?}");
    }
}

#[test]
fn other_weights_are_right_now_and_then() {
    let plain = load(None).unwrap();
    for draft in [tiny::first_block_only(), tiny::converted(TensorType::Q4_0)] {
        let drafted = load(Some(draft)).unwrap();
        for temperature in [0.0, 0.8] {
            let (tokens, stats) = answer(&drafted, temperature);
            assert_eq!(tokens, answer(&plain, temperature).0);
            assert!(stats.n_drafted > 0, "{stats:?}");
            println!("temperature {temperature}: {} of {}", stats.n_accepted, stats.n_drafted);
        }
    }
}

#[test]
fn several_requests_at_once_are_answered_as_each_alone() {
    let (plain, drafted) =
        (load(None).unwrap(), load(Some(tiny::converted(TensorType::Q4_0))).unwrap());
    let options = |seed| {
        let mut options = GenerateOptions::default();
        options.n_predict = Some(24);
        options.sampler.temperature = if seed % 2 == 0 { 0.0 } else { 0.9 };
        options.sampler.seed = seed;
        options
    };
    let begin = |seed| drafted.generate(PROMPT, options(seed)).unwrap();
    let together: Vec<_> = (0..4).map(begin).collect();
    for (seed, generation) in (0..).zip(together) {
        let alone = plain.generate(PROMPT, options(seed)).unwrap().text().unwrap();
        assert_eq!(generation.text().unwrap(), alone, "seed {seed}");
    }
}

#[test]
fn a_vocabulary_that_differs_is_refused_with_what_differs() {
    let other = load(Some(with_tokens(|tokens| tokens[300] = "camel".to_owned()))).unwrap_err();
    let Error::Draft(DraftError::Token { id, found, expected }) = other else { panic!("{other}") };
    let own = tiny::q8_0();
    let own = own.metadata().require::<Array<'_>>("tokenizer.ggml.tokens");
    let own = own.unwrap().strs().unwrap().nth(300).unwrap().to_owned();
    assert_eq!((id, &*found), (300, "`camel` (Normal)"));
    assert_eq!(expected, format!("`{own}` (Normal)"));
    let n = tiny::q8_0().metadata().require::<Array<'_>>("tokenizer.ggml.tokens").unwrap().len();
    let longer = load(Some(with_tokens(|tokens| tokens.push("camel".to_owned())))).unwrap_err();
    let message = format!("the draft model's vocabulary has {} tokens, the model's has {n}", n + 1);
    assert_eq!(longer.to_string(), message);
}
