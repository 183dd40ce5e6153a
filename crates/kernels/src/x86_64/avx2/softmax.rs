//! The softmax of attention, and what its keys and values are widened with.

use std::arch::x86_64::*;

use super::mem::{load_bf16, load_f16, load_f32, load_u8x16, store_f32};
use super::vector::times_power_of_two;
use crate::scalar::{FloatRows, MAX_K, Running};
use crate::series;

/// See [`crate::scalar::soften`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn soften(scores: &mut [[f32; MAX_K]], rows: &mut [Running]) {
    for (scores, row) in scores.iter_mut().zip(rows) {
        let mut largest = _mm256_set1_ps(row.max);
        let start = largest;
        for scores in scores.as_chunks().0 {
            // A NaN among the scores leaves what was there.
            largest = _mm256_max_ps(load_f32(scores), largest);
        }
        let greater = _mm256_cmp_ps::<_CMP_GT_OQ>(largest, start);
        row.factor = 1.0;
        // Seldom: most keys are not the best so far.
        if _mm256_movemask_ps(greater) != 0 {
            let mut lanes = [0.0; 8];
            store_f32(&mut lanes, largest);
            let largest = lanes.into_iter().fold(row.max, f32::max);
            row.factor = (row.max - largest).exp2();
            row.max = largest;
            row.sums.iter_mut().for_each(|sum| *sum *= row.factor);
        }
        let max = _mm256_set1_ps(row.max);
        for halves in scores.as_chunks_mut::<16>().0 {
            let sums = row.sums.as_chunks_mut::<8>().0.iter_mut();
            for (scores, sums) in halves.as_chunks_mut::<8>().0.iter_mut().zip(sums) {
                let weights = exp2(_mm256_sub_ps(load_f32(scores), max));
                store_f32(scores, weights);
                let sum = _mm256_add_ps(load_f32(sums), weights);
                store_f32(sums, sum);
            }
        }
    }
}

/// `2^x` within 2 units in the last place, for `x` up to 127: `2^n * 2^r` with `n = round(x)`,
/// by the series of `e^(r ln 2)`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn exp2(x: __m256) -> __m256 {
    // Below this the result is 0; a NaN passes, being the second operand.
    let x = _mm256_max_ps(_mm256_set1_ps(-160.0), x);
    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let r = _mm256_sub_ps(x, n);
    let mut sum = _mm256_set1_ps(series::EXP2[0]);
    for term in &series::EXP2[1..] {
        sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(*term));
    }
    times_power_of_two(sum, n)
}

/// See [`crate::scalar::widen`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn widen(x: FloatRows<'_>, out: &mut [f32]) {
    match x {
        FloatRows::F32(x) => out.copy_from_slice(x),
        FloatRows::F16(x) => each(x, out, |x| load_f16(x)),
        FloatRows::BF16(x) => each(x, out, |x| load_bf16(x)),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn each<T: Copy + Into<f32>>(x: &[T], out: &mut [f32], load: impl Fn(&[T; 8]) -> __m256) {
    let (x_chunks, x_tail) = x.as_chunks::<8>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<8>();
    for (x, out) in x_chunks.iter().zip(out_chunks) {
        store_f32(out, load(x));
    }
    for (&x, out) in x_tail.iter().zip(out_tail) {
        *out = x.into();
    }
}

/// See [`crate::scalar::widen_codes`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn widen_codes(
    (codes, zero): (&[[u8; 32]], u8),
    scales: &[f32],
    out: &mut [f32],
    (width, first_col): (usize, usize),
) {
    let zero = _mm256_set1_epi32(zero.into());
    for ((codes, scale), out) in codes.iter().zip(scales).zip(out.chunks_exact_mut(width)) {
        let scale = _mm256_set1_ps(*scale);
        let out = out[first_col..].as_chunks_mut::<16>().0;
        for (codes, out) in codes.as_chunks().0.iter().zip(out) {
            let codes = load_u8x16(codes);
            let parts = [codes, _mm_srli_si128::<8>(codes)];
            for (codes, out) in parts.into_iter().zip(out.as_chunks_mut().0) {
                let codes = _mm256_sub_epi32(_mm256_cvtepu8_epi32(codes), zero);
                store_f32(out, _mm256_mul_ps(_mm256_cvtepi32_ps(codes), scale));
            }
        }
    }
}
