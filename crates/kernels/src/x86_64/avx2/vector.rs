//! Operations on plain vectors of floats.

use std::arch::x86_64::*;

use half::f16;

use super::mem::{load_f16, load_f32, load_f32_tail, store_f32, store_f32_tail};
use crate::scalar::Sigmoid;

/// See [`crate::scalar::f16_to_f32`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn f16_to_f32(x: &[f16], out: &mut [f32]) {
    let (x_chunks, x_tail) = x.as_chunks::<8>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<8>();
    for (x, out) in x_chunks.iter().zip(out_chunks) {
        store_f32(out, load_f16(x));
    }
    for (x, out) in x_tail.iter().zip(out_tail) {
        *out = x.to_f32();
    }
}

/// See [`crate::scalar::exp_sum`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let max = _mm256_set1_ps(max);
    let (chunks, tail) = x.as_chunks_mut::<8>();
    let mut sum = _mm256_setzero_ps();
    for x in chunks {
        let y = exp(_mm256_sub_ps(load_f32(x), max));
        store_f32(x, y);
        sum = _mm256_add_ps(sum, y);
    }
    if !tail.is_empty() {
        let y = exp(_mm256_sub_ps(load_f32_tail(tail), max));
        store_f32_tail(tail, y);
        // Lanes beyond the tail were 0, not absent: only what was stored counts.
        sum = _mm256_add_ps(sum, load_f32_tail(tail));
    }
    let mut lanes = [0.0; 8];
    store_f32(&mut lanes, sum);
    lanes.iter().sum()
}

/// See [`crate::scalar::gate`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn gate(x: &mut [f32], y: Option<&[f32]>, sigmoid: Sigmoid) {
    let (x_chunks, x_tail) = x.as_chunks_mut::<8>();
    for x in x_chunks {
        let gated = gate_lanes(load_f32(x), sigmoid);
        store_f32(x, gated);
    }
    let gated = gate_lanes(load_f32_tail(x_tail), sigmoid);
    store_f32_tail(x_tail, gated);
    for (x, y) in x.iter_mut().zip(y.unwrap_or_default()) {
        *x *= y;
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn gate_lanes(x: __m256, Sigmoid { slope, cubic }: Sigmoid) -> __m256 {
    let one = _mm256_set1_ps(1.0);
    let square = _mm256_mul_ps(x, x);
    let inner = _mm256_mul_ps(x, _mm256_fmadd_ps(square, _mm256_set1_ps(cubic), one));
    let inner = _mm256_mul_ps(inner, _mm256_set1_ps(-slope));
    _mm256_div_ps(x, _mm256_add_ps(one, exp(inner)))
}

/// `e^x` within 2 units in the last place: `2^n * e^r` with `n = round(x / ln 2)` and
/// `|r| <= ln(2) / 2`, where eight terms of the series are enough.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn exp(x: __m256) -> __m256 {
    /// The coefficients `1 / i!`, highest first.
    const SERIES: [f32; 8] =
        [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    // The upper part of ln 2 has so few bits that its product with `n` is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these the result is infinite or 0; a NaN passes both, being the second operand.
    let x = _mm256_min_ps(_mm256_set1_ps(90.0), x);
    let x = _mm256_max_ps(_mm256_set1_ps(-110.0), x);
    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm256_mul_ps(
        x,
        _mm256_set1_ps(std::f32::consts::LOG2_E),
    ));
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN_2_HIGH), x);
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN_2_LOW), r);
    let mut sum = _mm256_set1_ps(SERIES[0]);
    for term in &SERIES[1..] {
        sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(*term));
    }
    // In two steps, as 2^n may be beyond the range of normal numbers where the result is not.
    let n = _mm256_cvtps_epi32(n);
    let half = _mm256_srai_epi32::<1>(n);
    let power = |n| {
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127))))
    };
    _mm256_mul_ps(_mm256_mul_ps(sum, power(half)), power(_mm256_sub_epi32(n, half)))
}
