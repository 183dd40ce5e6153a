//! Models that make vectors of texts: their heads, and what they refuse.
//!
//! Their tokens' vectors are held against transformers' in `golden_arch.rs`.

use camelid_engine::{
    Batch, EmbedOptions, Error, GenerateOptions, Model, ModelOptions, Prompt, Runner, SeqId,
    Special,
    gguf::{GgufFile, GgufWriter, MetadataValue, TensorType},
};

use crate::{
    arch_fixture::{self, Fixture},
    arch_weights,
};

/// Largest difference of an element of what a head gives, which is of the order of 1.
const MAX_ERROR: f32 = 2e-4;

#[test]
fn heads_give_what_transformers_gives() {
    let mut n_heads = 0;
    for fixture in arch_fixture::all() {
        let Some(want) = &fixture.head else { continue };
        let mut decoder = fixture.decoder(None).unwrap();
        let batch = Batch::prompt(SeqId(0), 0, &fixture.tokens).with_all_logits();
        let rows = fixture.run(&mut decoder, &batch);
        let got = fixture.pooled(&mut decoder, &rows);
        assert_eq!(got.len(), want.len(), "{}", fixture.name);
        let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{:20} {worst:.1e}", fixture.name);
        assert!(worst < MAX_ERROR, "{}: {got:?}, expected {want:?}", fixture.name);
        n_heads += 1;
    }
    assert_eq!(n_heads, 3, "two classifiers and projections");
}

#[test]
fn an_encoder_neither_continues_texts_nor_goes_on_with_one() {
    let fixture = arch_fixture::named("bert");
    let mut decoder = fixture.decoder(None).unwrap();
    let error = decoder.forward(&Batch::prompt(SeqId(0), 0, &[1, 2])).unwrap_err();
    assert!(matches!(error, Error::NotGenerating { architecture: "bert" }), "{error}");
    decoder.embed(&Batch::prompt(SeqId(3), 0, &[1, 2])).unwrap();
    let error = decoder.embed(&Batch::prompt(SeqId(3), 2, &[3])).unwrap_err();
    assert!(matches!(error, Error::NotWhole { seq: SeqId(3) }), "{error}");
}

#[test]
fn every_token_of_an_encoder_sees_the_last() {
    for fixture in arch_fixture::all().into_iter().filter(|fixture| fixture.is_encoder) {
        let mut decoder = fixture.decoder(None).unwrap();
        let mut first = |tokens: &[u32]| {
            let batch = Batch::prompt(SeqId(0), 0, tokens).with_all_logits();
            fixture.run(&mut decoder, &batch).remove(0)
        };
        assert_ne!(first(&[5, 6, 7]), first(&[5, 6, 8]), "{}", fixture.name);
    }
}

/// A decoder whose file says that tokens see both ways makes vectors and no text.
#[test]
fn a_decoder_may_be_an_encoder_by_its_file() {
    let fixture = arch_fixture::named("llama").with("llama.attention.causal", false.into());
    let mut decoder = fixture.decoder(None).unwrap();
    assert!(decoder.forward(&Batch::prompt(SeqId(0), 0, &[1, 2])).is_err());
    let mut first = |tokens: &[u32]| {
        let rows = decoder.embed(&Batch::prompt(SeqId(0), 0, tokens).with_all_logits()).unwrap();
        let first = rows.row(0).to_vec();
        decoder.truncate(SeqId(0), 0);
        first
    };
    assert_ne!(first(&[5, 6]), first(&[5, 7]));
}

/// The model of a fixture with words for tokens, so that it reads texts: `w5` is token 5.
fn reading(fixture: &Fixture, options: &ModelOptions) -> Model {
    let file = GgufFile::from_vec(with_words(fixture).to_bytes().unwrap()).unwrap();
    Model::from_gguf(file, options).unwrap()
}

fn with_words(fixture: &Fixture) -> GgufWriter<'static> {
    let words: Vec<String> = (0..arch_fixture::N_VOCAB).map(|i| format!("\u{2581}w{i}")).collect();
    let whole = fixture.gguf(None);
    let mut writer = GgufWriter::new();
    for (key, value) in whole.metadata().iter().filter(|(key, _)| *key != "tokenizer.ggml.tokens") {
        writer = writer.metadata(key, MetadataValue::from(value));
    }
    for info in whole.tensors() {
        let data = whole.tensor_data(info).to_vec();
        writer = writer.tensor(info.name(), info.ty(), info.dims(), data);
    }
    writer =
        writer.metadata("tokenizer.ggml.tokens", words).metadata("tokenizer.ggml.model", "bert");
    for (i, role) in (0u32..).zip(["cls", "seperator", "unknown", "padding", "mask"]) {
        writer = writer.metadata(format!("tokenizer.ggml.{role}_token_id"), i);
    }
    writer
}

#[test]
fn many_texts_of_an_encoder_together_are_as_each_alone() {
    let mut options = ModelOptions::default();
    // Smaller than a text: a batch is at least a whole one.
    options.n_batch = 16.try_into().unwrap();
    for fixture in arch_fixture::all().into_iter().filter(|fixture| fixture.is_encoder) {
        let model = reading(&fixture, &options);
        let inputs: Vec<Prompt> = (1..=40)
            .map(|n| Prompt::Tokens((0..3 * n).map(|i| (i * n) as u32 % 96).collect()))
            .collect();
        let others = model.start_embedding(["w5 w6 w7"; 9], EmbedOptions::default()).unwrap();
        let together = model.embed(inputs.clone(), EmbedOptions::default()).unwrap();
        assert_eq!(others.wait().unwrap().len(), 9);
        for (input, got) in inputs.into_iter().zip(together).skip(35) {
            let alone = model.embed([input], EmbedOptions::default()).unwrap();
            assert_eq!(alone, [got], "{}", fixture.name);
        }
    }
}

#[test]
fn a_text_is_no_longer_than_those_an_encoder_was_trained_on() {
    let mut options = ModelOptions::default();
    options.n_ctx = Some(4096);
    let model = reading(&arch_fixture::named("bert"), &options);
    let long = || [Prompt::Tokens(vec![7; 500])];
    assert_eq!(model.embed(long(), EmbedOptions::default()).unwrap()[0].n_tokens, 128);
    let mut refuse = EmbedOptions::default();
    refuse.truncate = false;
    let error = model.embed(long(), refuse).unwrap_err();
    assert!(matches!(error, Error::InputTooLong { n_ctx: 128, .. }), "{error}");
    let words = "w9 ".repeat(500);
    let last = model.tokenizer().encode_document(&words, Special::AsText).unwrap();
    assert_eq!((last.len(), last[0], last[501]), (502, 0, 1), "begin and end");
    let cut = model.embed([words], EmbedOptions::default()).unwrap();
    let whole: Vec<u32> = [&[0][..], &[9; 126], &[1]].concat();
    assert_eq!(cut, model.embed([whole], EmbedOptions::default()).unwrap());
}

#[test]
fn an_encoder_is_not_asked_to_generate_nor_an_embedder_to_rank() {
    let model = reading(&arch_fixture::named("bert"), &ModelOptions::default());
    let error = model.generate("w5", GenerateOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotGenerating { .. }), "{error}");
    let error = model.rerank("w5", ["w6"]).unwrap_err();
    assert!(matches!(error, Error::NotRanking { .. }), "{error}");
}

#[test]
fn documents_are_scored_with_the_query_before_them() {
    let fixture = arch_fixture::named("bert_rank");
    let model = reading(&fixture, &ModelOptions::default());
    let rankings = model.rerank("w5 w6", ["w7 w8 w9", "w50"]).unwrap();
    // Begin, query, separator, document: this vocabulary adds no end.
    let joint: [&[u32]; 2] = [&[0, 5, 6, 1, 7, 8, 9], &[0, 5, 6, 1, 50]];
    let mut decoder = fixture.decoder(None).unwrap();
    for (ranking, tokens) in rankings.iter().zip(joint) {
        assert_eq!(ranking.n_tokens, tokens.len());
        let batch = Batch::prompt(SeqId(0), 0, tokens).with_all_logits();
        let rows = fixture.run(&mut decoder, &batch);
        let want = fixture.pooled(&mut decoder, &rows);
        assert!((ranking.score - want[0]).abs() < 1e-5, "{ranking:?} {want:?}");
    }
    assert_ne!(rankings[0].score, rankings[1].score);
}

/// As the rerankers that answer "yes" or "no": a decoder, two labels, a template of the file's own.
#[test]
fn a_decoder_ranks_by_the_probability_of_its_first_label() {
    let fixture = arch_fixture::named("qwen3");
    let classifier = arch_weights::tensor("cls.output.weight", &[2, 64]);
    let writer = with_words(&fixture)
        .metadata("qwen3.pooling_type", 4u32)
        .metadata("qwen3.classifier.output_labels", vec!["yes".to_owned(), "no".to_owned()])
        .metadata("tokenizer.chat_template.rerank", "w10 {query} w11 {document} w12")
        .tensor("cls.output.weight", TensorType::F32, &[64, 2], le_bytes(&classifier));
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    let model = Model::from_gguf(file, &ModelOptions::default()).unwrap();
    let ranking = model.rerank("w5", ["w7 w8"]).unwrap()[0];
    assert_eq!(ranking.n_tokens, 6);
    let mut decoder = fixture.decoder(None).unwrap();
    let rows = decoder.embed(&Batch::prompt(SeqId(0), 0, &[10, 5, 11, 7, 8, 12])).unwrap();
    let score = |label: usize| -> f32 {
        let weights = &classifier[label * 64..][..64];
        rows.row(0).iter().zip(weights).map(|(x, w)| x * w).sum()
    };
    let want = 1.0 / (1.0 + (score(1) - score(0)).exp());
    assert!((ranking.score - want).abs() < 1e-3, "{} {want}", ranking.score);
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
