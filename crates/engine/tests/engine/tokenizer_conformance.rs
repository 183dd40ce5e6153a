//! Every kind of tokenizer against llama.cpp's published tests, where the folder is at hand.
//!
//! llama.cpp encodes the strings without BOS and EOS and takes control tokens' texts for text, as
//! `encode` with `Special::AsText` does.

use std::path::Path;

use camelid_engine::{Special, TokenId, Tokenizer, TokenizerKind, gguf::GgufFile};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/tokenizers");

/// A vocabulary with the strings that it was tested on and their tokens.
struct Case {
    name: String,
    tokenizer: Tokenizer,
    strings: Vec<(String, Vec<TokenId>)>,
}

/// All vocabularies of the folder; none where it is missing.
fn cases() -> Vec<Case> {
    let Ok(folder) = Path::new(FOLDER).read_dir() else {
        println!("SKIPPED: the conformance data is not beside this checkout");
        return Vec::new();
    };
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == "gguf")).collect();
    paths.sort();
    assert!(paths.len() >= 9, "{paths:?}");
    paths.iter().map(|path| read_case(path)).collect()
}

fn read_case(path: &Path) -> Case {
    let file = GgufFile::open(path).unwrap();
    let inputs = std::fs::read_to_string(path.with_extension("gguf.inp")).unwrap();
    let outputs = std::fs::read_to_string(path.with_extension("gguf.out")).unwrap();
    let inputs = inputs.split("\n__ggml_vocab_test__\n").map(str::to_owned);
    let to_ids = |line: &str| line.split_whitespace().map(|id| id.parse().unwrap()).collect();
    let strings: Vec<_> = inputs.zip(outputs.lines().map(to_ids)).collect();
    assert!(strings.len() > 40, "{path:?}: {} cases", strings.len());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    Case { name, tokenizer: Tokenizer::from_metadata(file.metadata()).unwrap(), strings }
}

#[test]
fn every_string_of_every_vocabulary_is_encoded_exactly() {
    for Case { name, tokenizer, strings } in cases() {
        for (text, want) in &strings {
            let got = tokenizer.encode(text, Special::AsText).unwrap();
            assert_eq!(&got, want, "{name}: {text:?}");
            // WordPiece forgets case, accents and white space.
            if tokenizer.vocab().tokenizer_kind() != TokenizerKind::WordPiece {
                assert_eq!(tokenizer.decode(&got), *text, "{name}");
            }
        }
    }
}
