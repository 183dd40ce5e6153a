//! The softmax of attention, and what its keys and values are widened with.

use std::arch::x86_64::*;

use super::mem::{load_bf16, load_f16, load_f32, load_u8x16, store_f32};
use crate::scalar::{FloatRows, MAX_K, Running};
use crate::series;

/// See [`crate::scalar::soften`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn soften(scores: &mut [[f32; MAX_K]], rows: &mut [Running]) {
    for (scores, row) in scores.iter_mut().zip(rows) {
        let [low, high] = scores.as_chunks_mut().0 else { unreachable!("because 32 is 2 * 16") };
        let (scores_low, scores_high) = (load_f32(low), load_f32(high));
        let mut sums = load_f32(&row.sums);
        let largest = _mm512_max_ps(scores_low, scores_high);
        row.factor = 1.0;
        // Seldom: most keys are not the best so far.
        if _mm512_cmp_ps_mask::<_CMP_GT_OQ>(largest, _mm512_set1_ps(row.max)) != 0 {
            let largest = row.max.max(_mm512_reduce_max_ps(largest));
            row.factor = (row.max - largest).exp2();
            row.max = largest;
            sums = _mm512_mul_ps(sums, _mm512_set1_ps(row.factor));
        }
        let max = _mm512_set1_ps(row.max);
        let weights_low = exp2(_mm512_sub_ps(scores_low, max));
        let weights_high = exp2(_mm512_sub_ps(scores_high, max));
        store_f32(low, weights_low);
        store_f32(high, weights_high);
        sums = _mm512_add_ps(_mm512_add_ps(sums, weights_low), weights_high);
        store_f32(&mut row.sums, sums);
    }
}

/// `2^x` within 2 units in the last place, for `x` up to 127: `2^n * 2^r` with `n = round(x)`,
/// by the series of `e^(r ln 2)`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn exp2(x: __m512) -> __m512 {
    // Below this the result is 0; a NaN passes, being the second operand.
    let x = _mm512_max_ps(_mm512_set1_ps(-160.0), x);
    let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let r = _mm512_sub_ps(x, n);
    let mut sum = _mm512_set1_ps(series::EXP2[0]);
    for term in &series::EXP2[1..] {
        sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(*term));
    }
    _mm512_scalef_ps(sum, n)
}

/// See [`crate::scalar::widen`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn widen(x: FloatRows<'_>, out: &mut [f32]) {
    match x {
        FloatRows::F32(x) => out.copy_from_slice(x),
        FloatRows::F16(x) => each(x, out, |x| load_f16(x)),
        FloatRows::BF16(x) => each(x, out, |x| load_bf16(x)),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn each<T: Copy + Into<f32>>(x: &[T], out: &mut [f32], load: impl Fn(&[T; 16]) -> __m512) {
    let (x_chunks, x_tail) = x.as_chunks::<16>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<16>();
    for (x, out) in x_chunks.iter().zip(out_chunks) {
        store_f32(out, load(x));
    }
    for (&x, out) in x_tail.iter().zip(out_tail) {
        *out = x.into();
    }
}

/// See [`crate::scalar::widen_codes`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn widen_codes(
    (codes, zero): (&[[u8; 32]], u8),
    scales: &[f32],
    out: &mut [f32],
    (width, first_col): (usize, usize),
) {
    let zero = _mm512_set1_epi32(zero.into());
    for ((codes, scale), out) in codes.iter().zip(scales).zip(out.chunks_exact_mut(width)) {
        let scale = _mm512_set1_ps(*scale);
        let out = out[first_col..].as_chunks_mut::<16>().0;
        for (codes, out) in codes.as_chunks().0.iter().zip(out) {
            let codes = _mm512_sub_epi32(_mm512_cvtepu8_epi32(load_u8x16(codes)), zero);
            store_f32(out, _mm512_mul_ps(_mm512_cvtepi32_ps(codes), scale));
        }
    }
}
