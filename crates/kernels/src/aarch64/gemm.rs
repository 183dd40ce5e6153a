//! Small products of float matrices, for attention.
//!
//! Six rows of `a` by four vectors of `b` keep 24 vectors of sums in registers. What is stored in
//! 16 bits is widened as it is loaded.

use std::arch::aarch64::*;

use super::mem::{load_bf16, load_f16, load_f32, store_f32};
use crate::scalar::{FloatRows, MAX_K};

/// Most rows of a block.
const MAX_ROWS: usize = 6;
/// Columns of a block: four vectors.
const COLS: usize = 16;

/// See [`crate::scalar::gemm`]; here multiplications are fused with their additions.
#[target_feature(enable = "neon")]
pub(crate) fn gemm(n: usize, a: &[[f32; MAX_K]], b: FloatRows<'_>, c: &mut [f32]) {
    match b {
        FloatRows::F32(b) => multiply(n, a, b, c, |b| load_f32(b)),
        FloatRows::F16(b) => multiply(n, a, b, c, |b| load_f16(b)),
        FloatRows::BF16(b) => multiply(n, a, b, c, |b| load_bf16(b)),
    }
}

#[target_feature(enable = "neon")]
fn multiply<T>(
    n: usize,
    a: &[[f32; MAX_K]],
    b: &[T],
    c: &mut [f32],
    load: impl Fn(&[T; 4]) -> float32x4_t + Copy,
) {
    let n_rows = c.len() / n;
    for (block_idx, c) in c.chunks_mut(MAX_ROWS * n).enumerate() {
        let product = Product { n, a, n_rows, first_row: block_idx * MAX_ROWS, b, load };
        for first_col in (0..n).step_by(COLS) {
            match c.len() / n {
                1 => product.mul_block::<1>(c, first_col),
                2 => product.mul_block::<2>(c, first_col),
                3 => product.mul_block::<3>(c, first_col),
                4 => product.mul_block::<4>(c, first_col),
                5 => product.mul_block::<5>(c, first_col),
                _ => product.mul_block::<MAX_ROWS>(c, first_col),
            }
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

impl<T, L: Fn(&[T; 4]) -> float32x4_t + Copy> Product<'_, T, L> {
    /// `ROWS` rows by 16 columns.
    #[target_feature(enable = "neon")]
    fn mul_block<const ROWS: usize>(&self, c: &mut [f32], first_col: usize) {
        let n = self.n;
        let mut sums = [[vdupq_n_f32(0.0); COLS / 4]; ROWS];
        for (sums, c) in sums.iter_mut().zip(c.chunks_exact(n)) {
            for (sum, c) in sums.iter_mut().zip(c[first_col..].as_chunks().0) {
                *sum = load_f32(c);
            }
        }
        let steps = self.a.chunks_exact(self.n_rows).zip(self.b.chunks(MAX_K * n));
        for (a, b) in steps {
            let a: &[[f32; MAX_K]; ROWS] = &a[self.first_row..].as_chunks().0[0];
            for i in 0..(b.len() / n).min(MAX_K) {
                let b = b[i * n + first_col..][..COLS].as_chunks().0;
                let mut columns = [vdupq_n_f32(0.0); COLS / 4];
                for (column, b) in columns.iter_mut().zip(b) {
                    *column = (self.load)(b);
                }
                for (sums, row) in sums.iter_mut().zip(a) {
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = vfmaq_n_f32(*sum, column, row[i]);
                    }
                }
            }
        }
        for (sums, c) in sums.iter().zip(c.chunks_exact_mut(n)) {
            for (sum, c) in sums.iter().zip(c[first_col..].as_chunks_mut().0) {
                store_f32(c, *sum);
            }
        }
    }
}
