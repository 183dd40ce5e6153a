//! Products with float weights.
//!
//! A block of 2 rows by 2 tokens keeps its sums, four vectors each, in registers.

use std::arch::aarch64::*;

use super::mem::{load_bf16_bytes, load_f16_bytes, load_f32, load_f32_bytes};
use crate::block::FloatType;
use crate::matmul::FloatBand;

/// Rows of a block.
const ROWS: usize = 2;
/// Most tokens of a block.
const TOKENS: usize = 2;
/// Elements that are multiplied at a time.
const LANES: usize = 16;

/// Sixteen partial sums.
type Lanes = [float32x4_t; LANES / 4];

/// See [`crate::scalar::dot_f32`].
#[target_feature(enable = "neon")]
pub(crate) fn dot_f32(x: &[f32], y: &[f32]) -> f32 {
    let (x_chunks, x_tail) = x.as_chunks();
    let (y_chunks, y_tail) = y.as_chunks();
    let mut sum = [vdupq_n_f32(0.0); LANES / 4];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        multiply_add(&mut sum, load_lanes(x), load_lanes(y));
    }
    multiply_add(&mut sum, load_lanes(&pad(x_tail, 0.0)), load_lanes(&pad(y_tail, 0.0)));
    add_lanes(sum)
}

/// See [`crate::scalar::mul_band`]; here multiplications are fused with their additions.
#[target_feature(enable = "neon")]
pub(crate) fn mul_band(ty: FloatType, band: &mut FloatBand<'_, '_>) {
    match ty {
        FloatType::F32 => mul_rows(band, |w| widen(w, |w| load_f32_bytes(w))),
        FloatType::F16 => mul_rows(band, |w| widen(w, |w| load_f16_bytes(w))),
        FloatType::BF16 => mul_rows(band, |w| widen(w, |w| load_bf16_bytes(w))),
    }
}

/// Widens 16 weights.
#[target_feature(enable = "neon")]
#[inline]
fn widen<const BYTES: usize>(
    weights: &[[u8; BYTES]; LANES],
    load: impl Fn(&[[u8; BYTES]; 4]) -> float32x4_t,
) -> Lanes {
    let mut lanes = [vdupq_n_f32(0.0); LANES / 4];
    for (lanes, weights) in lanes.iter_mut().zip(weights.as_chunks().0) {
        *lanes = load(weights);
    }
    lanes
}

#[target_feature(enable = "neon")]
#[inline]
fn mul_rows<const BYTES: usize>(
    band: &mut FloatBand<'_, '_>,
    load: impl Fn(&[[u8; BYTES]; LANES]) -> Lanes + Copy,
) {
    let weights = band.weights;
    let n_cols = weights.n_cols();
    let n_tokens = band.out.len();
    for first_row in (0..weights.n_rows()).step_by(ROWS) {
        // Beyond the last row, repeat it and drop the result.
        let mut rows: [&[[u8; BYTES]]; ROWS] = [&[]; ROWS];
        for (lane, row) in rows.iter_mut().enumerate() {
            *row = weights.row((first_row + lane).min(weights.n_rows() - 1)).as_chunks().0;
        }
        for first in (0..n_tokens).step_by(TOKENS) {
            let last = n_tokens.min(first + TOKENS);
            let x = &band.x[first * n_cols..last * n_cols];
            let out = &mut band.out[first..last];
            match last - first {
                1 => mul_block::<BYTES, 1>(&rows, x, load, first_row, out),
                _ => mul_block::<BYTES, TOKENS>(&rows, x, load, first_row, out),
            }
        }
    }
}

/// Multiplies 2 rows with the `N` tokens of `x`.
#[target_feature(enable = "neon")]
#[inline]
fn mul_block<const BYTES: usize, const N: usize>(
    rows: &[&[[u8; BYTES]]; ROWS],
    x: &[f32],
    load: impl Fn(&[[u8; BYTES]; LANES]) -> Lanes,
    first_row: usize,
    out: &mut [&mut [f32]],
) {
    let n_cols = x.len() / N;
    let mut tokens: [(&[[f32; LANES]], &[f32]); N] = [(&[], &[]); N];
    for (token, x) in tokens.iter_mut().zip(x.chunks_exact(n_cols)) {
        *token = x.as_chunks();
    }
    let chunks = rows.map(|row| row.as_chunks::<LANES>().0);
    let mut sums = [[[vdupq_n_f32(0.0); LANES / 4]; ROWS]; N];
    for chunk_idx in 0..n_cols / LANES {
        for (row_idx, chunks) in chunks.iter().enumerate() {
            let w = load(&chunks[chunk_idx]);
            for (sums, (x, _)) in sums.iter_mut().zip(&tokens) {
                multiply_add(&mut sums[row_idx], w, load_lanes(&x[chunk_idx]));
            }
        }
    }
    if !n_cols.is_multiple_of(LANES) {
        for (row_idx, row) in rows.iter().enumerate() {
            let w = load(&pad(row.as_chunks::<LANES>().1, [0; BYTES]));
            for (sums, (_, tail)) in sums.iter_mut().zip(&tokens) {
                multiply_add(&mut sums[row_idx], w, load_lanes(&pad(tail, 0.0)));
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out[first_row..].iter_mut().zip(sums) {
            *out = add_lanes(sum);
        }
    }
}

/// Up to 15 elements, and zeros.
fn pad<T: Copy>(tail: &[T], zero: T) -> [T; LANES] {
    let mut padded = [zero; LANES];
    padded[..tail.len()].copy_from_slice(tail);
    padded
}

#[target_feature(enable = "neon")]
#[inline]
fn load_lanes(x: &[f32; LANES]) -> Lanes {
    let mut lanes = [vdupq_n_f32(0.0); LANES / 4];
    for (lanes, x) in lanes.iter_mut().zip(x.as_chunks().0) {
        *lanes = load_f32(x);
    }
    lanes
}

#[target_feature(enable = "neon")]
#[inline]
fn multiply_add(sum: &mut Lanes, x: Lanes, y: Lanes) {
    for ((sum, x), y) in sum.iter_mut().zip(x).zip(y) {
        *sum = vfmaq_f32(*sum, x, y);
    }
}

/// Adds up as a tree: halves, then quarters, and so on.
#[target_feature(enable = "neon")]
#[inline]
fn add_lanes([a, b, c, d]: Lanes) -> f32 {
    let four = vaddq_f32(vaddq_f32(a, c), vaddq_f32(b, d));
    let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
}
