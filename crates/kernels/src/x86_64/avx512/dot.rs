//! Products with float weights.
//!
//! A block of 4 rows by up to 6 tokens keeps 24 vectors of partial sums in registers; each vector
//! of weights or activations is loaded once per block. One token has a form of its own.

mod single;

use std::arch::x86_64::*;

use super::mem::{load_f32, load_f32_tail, load_u8, load_u8x32};
use crate::block::FloatType;
use crate::matmul::FloatBand;
use crate::x86_64::prefetch;

/// Rows of a block.
const ROWS: usize = 4;
/// Most tokens of a block.
const TOKENS: usize = 6;
/// Bytes of weights that all tokens meet before the next: with six tokens' activations they fit
/// the second cache level, so that activations come from beyond it once for that many rows.
const CACHED_BYTES: usize = 512 << 10;

// A const parameter cannot be an enum yet.
const F32: u8 = FloatType::F32 as u8;
const F16: u8 = FloatType::F16 as u8;
const BF16: u8 = FloatType::BF16 as u8;

/// See [`crate::scalar::mul_band`]; here multiplications are fused with their additions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_band(ty: FloatType, band: &mut FloatBand<'_, '_>) {
    match ty {
        FloatType::F32 => mul_rows::<F32>(band),
        FloatType::F16 => mul_rows::<F16>(band),
        FloatType::BF16 => mul_rows::<BF16>(band),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_rows<const TY: u8>(band: &mut FloatBand<'_, '_>) {
    let weights = band.weights;
    let n_cols = weights.n_cols();
    let n_tokens = band.out.len();
    if n_tokens == 1 {
        return single::mul_rows::<TY>(band);
    }
    // Rows that stay in the second cache level while all tokens pass.
    let n_cached = (CACHED_BYTES / weights.row_bytes().max(1)).next_multiple_of(ROWS).max(ROWS);
    for first_cached in (0..weights.n_rows()).step_by(n_cached) {
        let last_cached = weights.n_rows().min(first_cached + n_cached);
        for first in (0..n_tokens).step_by(TOKENS) {
            let last = n_tokens.min(first + TOKENS);
            let x = &band.x[first * n_cols..last * n_cols];
            let out = &mut band.out[first..last];
            for first_row in (first_cached..last_cached).step_by(ROWS) {
                // Beyond the last row, repeat it and drop the result.
                let mut rows: [&[u8]; ROWS] = [&[]; ROWS];
                for (lane, row) in rows.iter_mut().enumerate() {
                    *row = weights.row((first_row + lane).min(weights.n_rows() - 1));
                }
                // Only the first tokens find the rows outside the cache.
                let next = (first_row + ROWS) * weights.row_bytes();
                let ahead = if first == 0 { band.ahead.get(next..) } else { None };
                let rows = &Block { rows, ahead: ahead.unwrap_or_default(), first_row };
                match last - first {
                    1 => mul_block::<TY, 1>(rows, x, out),
                    2 => mul_block::<TY, 2>(rows, x, out),
                    3 => mul_block::<TY, 3>(rows, x, out),
                    4 => mul_block::<TY, 4>(rows, x, out),
                    5 => mul_block::<TY, 5>(rows, x, out),
                    _ => mul_block::<TY, TOKENS>(rows, x, out),
                }
            }
        }
    }
}

/// Rows that are multiplied together.
struct Block<'a> {
    rows: [&'a [u8]; ROWS],
    /// What will be read next, if anything.
    ahead: &'a [u8],
    first_row: usize,
}

/// Multiplies 4 rows with the `N` tokens of `x`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_block<const TY: u8, const N: usize>(
    &Block { rows, ahead, first_row }: &Block<'_>,
    x: &[f32],
    out: &mut [&mut [f32]],
) {
    let n_cols = x.len() / N;
    let n_chunks = n_cols / 16;
    let mut tokens: [(&[[f32; 16]], &[f32]); N] = [(&[], &[]); N];
    for (token, x) in tokens.iter_mut().zip(x.chunks_exact(n_cols)) {
        *token = x.as_chunks::<16>();
    }
    let mut sums = [[_mm512_setzero_ps(); ROWS]; N];
    let step_bytes = if TY == F32 { ROWS * 64 } else { ROWS * 32 };
    let mut ahead = ahead.chunks(step_bytes);
    for chunk_idx in 0..n_chunks {
        if let Some(bytes) = ahead.next() {
            prefetch(bytes.as_ptr(), bytes.len());
        }
        let mut w = [_mm512_setzero_ps(); ROWS];
        for (w, row) in w.iter_mut().zip(rows) {
            *w = load_weights::<TY>(row, chunk_idx);
        }
        for (sums, (x, _)) in sums.iter_mut().zip(&tokens) {
            let x = load_f32(&x[chunk_idx]);
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = _mm512_fmadd_ps(w, x, *sum);
            }
        }
    }
    if !n_cols.is_multiple_of(16) {
        for (row_idx, row) in rows.iter().enumerate() {
            let w = load_weights_tail::<TY>(row);
            for (sums, (_, tail)) in sums.iter_mut().zip(&tokens) {
                sums[row_idx] = _mm512_fmadd_ps(w, load_f32_tail(tail), sums[row_idx]);
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out[first_row..].iter_mut().zip(sums) {
            *out = _mm512_reduce_add_ps(sum);
        }
    }
}

/// Widens 16 weights of a row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn load_weights<const TY: u8>(row: &[u8], chunk_idx: usize) -> __m512 {
    match TY {
        F32 => _mm512_castsi512_ps(load_u8(&row.as_chunks::<64>().0[chunk_idx])),
        F16 => _mm512_cvtph_ps(load_u8x32(&row.as_chunks::<32>().0[chunk_idx])),
        _ => {
            let wide = _mm512_cvtepu16_epi32(load_u8x32(&row.as_chunks::<32>().0[chunk_idx]));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
}

/// Widens what is left of a row after its last 16 weights, and zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn load_weights_tail<const TY: u8>(row: &[u8]) -> __m512 {
    let chunk_bytes = if TY == F32 { 64 } else { 32 };
    let tail = &row[row.len() / chunk_bytes * chunk_bytes..];
    let mut padded = [0; 64];
    padded[..tail.len()].copy_from_slice(tail);
    load_weights::<TY>(&padded, 0)
}
