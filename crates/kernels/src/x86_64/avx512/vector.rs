//! Operations on plain vectors of floats.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_f32_tail, store_f32, store_f32_tail};
use crate::scalar::Sigmoid;
use crate::series;

/// See [`crate::scalar::dot_f32`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
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

/// See [`crate::scalar::exp_sum`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let max = _mm512_set1_ps(max);
    let (chunks, tail) = x.as_chunks_mut::<16>();
    let mut sum = _mm512_setzero_ps();
    for x in chunks {
        let y = exp(_mm512_sub_ps(load_f32(x), max));
        store_f32(x, y);
        sum = _mm512_add_ps(sum, y);
    }
    if !tail.is_empty() {
        let y = exp(_mm512_sub_ps(load_f32_tail(tail), max));
        store_f32_tail(tail, y);
        // Lanes beyond the tail were 0, not absent: only what was stored counts.
        sum = _mm512_add_ps(sum, load_f32_tail(tail));
    }
    _mm512_reduce_add_ps(sum)
}

/// See [`crate::scalar::gate`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn gate(x: &mut [f32], y: Option<&[f32]>, sigmoid: Sigmoid) {
    let (x_chunks, x_tail) = x.as_chunks_mut::<16>();
    match y {
        Some(y) => {
            let (y_chunks, y_tail) = y.as_chunks::<16>();
            for (x, y) in x_chunks.iter_mut().zip(y_chunks) {
                let gated = gate_lanes(load_f32(x), sigmoid);
                store_f32(x, _mm512_mul_ps(gated, load_f32(y)));
            }
            let gated = gate_lanes(load_f32_tail(x_tail), sigmoid);
            store_f32_tail(x_tail, _mm512_mul_ps(gated, load_f32_tail(y_tail)));
        }
        None => {
            for x in x_chunks {
                let gated = gate_lanes(load_f32(x), sigmoid);
                store_f32(x, gated);
            }
            let gated = gate_lanes(load_f32_tail(x_tail), sigmoid);
            store_f32_tail(x_tail, gated);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn gate_lanes(x: __m512, Sigmoid { slope, cubic }: Sigmoid) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    let square = _mm512_mul_ps(x, x);
    let inner = _mm512_mul_ps(x, _mm512_fmadd_ps(square, _mm512_set1_ps(cubic), one));
    let inner = _mm512_mul_ps(inner, _mm512_set1_ps(-slope));
    _mm512_div_ps(x, _mm512_add_ps(one, exp(inner)))
}

/// `e^x` within 2 units in the last place: `2^n * e^r` with `n = round(x / ln 2)` and
/// `|r| <= ln(2) / 2`, where eight terms of the series are enough.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn exp(x: __m512) -> __m512 {
    // Beyond these the result is infinite or 0; a NaN passes both, being the second operand.
    let x = _mm512_min_ps(_mm512_set1_ps(90.0), x);
    let x = _mm512_max_ps(_mm512_set1_ps(-110.0), x);
    let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
        _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E)),
    );
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(series::LN_2_HIGH), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(series::LN_2_LOW), r);
    let mut sum = _mm512_set1_ps(series::EXP[0]);
    for term in &series::EXP[1..] {
        sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(*term));
    }
    _mm512_scalef_ps(sum, n)
}

/// See [`crate::scalar::softcap`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn softcap(x: &mut [f32], cap: f32, factor: f32) {
    let (inverse, scale) = (_mm512_set1_ps(1.0 / cap), _mm512_set1_ps(factor * cap));
    let (chunks, tail) = x.as_chunks_mut::<16>();
    for x in chunks {
        let capped = tanh(_mm512_mul_ps(load_f32(x), inverse));
        store_f32(x, _mm512_mul_ps(capped, scale));
    }
    let capped = tanh(_mm512_mul_ps(load_f32_tail(tail), inverse));
    store_f32_tail(tail, _mm512_mul_ps(capped, scale));
}

/// `1 - 2 / (e^2y + 1)`; near 0, where that would lose bits, the series.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn tanh(y: __m512) -> __m512 {
    let (one, two) = (_mm512_set1_ps(1.0), _mm512_set1_ps(2.0));
    let power = exp(_mm512_mul_ps(y, two));
    let far = _mm512_sub_ps(one, _mm512_div_ps(two, _mm512_add_ps(power, one)));
    let square = _mm512_mul_ps(y, y);
    let mut sum = _mm512_set1_ps(series::TANH[0]);
    for term in &series::TANH[1..] {
        sum = _mm512_fmadd_ps(sum, square, _mm512_set1_ps(*term));
    }
    let near = _mm512_mul_ps(sum, y);
    let small =
        _mm512_cmp_ps_mask::<_CMP_LT_OQ>(_mm512_abs_ps(y), _mm512_set1_ps(series::TANH_SMALL));
    _mm512_mask_blend_ps(small, far, near)
}
