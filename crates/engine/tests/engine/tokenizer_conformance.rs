//! Byte-level BPE against llama.cpp's published tokenizer tests, where the folder is at hand.

use std::path::Path;

use camelid_engine::{Special, Tokenizer, VocabError, gguf::GgufFile};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/tokenizers");

const NAMES: [&str; 6] = ["gpt-2", "llama-bpe", "qwen2", "starcoder", "falcon", "deepseek-coder"];

fn folder() -> Option<&'static Path> {
    let folder = Path::new(FOLDER);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: the conformance data is not beside this checkout");
    None
}

#[test]
fn every_string_of_every_byte_level_vocabulary_is_encoded_exactly() {
    let Some(folder) = folder() else { return };
    for name in NAMES {
        let path = folder.join(format!("ggml-vocab-{name}.gguf"));
        let file = GgufFile::open(&path).unwrap();
        let tokenizer = Tokenizer::from_metadata(file.metadata()).unwrap();
        let inputs = std::fs::read_to_string(path.with_extension("gguf.inp")).unwrap();
        let outputs = std::fs::read_to_string(path.with_extension("gguf.out")).unwrap();
        let inputs: Vec<&str> = inputs.split("\n__ggml_vocab_test__\n").collect();
        let outputs: Vec<Vec<u32>> = outputs
            .lines()
            .map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect())
            .collect();
        assert!(outputs.len() > 40, "{name}: {} cases", outputs.len());
        for (input, want) in inputs.iter().zip(&outputs) {
            let got = tokenizer.encode(input, Special::AsText).unwrap();
            assert_eq!(&got, want, "{name}: {input:?}");
            assert_eq!(tokenizer.decode(&got), *input, "{name}");
        }
    }
}

#[test]
fn other_kinds_of_tokenizer_are_refused_by_name() {
    let Some(folder) = folder() else { return };
    for (name, kind) in [("llama-spm", "llama"), ("bert-bge", "bert")] {
        let file = GgufFile::open(folder.join(format!("ggml-vocab-{name}.gguf"))).unwrap();
        let error = Tokenizer::from_metadata(file.metadata()).unwrap_err();
        let camelid_engine::Error::Vocab(VocabError::Unsupported { found, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(found, kind);
    }
}
