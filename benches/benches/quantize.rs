//! Criterion over the writing of every format, in elements per second of one core.

use std::hint::black_box;

use camelid_benches::data;
use camelid_gguf::TensorType;
use camelid_kernels::{can_quantize, quantize};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Elements of a row: a small model's.
const N_COLS: usize = 4096;

fn writing(c: &mut Criterion) {
    let x = data::noise(N_COLS, 1);
    let importance: Vec<f32> = data::noise(N_COLS, 2).iter().map(|x| x * x).collect();
    let mut group = c.benchmark_group("quantize");
    group.throughput(Throughput::Elements(N_COLS as u64));
    for &ty in TensorType::ALL.iter().filter(|&&ty| can_quantize(ty)) {
        let mut out = vec![0; ty.row_bytes(N_COLS).expect("rows of whole blocks")];
        group.bench_function(ty.name(), |b| {
            b.iter(|| quantize(ty, black_box(&x), Some(&importance), &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, writing);
criterion_main!(benches);
