//! What choosing one token costs at the vocabularies of today.
//!
//! `usual`: repetition penalties over 64 tokens, top-k 40, top-p 0.9, min-p 0.05, temperature 0.8.
//! `open`: the same without top-k, where a nucleus is found among all tokens. `nucleus`: without
//! min-p too; these logits are flat, and one token of ten stays in.

use camelid_engine::{Sampler, SamplerOptions};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// Logits as a model makes them: most near a mean, a few far above.
fn logits(n_vocab: usize) -> Vec<f32> {
    let mut bits = 1u64;
    let mut uniform = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (bits >> 40) as f32 / (1 << 24) as f32
    };
    (0..n_vocab).map(|_| (0..12).map(|_| uniform()).sum::<f32>() * 2.5 - 15.0).collect()
}

fn options(top_k: usize, temperature: f32) -> SamplerOptions {
    let mut options = SamplerOptions::default();
    options.temperature = temperature;
    options.top_k = top_k;
    options.top_p = 0.9;
    options.min_p = 0.05;
    options.repeat_penalty = 1.1;
    options.frequency_penalty = 0.1;
    options.presence_penalty = 0.1;
    options
}

fn sample(c: &mut Criterion) {
    let mut nucleus = options(0, 0.8);
    nucleus.min_p = 0.0;
    let cases = [
        ("usual", options(40, 0.8)),
        ("open", options(0, 0.8)),
        ("nucleus", nucleus),
        ("greedy", options(0, 0.0)),
    ];
    for (name, options) in cases {
        let mut group = c.benchmark_group(format!("sample/{name}"));
        for n_vocab in [32 << 10, 128 << 10, 256 << 10] {
            let logits = logits(n_vocab);
            let history: Vec<u32> = (0..200).map(|i| i * 37 % n_vocab as u32).collect();
            let mut sampler = Sampler::new(options.clone()).expect("the options are in range");
            group.bench_function(BenchmarkId::from_parameter(n_vocab), |bencher| {
                bencher.iter(|| sampler.sample(&logits, &history));
            });
        }
    }
}

criterion_group!(benches, sample);
criterion_main!(benches);
