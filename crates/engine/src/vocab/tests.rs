use camelid_gguf::{GgufFile, GgufWriter, MetadataValue};

use super::*;

/// A vocabulary of `tokens`, each with its type, and more keys.
fn vocab(
    model: &str,
    tokens: &[(&str, i32)],
    more: &[(&str, MetadataValue)],
) -> crate::Result<Vocab> {
    let (texts, kinds): (Vec<String>, Vec<i32>) =
        tokens.iter().map(|&(text, kind)| (text.to_owned(), kind)).unzip();
    let mut writer = GgufWriter::new()
        .metadata("tokenizer.ggml.model", model)
        .metadata("tokenizer.ggml.tokens", texts)
        .metadata("tokenizer.ggml.token_type", kinds);
    for (key, value) in more {
        writer = writer.metadata(*key, value.clone());
    }
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    Vocab::from_metadata(file.metadata())
}

fn refusal(tokens: &[(&str, i32)], more: &[(&str, MetadataValue)]) -> String {
    vocab("llama", tokens, more).unwrap_err().to_string()
}

#[test]
fn only_two_hexadecimal_digits_name_a_byte() {
    assert_eq!(byte_named("<0x0A>"), Some(10));
    assert_eq!(byte_named("<0xfe>"), Some(254));
    for text in ["<0x-1>", "<0x+1>", "<0x1>", "<0x100>", "<0xZZ>", "<0X0A>", "0x0A", "<0x0A>>", ""]
    {
        assert_eq!(byte_named(text), None, "{text}");
        let error = refusal(&[(text, 6)], &[]);
        assert!(error.contains("token 0 stands for a byte"), "{error}");
    }
}

#[test]
fn a_score_that_is_no_number_is_refused() {
    for score in [f32::NAN, f32::INFINITY] {
        let scores = ("tokenizer.ggml.scores", vec![0.0, score].into());
        assert!(refusal(&[("a", 1), ("b", 1)], &[scores]).contains("token 1 has the score"));
    }
}

#[test]
fn every_key_of_a_special_token_is_checked() {
    for role in ["bos", "cls", "eos", "eot", "eom", "unknown", "seperator", "padding", "mask"] {
        let key = format!("tokenizer.ggml.{role}_token_id");
        let error = refusal(&[("a", 1)], &[(&key, 1u32.into())]);
        assert_eq!(error, format!("`{key}` is 1, the vocabulary has 1 tokens"));
    }
    for role in ["pre", "suf", "mid", "pad", "rep", "sep"] {
        let key = format!("tokenizer.ggml.fim_{role}_token_id");
        assert!(refusal(&[("a", 1)], &[(&key, u32::MAX.into())]).contains(&key));
    }
}

#[test]
fn well_known_texts_stand_in_for_missing_keys_and_only_for_those() {
    let tokens = [("a", 1), ("<|fim_prefix|>", 3), ("<|im_end|>", 3), ("<|eom_id|>", 3), ("b", 3)];
    let found = vocab("gpt2", &tokens, &[]).unwrap().special();
    assert_eq!((found.fim_prefix, found.eot, found.eom), (Some(1), Some(2), Some(3)));
    assert_eq!((found.bos, found.fim_suffix), (None, None));
    let named = [("tokenizer.ggml.fim_pre_token_id", 4u32.into())];
    let found = vocab("gpt2", &tokens, &named).unwrap().special();
    assert_eq!(found.fim_prefix, Some(4));
}

fn ends(tokens: &[(&str, i32)]) -> Vec<TokenId> {
    let eos = [("tokenizer.ggml.eos_token_id", 0u32.into())];
    let vocab = vocab("gpt2", tokens, &eos).unwrap();
    (0..tokens.len() as u32).filter(|&id| vocab.is_end_of_generation(id)).collect()
}

#[test]
fn a_generation_ends_with_eos_and_with_the_well_known_ends() {
    assert_eq!(ends(&[("x", 1), ("<|eot_id|>", 3), ("<|im_end|>", 1), ("y", 3)]), [0, 1, 2]);
    assert_eq!(ends(&[("x", 1), ("</s>", 3)]), [0, 1]);
    // Struck-out HTML in a vocabulary that ends texts otherwise.
    assert_eq!(ends(&[("x", 1), ("</s>", 1)]), [0]);
    assert_eq!(ends(&[("x", 1), ("<|end|>", 3)]), [0, 1]);
}

const CHANNELS: [(&str, i32); 8] = [
    ("x", 1),
    ("<|start|>", 3),
    ("<|channel|>", 3),
    ("<|message|>", 3),
    ("<|end|>", 3),
    ("<|return|>", 3),
    ("<|call|>", 3),
    ("<|other|>", 3),
];

#[test]
fn where_answers_have_channels_a_message_ends_and_the_generation_goes_on() {
    assert_eq!(ends(&CHANNELS), [0, 5, 6]);
    let vocab = vocab("gpt2", &CHANNELS, &[]).unwrap();
    let shown: Vec<TokenId> = (0..8).filter(|&id| vocab.is_shown(id)).collect();
    assert_eq!(shown, [0, 1, 2, 3, 4]);
    assert_eq!(vocab.kind(2), Some(TokenKind::Control));
}

#[test]
fn what_a_file_does_not_say_depends_on_the_kind_of_tokenizer() {
    let tokens = [("<unk>", 2), ("<s>", 3), ("</s>", 3)];
    let llama = vocab("llama", &tokens, &[]).unwrap();
    assert_eq!((llama.special().bos, llama.special().eos), (Some(1), Some(2)));
    assert!(llama.add_bos() && !llama.add_eos() && llama.add_space_prefix());
    let t5 = vocab("t5", &tokens, &[]).unwrap();
    assert!(!t5.add_bos() && t5.add_eos() && !t5.add_space_prefix());
    let bos = ("tokenizer.ggml.bos_token_id", 1u32.into());
    for (pre, wanted) in [("llama-bpe", true), ("qwen2", false)] {
        let more = [bos.clone(), ("tokenizer.ggml.pre", pre.into())];
        assert_eq!(vocab("gpt2", &tokens, &more).unwrap().add_bos(), wanted, "{pre}");
    }
    let more = [("tokenizer.ggml.add_bos_token", false.into())];
    assert!(!vocab("llama", &tokens, &more).unwrap().add_bos());
}

#[test]
fn an_unknown_kind_of_tokenizer_is_refused_with_those_that_are_known() {
    let error = vocab("plamo2", &[("a", 1)], &[]).unwrap_err();
    let want = "`tokenizer.ggml.model` is `plamo2`, supported: llama, gpt2, bert, t5, rwkv";
    assert_eq!(error.to_string(), want);
}
