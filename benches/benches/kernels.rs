//! Criterion benchmarks of the kernels: bytes of weights per second for decoding, multiply-adds
//! per second (shown as elements) for prompts.
//!
//! The shares of the machine's limits are printed by the program `kernel-shares`.

use camelid_benches::data;
use camelid_gguf::TensorType;
use camelid_kernels::{
    Activation, Attention, Cpu, Kernels, KvPool, KvType, Matrix, PAGE_LEN, Query, Rope, ThreadTeam,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const DIM: usize = 2048;

fn cpu() -> Cpu {
    Cpu::new(Kernels::detect(), ThreadTeam::with_available())
}

fn matmul(c: &mut Criterion) {
    let cpu = cpu();
    for n_tokens in [1, 8, 512] {
        let mut group = c.benchmark_group(format!("matmul/{n_tokens}"));
        group.sample_size(20);
        let x = data::noise(n_tokens * DIM, 1);
        let mut out = vec![0.0; n_tokens * DIM];
        for &ty in TensorType::ALL.iter().filter(|&&ty| Cpu::supports(ty)) {
            let bytes = data::weights(ty, DIM, DIM);
            let w = Matrix::new(ty, DIM, DIM, &bytes).expect("bytes of the matrix's length");
            group.throughput(match n_tokens {
                1 => Throughput::Bytes(bytes.len() as u64),
                _ => Throughput::Elements((n_tokens * DIM * DIM) as u64),
            });
            group.bench_function(BenchmarkId::from_parameter(ty.name()), |bencher| {
                bencher.iter(|| cpu.matmul(&w, &x, &mut out));
            });
        }
    }
}

fn attention(c: &mut Criterion) {
    let cpu = cpu();
    let spec = Attention::new(32, 8, 64);
    let n_context = 4096;
    let mut group = c.benchmark_group("attention/4096");
    for ty in [KvType::F32, KvType::F16] {
        let mut kv = KvPool::new(ty, n_context / PAGE_LEN, 8, 64);
        let slots: Vec<usize> = (0..n_context).collect();
        kv.store(&slots, &data::noise(n_context * 512, 2), &data::noise(n_context * 512, 3));
        let pages: Vec<u32> = (0..(n_context / PAGE_LEN) as u32).collect();
        for n_queries in [1, 64] {
            let queries: Vec<Query<'_>> = (0..n_queries)
                .map(|i| Query::causal(&pages, n_context - n_queries + 1 + i))
                .collect();
            let q = data::noise(n_queries * 2048, 4);
            let mut out = vec![0.0; q.len()];
            group.throughput(Throughput::Elements((2 * q.len() * n_context) as u64));
            group.bench_function(format!("{ty:?}/{n_queries}"), |bencher| {
                bencher.iter(|| cpu.attention(&spec, &kv, &queries, &q, &mut out));
            });
        }
    }
}

fn vectors(c: &mut Criterion) {
    let cpu = cpu();
    let n_tokens = 64;
    let mut group = c.benchmark_group("vectors/64x2048");
    let mut x = data::noise(n_tokens * DIM, 1);
    let y = data::noise(n_tokens * DIM, 2);
    let weight = data::noise(DIM, 3);
    let pos: Vec<u32> = (0..n_tokens as u32).collect();
    let rope = Rope::new(camelid_kernels::Pairing::Neox, 64, 1e4, 1.0, None).expect("a plain rope");
    group.throughput(Throughput::Elements(x.len() as u64));
    let mut out = vec![0.0; x.len()];
    group.bench_function("rms_norm", |b| b.iter(|| cpu.rms_norm(&x, &weight, 1e-5, &mut out)));
    group.bench_function("silu_mul", |b| b.iter(|| cpu.silu_mul(&mut x, &y)));
    group.bench_function("gelu_mul", |b| {
        b.iter(|| cpu.activate_mul(Activation::GeluTanh, &mut x, &y));
    });
    group.bench_function("rope", |b| b.iter(|| cpu.rope(&mut x, 32, 64, &pos, &rope)));
    group.bench_function("softmax", |b| b.iter(|| cpu.softmax(&mut x, DIM)));
}

fn parallel_step(c: &mut Criterion) {
    let team = ThreadTeam::with_available();
    c.bench_function("team/step", |b| b.iter(|| team.run(team.n_threads(), |_| ())));
}

criterion_group!(benches, matmul, attention, vectors, parallel_step);
criterion_main!(benches);
