//! Products with float weights.
//!
//! A block of 2 rows by 2 tokens keeps its sums, two vectors each, in registers.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_u8, load_u8x16};
use crate::block::FloatType;
use crate::matmul::FloatBand;

/// Rows of a block.
const ROWS: usize = 2;
/// Most tokens of a block.
const TOKENS: usize = 2;

// A const parameter cannot be an enum yet.
const F32: u8 = FloatType::F32 as u8;
const F16: u8 = FloatType::F16 as u8;
const BF16: u8 = FloatType::BF16 as u8;

/// Sixteen partial sums.
type Lanes = [__m256; 2];

/// See [`crate::scalar::dot_f32`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn dot_f32(x: &[f32], y: &[f32]) -> f32 {
    let (x_chunks, x_tail) = x.as_chunks::<16>();
    let (y_chunks, y_tail) = y.as_chunks::<16>();
    let mut sum = [_mm256_setzero_ps(); 2];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        multiply_add(&mut sum, load_lanes(x), load_lanes(y));
    }
    multiply_add(&mut sum, load_lanes(&pad(x_tail)), load_lanes(&pad(y_tail)));
    add_lanes(sum)
}

/// See [`crate::scalar::mul_band`]; here multiplications are fused with their additions.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn mul_band(ty: FloatType, band: &mut FloatBand<'_, '_>) {
    match ty {
        FloatType::F32 => mul_rows::<F32>(band),
        FloatType::F16 => mul_rows::<F16>(band),
        FloatType::BF16 => mul_rows::<BF16>(band),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn mul_rows<const TY: u8>(band: &mut FloatBand<'_, '_>) {
    let weights = band.weights;
    let n_cols = weights.n_cols();
    let n_tokens = band.out.len();
    for first_row in (0..weights.n_rows()).step_by(ROWS) {
        // Beyond the last row, repeat it and drop the result.
        let mut rows: [&[u8]; ROWS] = [&[]; ROWS];
        for (lane, row) in rows.iter_mut().enumerate() {
            *row = weights.row((first_row + lane).min(weights.n_rows() - 1));
        }
        for first in (0..n_tokens).step_by(TOKENS) {
            let last = n_tokens.min(first + TOKENS);
            let x = &band.x[first * n_cols..last * n_cols];
            let out = &mut band.out[first..last];
            match last - first {
                1 => mul_block::<TY, 1>(&rows, x, first_row, out),
                _ => mul_block::<TY, TOKENS>(&rows, x, first_row, out),
            }
        }
    }
}

/// Multiplies 2 rows with the `N` tokens of `x`.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_block<const TY: u8, const N: usize>(
    rows: &[&[u8]; ROWS],
    x: &[f32],
    first_row: usize,
    out: &mut [&mut [f32]],
) {
    let n_cols = x.len() / N;
    let mut tokens: [(&[[f32; 16]], &[f32]); N] = [(&[], &[]); N];
    for (token, x) in tokens.iter_mut().zip(x.chunks_exact(n_cols)) {
        *token = x.as_chunks::<16>();
    }
    let mut sums = [[[_mm256_setzero_ps(); 2]; ROWS]; N];
    for chunk_idx in 0..n_cols / 16 {
        for (row_idx, row) in rows.iter().enumerate() {
            let w = load_weights::<TY>(row, chunk_idx);
            for (sums, (x, _)) in sums.iter_mut().zip(&tokens) {
                multiply_add(&mut sums[row_idx], w, load_lanes(&x[chunk_idx]));
            }
        }
    }
    if !n_cols.is_multiple_of(16) {
        for (row_idx, row) in rows.iter().enumerate() {
            let w = load_weights_tail::<TY>(row);
            for (sums, (_, tail)) in sums.iter_mut().zip(&tokens) {
                multiply_add(&mut sums[row_idx], w, load_lanes(&pad(tail)));
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out[first_row..].iter_mut().zip(sums) {
            *out = add_lanes(sum);
        }
    }
}

/// Widens 16 weights of a row.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_weights<const TY: u8>(row: &[u8], chunk_idx: usize) -> Lanes {
    if TY == F32 {
        let bytes = row.as_chunks::<32>().0;
        let halves = [load_u8(&bytes[2 * chunk_idx]), load_u8(&bytes[2 * chunk_idx + 1])];
        return [_mm256_castsi256_ps(halves[0]), _mm256_castsi256_ps(halves[1])];
    }
    let bytes = row.as_chunks::<16>().0;
    let halves = [load_u8x16(&bytes[2 * chunk_idx]), load_u8x16(&bytes[2 * chunk_idx + 1])];
    let mut lanes = [_mm256_setzero_ps(); 2];
    for (lanes, half) in lanes.iter_mut().zip(halves) {
        *lanes = match TY {
            F16 => _mm256_cvtph_ps(half),
            _ => _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half))),
        };
    }
    lanes
}

/// Widens what is left of a row after its last 16 weights, and zeros.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_weights_tail<const TY: u8>(row: &[u8]) -> Lanes {
    let chunk_bytes = if TY == F32 { 64 } else { 32 };
    let tail = &row[row.len() / chunk_bytes * chunk_bytes..];
    let mut padded = [0; 64];
    padded[..tail.len()].copy_from_slice(tail);
    load_weights::<TY>(&padded, 0)
}

/// Up to 15 floats, and zeros.
fn pad(tail: &[f32]) -> [f32; 16] {
    let mut padded = [0.0; 16];
    padded[..tail.len()].copy_from_slice(tail);
    padded
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_lanes(x: &[f32; 16]) -> Lanes {
    let (halves, _) = x.as_chunks::<8>();
    [load_f32(&halves[0]), load_f32(&halves[1])]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn multiply_add(sum: &mut Lanes, x: Lanes, y: Lanes) {
    for ((sum, x), y) in sum.iter_mut().zip(x).zip(y) {
        *sum = _mm256_fmadd_ps(x, y, *sum);
    }
}

/// Adds up as a tree: halves, then quarters, and so on.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_lanes([low, high]: Lanes) -> f32 {
    let eight = _mm256_add_ps(low, high);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
