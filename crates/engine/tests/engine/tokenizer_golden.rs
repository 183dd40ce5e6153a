//! Small vocabularies of each kind against what Hugging Face's tokenizers makes of some texts
//! (`testdata/tokenizer`), and what must hold for any text at all.

use camelid_engine::{
    Special, TokenId, TokenKind, Tokenizer,
    gguf::{GgufFile, GgufWriter, MetadataValue},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::tiny;

const GOLDEN: [&str; 3] = [
    include_str!("../../testdata/tokenizer/sentence_piece.json"),
    include_str!("../../testdata/tokenizer/word_piece.json"),
    include_str!("../../testdata/tokenizer/unigram.json"),
];

fn list<T>(value: &Value, to: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(to).collect()
}

/// The vocabulary of a golden file, with more keys or other values for some.
fn tokenizer(
    golden: &Value,
    more: &[(&str, MetadataValue)],
) -> Result<Tokenizer, camelid_engine::Error> {
    let mut keys: Vec<(String, MetadataValue)> = vec![
        ("model".into(), golden["model"].as_str().unwrap().into()),
        ("tokens".into(), list(&golden["tokens"], |t| t.as_str().unwrap().to_owned()).into()),
        ("token_type".into(), list(&golden["kinds"], |k| k.as_i64().unwrap() as i32).into()),
    ];
    if golden["scores"].is_array() {
        let scores = list(&golden["scores"], |s| s.as_f64().unwrap() as f32);
        keys.push(("scores".into(), scores.into()));
    }
    for (key, value) in golden["keys"].as_object().into_iter().flatten() {
        let value = match value {
            Value::Bool(flag) => MetadataValue::from(*flag),
            id => MetadataValue::from(id.as_u64().unwrap() as u32),
        };
        keys.push((key.clone(), value));
    }
    for (key, value) in more {
        keys.retain(|(k, _)| k != key);
        keys.push(((*key).to_owned(), value.clone()));
    }
    let mut writer = GgufWriter::new();
    for (key, value) in keys {
        writer = writer.metadata(format!("tokenizer.ggml.{key}"), value);
    }
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    Tokenizer::from_metadata(file.metadata())
}

fn golden(i: usize) -> (Value, Tokenizer) {
    let golden: Value = serde_json::from_str(GOLDEN[i]).unwrap();
    let tokenizer = tokenizer(&golden, &[]).unwrap();
    (golden, tokenizer)
}

fn tiny_tokenizer() -> Tokenizer {
    Tokenizer::from_metadata(tiny::q8_0().metadata()).unwrap()
}

#[test]
fn every_text_becomes_the_tokens_of_the_reference() {
    for i in 0..GOLDEN.len() {
        let (golden, tokenizer) = golden(i);
        let cases = golden["cases"].as_array().unwrap();
        assert!(cases.len() > 15);
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let want = list(&case["ids"], |id| id.as_u64().unwrap() as TokenId);
            let got = tokenizer.encode(text, Special::AsText).unwrap();
            assert_eq!(got, want, "{}: {text:?}", golden["model"]);
        }
    }
}

#[test]
fn a_whole_text_has_the_tokens_around_it_that_the_model_expects() {
    let around = |i: usize| {
        let (_, tokenizer) = golden(i);
        let inside = tokenizer.encode("camel", Special::AsText).unwrap();
        let prompt = tokenizer.encode_prompt("camel", Special::AsText).unwrap();
        let whole = tokenizer.encode_document("camel", Special::AsText).unwrap();
        let n = prompt.len() - inside.len();
        assert_eq!(prompt[n..], inside);
        assert_eq!(whole[..prompt.len()], prompt);
        (prompt[..n].to_vec(), whole[prompt.len()..].to_vec())
    };
    assert_eq!(around(0), (vec![1], vec![]));
    assert_eq!(around(1), (vec![2], vec![3]));
    assert_eq!(around(2), (vec![], vec![1]));
}

#[test]
fn control_tokens_are_text_unless_asked_for() {
    for (tokenizer, control) in
        [(golden(0).1, "</s>"), (golden(2).1, "</s>"), (golden(1).1, "[SEP]")]
    {
        let is_control = |ids: &[TokenId]| {
            ids.iter().any(|&id| tokenizer.vocab().kind(id) == Some(TokenKind::Control))
        };
        let text = format!("the {control} camel");
        let typed = tokenizer.encode(&text, Special::AsText).unwrap();
        let asked = tokenizer.encode(&text, Special::Recognise).unwrap();
        // WordPiece's unknown token is a control token, and brackets are unknown to it.
        let unknown = tokenizer.vocab().special().unknown;
        let typed: Vec<_> = typed.into_iter().filter(|&id| Some(id) != unknown).collect();
        assert!(!is_control(&typed), "{control}: {typed:?}");
        assert!(is_control(&asked), "{control}: {asked:?}");
        let shown = tokenizer.decode(&asked);
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["the", "camel"]);
        assert!(tokenizer.decode_all(&asked).contains(control));
    }
}

#[test]
fn a_space_comes_in_front_only_where_the_model_wants_it() {
    let (golden, with) = golden(0);
    let without = tokenizer(&golden, &[("add_space_prefix", false.into())]).unwrap();
    let (a, b) = (with.encode("camel", Special::AsText), without.encode("camel", Special::AsText));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_ne!(a, b);
    assert_eq!((with.decode(&a), without.decode(&b)), ("camel".into(), "camel".into()));
    assert_eq!(with.bytes(a[0]), b" camel");
}

#[test]
fn a_character_without_tokens_is_spelt_or_unknown() {
    let (mut golden, with_bytes) = golden(0);
    let spelt = with_bytes.encode("a🐪🐪", Special::AsText).unwrap();
    assert_eq!(with_bytes.decode(&spelt), "a🐪🐪");
    // One byte token less, and it can be spelt no more.
    golden["tokens"][3 + 0x9f] = "nothing".into();
    golden["kinds"][3 + 0x9f] = 1.into();
    let without = tokenizer(&golden, &[]).unwrap();
    let unknown = without.encode("a🐪🐪", Special::AsText).unwrap();
    assert_eq!(unknown.last(), Some(&0));
    assert_eq!(unknown.iter().filter(|&&id| id == 0).count(), 1, "{unknown:?}");
}

#[test]
fn a_vocabulary_without_what_its_kind_needs_is_refused() {
    let refusal = |i: usize, more: &[(&str, MetadataValue)]| {
        let golden: Value = serde_json::from_str(GOLDEN[i]).unwrap();
        tokenizer(&golden, more).unwrap_err().to_string()
    };
    let n_tokens = golden(0).0["tokens"].as_array().unwrap().len();
    let long: Vec<String> = (0..n_tokens).map(|i| format!("{i:>2000}")).collect();
    let kinds = vec![1i32; n_tokens];
    let as_unigram = [
        ("model", "t5".into()),
        ("tokens", long.into()),
        ("token_type", kinds.into()),
        ("unknown_token_id", 0u32.into()),
    ];
    assert!(refusal(0, &as_unigram).contains("has 2000 bytes, at most 1024"));
    assert!(refusal(0, &as_unigram[1..]).contains("has 2000 bytes, at most 1024"));
    let charsmap = ("precompiled_charsmap", vec![9u8, 0, 0, 0, 1].into());
    assert!(refusal(2, &[charsmap]).contains("precompiled_charsmap"));
    assert!(refusal(0, &[("model", "rwkv".into())]).contains("a token for each byte"));
    assert!(refusal(1, &[("model", "llama".into())]).contains("scores"));
}

/// A vocabulary of all bytes and some words, in RWKV's escapes.
fn rwkv() -> Tokenizer {
    let mut tokens: Vec<String> = vec!["<s>".into()];
    tokens.extend((0..=255).map(|byte| format!("\\x{byte:02x}")));
    tokens.extend(["camel", "camels", " the", r"\n\n", r"caf\xc3\xa9"].map(str::to_owned));
    let mut kinds = vec![1i32; tokens.len()];
    kinds[0] = 3;
    let writer = GgufWriter::new()
        .metadata("tokenizer.ggml.model", "rwkv")
        .metadata("tokenizer.ggml.tokens", tokens)
        .metadata("tokenizer.ggml.token_type", kinds);
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    Tokenizer::from_metadata(file.metadata()).unwrap()
}

#[test]
fn rwkv_takes_the_longest_token() {
    let encode = |text| rwkv().encode(text, Special::AsText).unwrap();
    assert_eq!(encode("camels the\n\ncafé!"), [258, 259, 260, 261, 34]);
    assert_eq!(encode("came"), [100, 98, 110, 102]);
}

fn all_tokenizers() -> Vec<Tokenizer> {
    let mut all: Vec<Tokenizer> = (0..GOLDEN.len()).map(|i| golden(i).1).collect();
    all.extend([tiny_tokenizer(), rwkv()]);
    all
}

#[test]
fn any_text_has_an_encoding_within_the_vocabulary() {
    let all = all_tokenizers();
    proptest!(|(text in prop_oneof![".{0,60}", "[a-z <>/▁\\[\\]SEP]{0,60}", r"(?s:[\PC\s]){0,30}"])| {
        for tokenizer in &all {
            for special in [Special::AsText, Special::Recognise] {
                let tokens = tokenizer.encode_document(&text, special).unwrap();
                prop_assert!(tokens.iter().all(|&id| (id as usize) < tokenizer.vocab().len()));
                let _shown = tokenizer.decode(&tokens);
            }
        }
    });
}

#[test]
fn vocabularies_with_all_bytes_lose_nothing() {
    let all = [golden(0).1, tiny_tokenizer(), rwkv()];
    // `▁` is a space to SentencePiece and comes back as one.
    proptest!(|(text in r"(?s:[^▁]){0,60}")| {
        for tokenizer in &all {
            let tokens = tokenizer.encode(&text, Special::AsText).unwrap();
            prop_assert_eq!(tokenizer.decode(&tokens), text.as_str());
        }
    });
}
