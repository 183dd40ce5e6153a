//! Large vocabularies: opened without an allocation per string, and still read in full.

use std::path::Path;

use camelid_gguf::{Array, Gguf, GgufWriter};

use crate::{allocations, touch_everything};

/// Allocations that opening may take, whatever the vocabulary: entries, index, tensors.
const MAX_ALLOCATIONS: usize = 64;

#[test]
fn hundred_thousand_strings_are_not_as_many_allocations() {
    let tokens: Vec<String> = (0..100_000).map(|i| format!("tok{i}")).collect();
    let bytes = GgufWriter::new().metadata("tokens", tokens).to_bytes().unwrap();
    let (gguf, usage) = allocations::count(|| Gguf::parse(&bytes[..]).unwrap());
    assert!(usage.n_calls <= MAX_ALLOCATIONS, "{usage:?}");
    assert!(usage.peak < 4096, "{usage:?}");

    let (last, usage) = allocations::count(|| {
        let tokens: Array<'_> = gguf.metadata().require("tokens").unwrap();
        tokens.strs().unwrap().last().unwrap().len()
    });
    assert_eq!((last, usage.n_calls), ("tok99999".len(), 0));
}

#[test]
fn strings_too_long_for_the_short_way_are_read_among_the_others() {
    let lengths = [0, 1, 126, 127, 128, 129, 255, 256, 1000, 70_000];
    let texts: Vec<String> =
        (0..2000).map(|i| "é".repeat(lengths[i % lengths.len()] / 2)).collect();
    let bytes = GgufWriter::new().metadata("texts", texts.clone()).to_bytes().unwrap();
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    let array: Array<'_> = gguf.metadata().require("texts").unwrap();
    assert!(array.strs().unwrap().eq(texts.iter().map(String::as_str)));
}

#[test]
fn bad_text_is_found_wherever_it_stands() {
    let good = GgufWriter::new().metadata("texts", vec!["££££££££"; 3000]).to_bytes().unwrap();
    let text_bytes = 8 + 16;
    for i in [0, 1, 511, 512, 513, 2999] {
        let mut bytes = good.clone();
        let start = bytes.len() - (3000 - i) * text_bytes;
        // The last character's second byte.
        bytes[start + text_bytes - 1] = b'x';
        let error = Gguf::parse(&bytes[..]).unwrap_err().to_string();
        let expected = format!(
            "string of metadata key `texts` at byte {} is not valid text (UTF-8)",
            start + 8
        );
        assert_eq!(error, expected);
    }
}

/// llama.cpp's vocabulary files.
#[test]
fn real_vocabularies_open_and_are_written_again_byte_for_byte() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/tokenizers");
    if !Path::new(folder).exists() {
        println!("SKIPPED: no conformance data at {folder}");
        return;
    }
    let mut n_files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "gguf") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let (gguf, usage) = allocations::count(|| Gguf::parse(&bytes[..]).unwrap());
        assert!(usage.n_calls <= MAX_ALLOCATIONS, "{}: {usage:?}", path.display());
        touch_everything(&gguf);
        let copy = GgufWriter::copy_of(&gguf).to_bytes().unwrap();
        assert!(copy == bytes, "{} differs", path.display());
        n_files += 1;
    }
    assert!(n_files >= 9, "{n_files} files in {folder}");
}
