//! Layers with a window forget what left it, and answer as if they had not.

use std::sync::Arc;

use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Error, Runner, SeqId,
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};

use crate::arch_fixture::{self, Fixture};

const A: SeqId = SeqId(0);
const B: SeqId = SeqId(1);
/// Longer than windows of 16 tokens and the pages around them.
const N_CTX: usize = 512;
const N_TOKENS: usize = 300;

/// The models that look back 16 tokens in some layers, or in all.
const WINDOWED: [&str; 9] = [
    "cohere2",
    "gemma2",
    "gemma3",
    "gpt_oss",
    "mistral",
    "olmo3",
    "phi3_long",
    "phi3_short",
    "starcoder2",
];

fn decoder(fixture: &Fixture, n_seq: usize, n_batch: usize) -> Decoder<CpuDevice> {
    let device = CpuDevice::new(Cpu::new(Kernels::detect(), ThreadTeam::new(1)));
    let mut cache = CacheOptions::new(2 * N_CTX, KvType::F32);
    (cache.n_seq, cache.n_batch) = (n_seq, n_batch);
    Decoder::with_context(&Arc::new(fixture.gguf(None)), device, cache, N_CTX).unwrap()
}

fn tokens(fixture: &Fixture) -> Vec<u32> {
    fixture.tokens.iter().copied().cycle().take(N_TOKENS).collect()
}

/// The last logits after running tokens from `pos` on in pieces of `n`.
fn run(
    decoder: &mut Decoder<CpuDevice>,
    seq: SeqId,
    pos: usize,
    all: &[u32],
    n: usize,
) -> Vec<f32> {
    let mut last = Vec::new();
    for (i, piece) in all[pos..].chunks(n).enumerate() {
        let batch = Batch::prompt(seq, (pos + i * n) as u32, piece);
        last = decoder.forward(&batch).unwrap().row(0).to_vec();
    }
    last
}

fn assert_close(fixture: &Fixture, got: &[f32], want: &[f32]) {
    let difference = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-5 * fixture.range(), "{}: {difference}", fixture.name);
}

#[test]
fn what_was_dropped_is_not_missed() {
    for fixture in WINDOWED.map(arch_fixture::named) {
        let tokens = tokens(&fixture);
        // In one batch nothing is dropped before the end.
        let want = run(&mut decoder(&fixture, 1, N_TOKENS), A, 0, &tokens, N_TOKENS);
        let mut small = decoder(&fixture, 1, 7);
        assert!(small.needs_checkpoints(), "{}", fixture.name);
        assert_close(&fixture, &run(&mut small, A, 0, &tokens, 7), &want);
        assert_close(&fixture, &run(&mut small, B, 0, &tokens, 1), &want);
    }
}

#[test]
fn a_beginning_is_taken_over_only_where_its_window_is_still_there() {
    for fixture in WINDOWED.map(arch_fixture::named) {
        let tokens = tokens(&fixture);
        let mut decoder = decoder(&fixture, 1, 16);
        let want = run(&mut decoder, A, 0, &tokens, 16);
        let len = N_TOKENS as u32;
        assert_eq!(decoder.reusable(A, len - 100), 0, "{}", fixture.name);
        decoder.copy(A, B, len - 100);
        assert_eq!(decoder.n_cached(B), 0);
        assert_eq!(decoder.reusable(A, len - 20), len - 20, "{}", fixture.name);
        decoder.copy(A, B, len - 20);
        assert_close(&fixture, &run(&mut decoder, B, N_TOKENS - 20, &tokens, 3), &want);
        // The other goes on unharmed.
        decoder.truncate(A, len - 1);
        assert_close(&fixture, &run(&mut decoder, A, N_TOKENS - 1, &tokens, 1), &want);
        decoder.truncate(A, 17);
        assert_eq!(decoder.n_cached(A), 0);
    }
}

#[test]
fn keys_that_are_gone_are_not_moved() {
    let fixture = arch_fixture::named("gemma2");
    let mut decoder = decoder(&fixture, 1, 16);
    run(&mut decoder, A, 0, &tokens(&fixture), 16);
    let error = decoder.shift(A, 4..100).unwrap_err();
    assert!(matches!(error, Error::CannotShift { .. }), "{error}");
    assert_eq!(decoder.n_cached(A), N_TOKENS as u32);
}

/// Two ended sequences and two at work, whatever their length, fit into what two of them need
/// where every layer has a window: pages follow the windows.
#[test]
fn memory_is_bounded_by_the_window() {
    let fixture = arch_fixture::named("mistral");
    let mut decoder = decoder(&fixture, 2, 8);
    let tokens = tokens(&fixture);
    for seq in 0..4 {
        run(&mut decoder, SeqId(seq), 0, &tokens, 8);
    }
    // 2 * 2 * (1 + 2) pages of 32 tokens, and 3 for batches: 1,200 tokens would need 40.
    let error = decoder.check_room(&Batch::prompt(SeqId(9), 0, &[1; N_TOKENS])).unwrap_err();
    assert!(matches!(error, Error::CacheFull { total: 15, .. }), "{error}");
}
