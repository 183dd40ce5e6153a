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
pub(crate) fn gemm(n: usize, a: &[[f32; MAX_K]], b: FloatRows<'_>, c: &mut [f32]) {
    match b {
        FloatRows::F32(b) => multiply(n, a, b, c, |b| load_f32(b)),
        FloatRows::F16(b) => multiply(n, a, b, c, |b| load_f16(b)),
        FloatRows::BF16(b) => multiply(n, a, b, c, |b| load_bf16(b)),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn multiply<T>(
    n: usize,
    a: &[[f32; MAX_K]],
    b: &[T],
    c: &mut [f32],
    load: impl Fn(&[T; 8]) -> __m256 + Copy,
) {
    let n_rows = c.len() / n;
    for (block_idx, c) in c.chunks_mut(MAX_ROWS * n).enumerate() {
        let product = Product { n, a, n_rows, first_row: block_idx * MAX_ROWS, b, load };
        match c.len() / n {
            1 => product.mul_rows::<1>(c),
            2 => product.mul_rows::<2>(c),
            3 => product.mul_rows::<3>(c),
            4 => product.mul_rows::<4>(c),
            5 => product.mul_rows::<5>(c),
            _ => product.mul_rows::<MAX_ROWS>(c),
        }
    }
}

/// Some rows of a product.
struct Product<'a, T, L> {
    n: usize,
    /// `[n_steps, n_rows]`.
    a: &'a [[f32; MAX_K]],
    n_rows: usize,
    first_row: usize,
    /// `[k, n]`.
    b: &'a [T],
    load: L,
}

impl<T, L: Fn(&[T; 8]) -> __m256 + Copy> Product<'_, T, L> {
    /// All columns of `ROWS` rows.
    #[target_feature(enable = "avx2,fma,f16c")]
    fn mul_rows<const ROWS: usize>(&self, c: &mut [f32]) {
        for first_col in (0..self.n).step_by(16) {
            self.mul_block::<ROWS, 2>(c, first_col);
        }
    }

    /// `ROWS` rows by `VECS` vectors of columns.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn mul_block<const ROWS: usize, const VECS: usize>(&self, c: &mut [f32], first_col: usize) {
        let n = self.n;
        let mut sums = [[_mm256_setzero_ps(); VECS]; ROWS];
        for (sums, c) in sums.iter_mut().zip(c.chunks_exact(n)) {
            let c: &[[f32; 8]; VECS] = &c[first_col..].as_chunks().0.as_chunks().0[0];
            for (sum, c) in sums.iter_mut().zip(c) {
                *sum = load_f32(c);
            }
        }
        let steps = self.a.chunks_exact(self.n_rows).zip(self.b.chunks(MAX_K * n));
        for (a, b) in steps {
            let a: &[[f32; MAX_K]; ROWS] = &a[self.first_row..].as_chunks().0[0];
            for i in 0..(b.len() / n).min(MAX_K) {
                let b = b[i * n + first_col..][..8 * VECS].as_chunks::<8>().0;
                let mut columns = [_mm256_setzero_ps(); VECS];
                for (column, b) in columns.iter_mut().zip(b) {
                    *column = (self.load)(b);
                }
                for (sums, row) in sums.iter_mut().zip(a) {
                    let a = _mm256_set1_ps(row[i]);
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = _mm256_fmadd_ps(a, column, *sum);
                    }
                }
            }
        }
        for (sums, c) in sums.iter().zip(c.chunks_exact_mut(n)) {
            let c = &mut c[first_col..].as_chunks_mut().0.as_chunks_mut().0[0];
            let c: &mut [[f32; 8]; VECS] = c;
            for (sum, c) in sums.iter().zip(c) {
                store_f32(c, *sum);
            }
        }
    }
}
