use camelid_gguf::{GgufFile, GgufWriter};

use super::*;

/// A Phi-3 vocabulary in miniature.
fn phi3() -> Tokenizer {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).into();
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend(["▁", "a", "▁a", "<|end|>", "<|x|>", "\n\n"].map(str::to_owned));
    let mut kinds = vec![6i32; tokens.len()];
    kinds[..3].copy_from_slice(&[2, 3, 3]);
    kinds[259..].copy_from_slice(&[1, 1, 1, 3, 4, 4]);
    let writer = GgufWriter::new()
        .metadata("general.architecture", "phi3")
        .metadata("tokenizer.ggml.model", "llama")
        .metadata("tokenizer.ggml.scores", vec![0f32; tokens.len()])
        .metadata("tokenizer.ggml.tokens", tokens)
        .metadata("tokenizer.ggml.token_type", kinds);
    let file = GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap();
    Tokenizer::from_metadata(file.metadata()).unwrap()
}

#[test]
fn added_tokens_are_found_and_take_the_space_behind_them() {
    let encode = |text, special| phi3().encode(text, special).unwrap();
    let (a, end, x, breaks) = (261, 262, 263, 264);
    assert_eq!(encode("a<|end|> \na", Special::Recognise), [a, end, a]);
    assert_eq!(encode("<|x|>a", Special::AsText), [x, a]);
    // The line breaks are a token too, but those here belong to the token in front.
    assert_eq!(encode("<|x|>\n\n<|x|>", Special::AsText), [x, x]);
    assert_eq!(encode("a\n\n", Special::AsText), [a, breaks]);
    assert!(!encode("<|end|>", Special::AsText).contains(&end));
}

#[test]
fn what_a_reader_sees_is_without_control_tokens() {
    let tokenizer = phi3();
    let tokens = tokenizer.encode_prompt("a<|end|>", Special::Recognise).unwrap();
    assert_eq!(tokens, [1, 261, 262]);
    assert_eq!(tokenizer.decode(&tokens), "a");
    assert_eq!(tokenizer.decode_all(&tokens), "<s> a<|end|>");
    assert_eq!(tokenizer.bytes(3 + 0xff), [0xff]);
    assert_eq!(tokenizer.bytes(10_000), [0u8; 0]);
}
