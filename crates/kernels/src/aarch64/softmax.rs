//! The softmax of attention, and what its keys and values are widened with.

use std::arch::aarch64::*;

use super::mem::{load_bf16, load_f16, load_f32, load_u8, store_f32};
use super::vector::exp2;
use crate::scalar::{FloatRows, MAX_K, Running};

/// See [`crate::scalar::soften`].
#[target_feature(enable = "neon")]
pub(crate) fn soften(scores: &mut [[f32; MAX_K]], rows: &mut [Running]) {
    for (scores, row) in scores.iter_mut().zip(rows) {
        raise_max(scores, row);
        let max = vdupq_n_f32(row.max);
        for scores in scores.as_chunks_mut::<16>().0 {
            let sums = row.sums.as_chunks_mut().0.iter_mut();
            for (scores, sums) in scores.as_chunks_mut().0.iter_mut().zip(sums) {
                let weights = exp2(vsubq_f32(load_f32(scores), max));
                store_f32(scores, weights);
                let sum = vaddq_f32(load_f32(sums), weights);
                store_f32(sums, sum);
            }
        }
    }
}

/// Makes the maximum that of the new scores too, where it is larger.
#[target_feature(enable = "neon")]
#[inline]
fn raise_max(scores: &[f32; MAX_K], row: &mut Running) {
    let mut largest = vdupq_n_f32(row.max);
    for scores in scores.as_chunks().0 {
        // Of a number and a NaN, the number.
        largest = vmaxnmq_f32(largest, load_f32(scores));
    }
    let largest = vmaxnmvq_f32(largest);
    row.factor = 1.0;
    // Seldom: most keys are not the best so far.
    if largest > row.max {
        row.factor = (row.max - largest).exp2();
        row.max = largest;
        row.sums.iter_mut().for_each(|sum| *sum *= row.factor);
    }
}

/// See [`crate::scalar::widen`].
#[target_feature(enable = "neon")]
pub(crate) fn widen(x: FloatRows<'_>, out: &mut [f32]) {
    match x {
        FloatRows::F32(x) => out.copy_from_slice(x),
        FloatRows::F16(x) => each(x, out, |x| load_f16(x)),
        FloatRows::BF16(x) => each(x, out, |x| load_bf16(x)),
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn each<T: Copy + Into<f32>>(x: &[T], out: &mut [f32], load: impl Fn(&[T; 4]) -> float32x4_t) {
    let (x_chunks, x_tail) = x.as_chunks::<4>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<4>();
    for (x, out) in x_chunks.iter().zip(out_chunks) {
        store_f32(out, load(x));
    }
    for (&x, out) in x_tail.iter().zip(out_tail) {
        *out = x.into();
    }
}

/// See [`crate::scalar::widen_codes`].
#[target_feature(enable = "neon")]
pub(crate) fn widen_codes(
    (codes, zero): (&[[u8; 32]], u8),
    scales: &[f32],
    out: &mut [f32],
    (width, first_col): (usize, usize),
) {
    let zero = vdup_n_u8(zero);
    for ((codes, &scale), out) in codes.iter().zip(scales).zip(out.chunks_exact_mut(width)) {
        let out = out[first_col..].as_chunks_mut::<16>().0;
        for (codes, out) in codes.as_chunks().0.iter().zip(out) {
            let codes = load_u8(codes);
            // A difference below 0 wraps, and is right again as a signed number.
            let low = vreinterpretq_s16_u16(vsubl_u8(vget_low_u8(codes), zero));
            let high = vreinterpretq_s16_u16(vsubl_u8(vget_high_u8(codes), zero));
            let quads = [
                vmovl_s16(vget_low_s16(low)),
                vmovl_high_s16(low),
                vmovl_s16(vget_low_s16(high)),
                vmovl_high_s16(high),
            ];
            for (quad, out) in quads.into_iter().zip(out.as_chunks_mut().0) {
                store_f32(out, vmulq_n_f32(vcvtq_f32_s32(quad), scale));
            }
        }
    }
}
