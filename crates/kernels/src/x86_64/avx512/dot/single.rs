//! One token: memory is the limit.
//!
//! The CPU follows a row's bytes by itself, and from one row to the next as well, if nothing else
//! comes between them. So rows that are multiplied together are not neighbours: the matrix is cut
//! into as many parts, and each place of a block walks through its part in one stream.

use std::arch::x86_64::*;
use std::array;

use super::{F32, load_weights, load_weights_tail};
use crate::matmul::FloatBand;
use crate::x86_64::avx512::mem::{load_f32, load_f32_tail};
use crate::x86_64::{LINE, prefetch};

/// Rows of a block: fewer wait for their own additions.
const ROWS: usize = 4;
/// Rows of a block where activations are long: they come from the second cache level then, and
/// once for so many rows.
const LONG_ROWS: usize = 8;
/// Activations of so many bytes stay in the first cache level beside the weights.
const SHORT_BYTES: usize = 16 << 10;
/// How far ahead of the products each row is asked for, in bytes. A CPU that is shared looks less
/// far by itself.
const AHEAD: usize = 1024;

/// Multiplies a band with its one token.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_rows<const TY: u8>(band: &mut FloatBand<'_, '_>) {
    if size_of_val(band.x) <= SHORT_BYTES {
        mul_blocks::<TY, ROWS>(band);
    } else {
        mul_blocks::<TY, LONG_ROWS>(band);
    }
}

/// The same, `R` rows at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_blocks<const TY: u8, const R: usize>(band: &mut FloatBand<'_, '_>) {
    for block in row_blocks::<R>(band.weights.n_rows()) {
        let mut rows: [&[u8]; R] = [&[]; R];
        for (row, row_idx) in rows.iter_mut().zip(block) {
            *row = band.weights.row(row_idx);
        }
        for (sum, row_idx) in dots::<TY, R>(rows, band.x).into_iter().zip(block) {
            band.out[0][row_idx] = _mm512_reduce_add_ps(sum);
        }
    }
}

/// Rows that are multiplied together: the next one of each `R`th part. Some blocks hold a row again
/// that another one holds.
fn row_blocks<const R: usize>(n_rows: usize) -> impl Iterator<Item = [usize; R]> {
    let part = n_rows.div_ceil(R);
    (0..part).map(move |i| array::from_fn(|lane| (lane * part + i).min(n_rows - 1)))
}

/// Each row's partial sums.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn dots<const TY: u8, const R: usize>(rows: [&[u8]; R], x: &[f32]) -> [__m512; R] {
    let chunk_bytes = if TY == F32 { 64 } else { 32 };
    let (chunks, tail) = x.as_chunks::<16>();
    let mut sums = [_mm512_setzero_ps(); R];
    for (chunk_idx, x) in chunks.iter().enumerate() {
        let offset = chunk_idx * chunk_bytes;
        if offset.is_multiple_of(LINE) {
            for row in rows {
                prefetch(row.as_ptr().wrapping_add(offset + AHEAD), LINE);
            }
        }
        let x = load_f32(x);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = _mm512_fmadd_ps(load_weights::<TY>(row, chunk_idx), x, *sum);
        }
    }
    if !tail.is_empty() {
        let x = load_f32_tail(tail);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = _mm512_fmadd_ps(load_weights_tail::<TY>(row), x, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_every_row() {
        for n_rows in [0, 1, 4, 5, 16, 17, 18] {
            let mut met: Vec<_> = row_blocks::<4>(n_rows).flatten().collect();
            met.sort_unstable();
            met.dedup();
            assert_eq!(met, Vec::from_iter(0..n_rows));
        }
    }
}
