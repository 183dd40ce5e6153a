//! Small products of float matrices, for attention.
//!
//! Six rows of `a` by two vectors of `b` keep 12 vectors of sums in registers; an element of
//! `a` comes as broadcast memory operand.

use std::arch::x86_64::*;

use super::mem::{load_f32, store_f32};
use super::transpose::transpose_16x16;
use crate::scalar::MAX_K;

/// Most rows of a block.
const MAX_ROWS: usize = 6;

/// See [`crate::scalar::gemm`]; here multiplications are fused with their additions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn gemm(k: usize, n: usize, a: &[[f32; MAX_K]], b: &[f32], c: &mut [f32]) {
    for (a, c) in a.chunks(MAX_ROWS).zip(c.chunks_mut(MAX_ROWS * n)) {
        macro_rules! block {
            ($($rows:literal)*) => {
                match a.len() {
                    $($rows => mul_rows::<$rows>(k, n, &a.as_chunks().0[0], b, c),)*
                    _ => {}
                }
            };
        }
        block!(1 2 3 4 5 6);
    }
}

/// All columns of `ROWS` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_rows<const ROWS: usize>(
    k: usize,
    n: usize,
    a: &[[f32; MAX_K]; ROWS],
    b: &[f32],
    c: &mut [f32],
) {
    let n_pairs = n / 32;
    for pair_idx in 0..n_pairs {
        mul_block::<ROWS, 2>((k, n), a, b, c, 32 * pair_idx);
    }
    if !n.is_multiple_of(32) {
        mul_block::<ROWS, 1>((k, n), a, b, c, 32 * n_pairs);
    }
}

/// `ROWS` rows by `VECS` vectors of columns.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn mul_block<const ROWS: usize, const VECS: usize>(
    (k, n): (usize, usize),
    a: &[[f32; MAX_K]; ROWS],
    b: &[f32],
    c: &mut [f32],
    first_col: usize,
) {
    let mut sums = [[_mm512_setzero_ps(); VECS]; ROWS];
    for (sums, c) in sums.iter_mut().zip(c.chunks_exact(n)) {
        let c = c[first_col..].as_chunks::<16>().0;
        for (sum, c) in sums.iter_mut().zip(c) {
            *sum = load_f32(c);
        }
    }
    for i in 0..k.min(MAX_K) {
        let b = b[i * n + first_col..][..16 * VECS].as_chunks::<16>().0;
        let mut columns = [_mm512_setzero_ps(); VECS];
        for (column, b) in columns.iter_mut().zip(b) {
            *column = load_f32(b);
        }
        for (sums, row) in sums.iter_mut().zip(a) {
            let a = _mm512_set1_ps(row[i]);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = _mm512_fmadd_ps(a, column, *sum);
            }
        }
    }
    for (sums, c) in sums.into_iter().zip(c.chunks_exact_mut(n)) {
        let c = c[first_col..].as_chunks_mut::<16>().0;
        for (sum, c) in sums.into_iter().zip(c) {
            store_f32(c, sum);
        }
    }
}

/// See [`crate::scalar::transpose`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn transpose(n_cols: usize, x: &[f32], out: &mut [f32]) {
    let n_rows = x.len() / n_cols;
    for first_row in (0..n_rows).step_by(16) {
        for first_col in (0..n_cols).step_by(16) {
            let mut block = [_mm512_setzero_si512(); 16];
            for (i, block) in block.iter_mut().enumerate() {
                let row = &x[(first_row + i) * n_cols + first_col..];
                *block = _mm512_castps_si512(load_f32(&row.as_chunks().0[0]));
            }
            for (j, column) in transpose_16x16(block).into_iter().enumerate() {
                let out = &mut out[(first_col + j) * n_rows + first_row..];
                store_f32(&mut out.as_chunks_mut().0[0], _mm512_castsi512_ps(column));
            }
        }
    }
}
