//! Small products of float matrices, for attention.
//!
//! Six rows of `a` by two vectors of `b` keep 12 vectors of sums in registers; an element of
//! `a` comes as broadcast memory operand. What is stored in 16 bits is widened as it is loaded.

use std::arch::x86_64::*;

use super::mem::{load_bf16, load_f16, load_f32, store_f32};
use crate::scalar::{FloatRows, MAX_K};

/// Most rows of a block.
const MAX_ROWS: usize = 6;

/// See [`crate::scalar::gemm`]; here multiplications are fused with their additions.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn gemm(k: usize, n: usize, a: &[[f32; MAX_K]], b: FloatRows<'_>, c: &mut [f32]) {
    match b {
        FloatRows::F32(b) => multiply((k, n), a, b, c, |b| load_f32(b)),
        FloatRows::F16(b) => multiply((k, n), a, b, c, |b| load_f16(b)),
        FloatRows::BF16(b) => multiply((k, n), a, b, c, |b| load_bf16(b)),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn multiply<T>(
    (k, n): (usize, usize),
    a: &[[f32; MAX_K]],
    b: &[T],
    c: &mut [f32],
    load: impl Fn(&[T; 8]) -> __m256 + Copy,
) {
    for (a, c) in a.chunks(MAX_ROWS).zip(c.chunks_mut(MAX_ROWS * n)) {
        macro_rules! block {
            ($($rows:literal)*) => {
                match a.len() {
                    $($rows => mul_rows::<T, $rows>((k, n), &a.as_chunks().0[0], b, c, load),)*
                    _ => {}
                }
            };
        }
        block!(1 2 3 4 5 6);
    }
}

/// All columns of `ROWS` rows.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_rows<T, const ROWS: usize>(
    (k, n): (usize, usize),
    a: &[[f32; MAX_K]; ROWS],
    b: &[T],
    c: &mut [f32],
    load: impl Fn(&[T; 8]) -> __m256 + Copy,
) {
    for pair_idx in 0..n / 16 {
        mul_block::<T, ROWS, 2>((k, n), a, b, c, 16 * pair_idx, load);
    }
}

/// `ROWS` rows by `VECS` vectors of columns.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn mul_block<T, const ROWS: usize, const VECS: usize>(
    (k, n): (usize, usize),
    a: &[[f32; MAX_K]; ROWS],
    b: &[T],
    c: &mut [f32],
    first_col: usize,
    load: impl Fn(&[T; 8]) -> __m256 + Copy,
) {
    let mut sums = [[_mm256_setzero_ps(); VECS]; ROWS];
    for (sums, c) in sums.iter_mut().zip(c.chunks_exact(n)) {
        let c = c[first_col..].as_chunks::<8>().0;
        for (sum, c) in sums.iter_mut().zip(c) {
            *sum = load_f32(c);
        }
    }
    for i in 0..k.min(MAX_K) {
        let b = b[i * n + first_col..][..8 * VECS].as_chunks::<8>().0;
        let mut columns = [_mm256_setzero_ps(); VECS];
        for (column, b) in columns.iter_mut().zip(b) {
            *column = load(b);
        }
        for (sums, row) in sums.iter_mut().zip(a) {
            let a = _mm256_set1_ps(row[i]);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = _mm256_fmadd_ps(a, column, *sum);
            }
        }
    }
    for (sums, c) in sums.into_iter().zip(c.chunks_exact_mut(n)) {
        let c = c[first_col..].as_chunks_mut::<8>().0;
        for (sum, c) in sums.into_iter().zip(c) {
            store_f32(c, sum);
        }
    }
}
