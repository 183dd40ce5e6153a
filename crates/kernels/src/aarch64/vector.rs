//! Operations on plain vectors of floats.

use std::arch::aarch64::*;

use super::mem::{load_f32, load_f32_tail, store_f32, store_f32_tail};
use crate::scalar::Sigmoid;
use crate::series;

/// See [`crate::scalar::exp_sum`].
#[target_feature(enable = "neon")]
pub(crate) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let max = vdupq_n_f32(max);
    let (chunks, tail) = x.as_chunks_mut::<4>();
    let mut sum = vdupq_n_f32(0.0);
    for x in chunks {
        let y = exp(vsubq_f32(load_f32(x), max));
        store_f32(x, y);
        sum = vaddq_f32(sum, y);
    }
    let y = exp(vsubq_f32(load_f32_tail(tail), max));
    store_f32_tail(tail, y);
    // Lanes beyond the tail were 0, not absent: only what was stored counts.
    vaddvq_f32(vaddq_f32(sum, load_f32_tail(tail)))
}

/// See [`crate::scalar::gate`].
#[target_feature(enable = "neon")]
pub(crate) fn gate(x: &mut [f32], y: Option<&[f32]>, sigmoid: Sigmoid) {
    each(x, |x| gate_lanes(x, sigmoid));
    for (x, y) in x.iter_mut().zip(y.unwrap_or_default()) {
        *x *= y;
    }
}

/// See [`crate::scalar::softcap`].
#[target_feature(enable = "neon")]
pub(crate) fn softcap(x: &mut [f32], cap: f32, factor: f32) {
    let (inverse, scale) = (1.0 / cap, factor * cap);
    each(x, |x| vmulq_n_f32(tanh(vmulq_n_f32(x, inverse)), scale));
}

/// Replaces all elements.
#[target_feature(enable = "neon")]
#[inline]
fn each(x: &mut [f32], f: impl Fn(float32x4_t) -> float32x4_t) {
    let (chunks, tail) = x.as_chunks_mut::<4>();
    for x in chunks {
        let y = f(load_f32(x));
        store_f32(x, y);
    }
    let y = f(load_f32_tail(tail));
    store_f32_tail(tail, y);
}

#[target_feature(enable = "neon")]
#[inline]
fn gate_lanes(x: float32x4_t, Sigmoid { slope, cubic }: Sigmoid) -> float32x4_t {
    let one = vdupq_n_f32(1.0);
    let square = vmulq_f32(x, x);
    let inner = vmulq_f32(x, vfmaq_n_f32(one, square, cubic));
    vdivq_f32(x, vaddq_f32(one, exp(vmulq_n_f32(inner, -slope))))
}

/// `e^x` within 2 units in the last place: `2^n * e^r` with `n = round(x / ln 2)`.
#[target_feature(enable = "neon")]
#[inline]
fn exp(x: float32x4_t) -> float32x4_t {
    // Beyond these the result is infinite or 0; a NaN passes both.
    let x = vminq_f32(vdupq_n_f32(90.0), x);
    let x = vmaxq_f32(vdupq_n_f32(-110.0), x);
    let n = vrndnq_f32(vmulq_n_f32(x, std::f32::consts::LOG2_E));
    let r = vfmsq_n_f32(x, n, series::LN_2_HIGH);
    let r = vfmsq_n_f32(r, n, series::LN_2_LOW);
    times_power_of_two(polynomial(&series::EXP, r), n)
}

/// `2^x` within 2 units in the last place, for `x` up to 127: `2^n * 2^r` with `n = round(x)`.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn exp2(x: float32x4_t) -> float32x4_t {
    // Below this the result is 0; a NaN passes.
    let x = vmaxq_f32(vdupq_n_f32(-160.0), x);
    let n = vrndnq_f32(x);
    times_power_of_two(polynomial(&series::EXP2, vsubq_f32(x, n)), n)
}

/// `1 - 2 / (e^2y + 1)`; near 0, where that would lose bits, the series.
#[target_feature(enable = "neon")]
#[inline]
fn tanh(y: float32x4_t) -> float32x4_t {
    let (one, two) = (vdupq_n_f32(1.0), vdupq_n_f32(2.0));
    let power = exp(vmulq_f32(y, two));
    let far = vsubq_f32(one, vdivq_f32(two, vaddq_f32(power, one)));
    let near = vmulq_f32(polynomial(&series::TANH, vmulq_f32(y, y)), y);
    vbslq_f32(vcaltq_f32(y, vdupq_n_f32(series::TANH_SMALL)), near, far)
}

/// The polynomial of these coefficients, highest power first.
#[target_feature(enable = "neon")]
#[inline]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: float32x4_t) -> float32x4_t {
    let mut sum = vdupq_n_f32(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = vfmaq_f32(vdupq_n_f32(*coefficient), sum, x);
    }
    sum
}

/// `x * 2^n` for whole `n`.
#[target_feature(enable = "neon")]
#[inline]
fn times_power_of_two(x: float32x4_t, n: float32x4_t) -> float32x4_t {
    // In two steps, as 2^n may be beyond the range of normal numbers where the result is not.
    let n = vcvtq_s32_f32(n);
    let half = vshrq_n_s32::<1>(n);
    let power = |n| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))));
    vmulq_f32(vmulq_f32(x, power(half)), power(vsubq_s32(n, half)))
}
