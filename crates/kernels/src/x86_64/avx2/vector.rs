//! Operations on plain vectors of floats.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_f32_tail, store_f32, store_f32_tail};
use crate::scalar::Sigmoid;
use crate::series;

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
pub(super) fn exp(x: __m256) -> __m256 {
    // Beyond these the result is infinite or 0; a NaN passes both, being the second operand.
    let x = _mm256_min_ps(_mm256_set1_ps(90.0), x);
    let x = _mm256_max_ps(_mm256_set1_ps(-110.0), x);
    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm256_mul_ps(
        x,
        _mm256_set1_ps(std::f32::consts::LOG2_E),
    ));
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(series::LN_2_HIGH), x);
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(series::LN_2_LOW), r);
    let mut sum = _mm256_set1_ps(series::EXP[0]);
    for term in &series::EXP[1..] {
        sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(*term));
    }
    times_power_of_two(sum, n)
}

/// `x * 2^n` for whole `n`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn times_power_of_two(x: __m256, n: __m256) -> __m256 {
    // In two steps, as 2^n may be beyond the range of normal numbers where the result is not.
    let n = _mm256_cvtps_epi32(n);
    let half = _mm256_srai_epi32::<1>(n);
    let power = |n| {
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127))))
    };
    _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(_mm256_sub_epi32(n, half)))
}

/// See [`crate::scalar::softcap`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn softcap(x: &mut [f32], cap: f32, factor: f32) {
    let (inverse, scale) = (_mm256_set1_ps(1.0 / cap), _mm256_set1_ps(factor * cap));
    let (chunks, tail) = x.as_chunks_mut::<8>();
    for x in chunks {
        let capped = tanh(_mm256_mul_ps(load_f32(x), inverse));
        store_f32(x, _mm256_mul_ps(capped, scale));
    }
    let capped = tanh(_mm256_mul_ps(load_f32_tail(tail), inverse));
    store_f32_tail(tail, _mm256_mul_ps(capped, scale));
}

/// `1 - 2 / (e^2y + 1)`; near 0, where that would lose bits, the series.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn tanh(y: __m256) -> __m256 {
    let (one, two) = (_mm256_set1_ps(1.0), _mm256_set1_ps(2.0));
    let power = exp(_mm256_mul_ps(y, two));
    let far = _mm256_sub_ps(one, _mm256_div_ps(two, _mm256_add_ps(power, one)));
    let square = _mm256_mul_ps(y, y);
    let mut sum = _mm256_set1_ps(series::TANH[0]);
    for term in &series::TANH[1..] {
        sum = _mm256_fmadd_ps(sum, square, _mm256_set1_ps(*term));
    }
    let near = _mm256_mul_ps(sum, y);
    let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), y);
    let small = _mm256_cmp_ps::<_CMP_LT_OQ>(magnitude, _mm256_set1_ps(series::TANH_SMALL));
    _mm256_blendv_ps(far, near, small)
}
