//! How long it takes to open a file with a large vocabulary, checking every string, and to walk
//! over it afterwards.
//!
//! The file is made here, with the counts of Llama 3's: 128,256 tokens and 280,147 merges, of
//! which most hold the two-byte letter that stands for a space.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::path::Path;

use camelid_gguf::{Array, Gguf, GgufFile, GgufWriter, Header};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn vocabulary() -> Vec<u8> {
    let token = |i: usize| format!("Ġtok{:x}", i * 7919 % 100_003);
    let tokens: Vec<String> = (0..128_256).map(token).collect();
    let merges: Vec<String> = (0..280_147).map(|i| format!("{} {:x}", token(i), i % 97)).collect();
    GgufWriter::new()
        .metadata("general.architecture", "llama")
        .metadata("tokenizer.ggml.token_type", vec![1_i32; tokens.len()])
        .metadata("tokenizer.ggml.tokens", tokens)
        .metadata("tokenizer.ggml.merges", merges)
        .to_bytes()
        .expect("because the file is well-formed")
}

/// All there is to do with one file.
fn open_file(criterion: &mut Criterion, name: &str, path: &Path) {
    let bytes = std::fs::read(path).expect("because the file was found or made");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("map", |bench| bench.iter(|| GgufFile::open(path)));
    group.bench_function("parse", |bench| bench.iter(|| Gguf::parse(black_box(&bytes[..]))));
    group.bench_function("stream", |bench| bench.iter(|| Header::read(black_box(&bytes[..]))));

    let gguf = Gguf::parse(&bytes[..]).expect("because it was opened before");
    group.bench_function("tokens", |bench| {
        bench.iter(|| {
            let tokens = gguf.metadata().require::<Array<'_>>("tokenizer.ggml.tokens")?;
            Ok::<_, camelid_gguf::Error>(tokens.strs()?.map(str::len).sum::<usize>())
        });
    });
    group.finish();
}

fn open(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("because there is room for eight megabytes");
    let made = folder.path().join("vocabulary.gguf");
    std::fs::write(&made, vocabulary()).expect("because there is room for eight megabytes");
    open_file(criterion, "made", &made);

    let real = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/tokenizers/ggml-vocab-llama-bpe.gguf"
    ));
    if real.exists() {
        open_file(criterion, "llama-bpe", real);
    }
}

criterion_group!(benches, open);
criterion_main!(benches);
