//! Operations on plain vectors of floats.

use std::arch::x86_64::*;

use half::f16;

use super::mem::{load_f16, load_f32, load_f32_tail, store_f32, store_f32_tail};

/// See [`crate::scalar::dot_f32`].
#[target_feature(enable = "avx512f")]
pub(crate) fn dot_f32(x: &[f32], y: &[f32]) -> f32 {
    let (x_chunks, x_tail) = x.as_chunks::<16>();
    let (y_chunks, y_tail) = y.as_chunks::<16>();
    let mut sum = _mm512_setzero_ps();
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        sum = _mm512_fmadd_ps(load_f32(x), load_f32(y), sum);
    }
    sum = _mm512_fmadd_ps(load_f32_tail(x_tail), load_f32_tail(y_tail), sum);
    _mm512_reduce_add_ps(sum)
}

/// See [`crate::scalar::axpy`].
#[target_feature(enable = "avx512f")]
pub(crate) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    let a = _mm512_set1_ps(a);
    let (x_chunks, x_tail) = x.as_chunks::<16>();
    let (y_chunks, y_tail) = y.as_chunks_mut::<16>();
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        store_f32(y, _mm512_fmadd_ps(a, load_f32(x), load_f32(y)));
    }
    let sum = _mm512_fmadd_ps(a, load_f32_tail(x_tail), load_f32_tail(y_tail));
    store_f32_tail(y_tail, sum);
}

/// See [`crate::scalar::f16_to_f32`].
#[target_feature(enable = "avx512f,f16c")]
pub(crate) fn f16_to_f32(x: &[f16], out: &mut [f32]) {
    let (x_chunks, x_tail) = x.as_chunks::<16>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<16>();
    for (x, out) in x_chunks.iter().zip(out_chunks) {
        store_f32(out, load_f16(x));
    }
    for (x, out) in x_tail.iter().zip(out_tail) {
        *out = x.to_f32();
    }
}
