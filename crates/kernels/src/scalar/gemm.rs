//! Small products of float matrices, for attention.

use std::ops::Range;

use half::{bf16, f16};

/// Columns of a step of the left matrix: its rows are of this length, filled or not, so that
/// vector code finds all rows at constant distances.
pub(crate) const MAX_K: usize = 32;

/// `c += a * b`, each element of `c` a sum in the order of `k`.
///
/// Shapes: `a` is `[n_steps, m, MAX_K]`, rows cut into steps of which the last may count less far,
/// `b` is `[k, n]`, `c` is `[m, n]`; `n` is a multiple of 16.
pub(crate) fn gemm(n: usize, a: &[[f32; MAX_K]], b: FloatRows<'_>, c: &mut [f32]) {
    match b {
        FloatRows::F32(b) => multiply(n, a, b, c),
        FloatRows::F16(b) => multiply(n, a, b, c),
        FloatRows::BF16(b) => multiply(n, a, b, c),
    }
}

fn multiply<T: Copy + Into<f32>>(n: usize, a: &[[f32; MAX_K]], b: &[T], c: &mut [f32]) {
    for (a, b) in a.chunks_exact(c.len() / n).zip(b.chunks(MAX_K * n)) {
        for (a, c) in a.iter().zip(c.chunks_exact_mut(n)) {
            for (a, b) in a.iter().zip(b.chunks_exact(n)) {
                for (c, &b) in c.iter_mut().zip(b) {
                    *c += a * b.into();
                }
            }
        }
    }
}

/// Floats as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FloatRows<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    BF16(&'a [bf16]),
}

impl<'a> FloatRows<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::F16(x) => x.len(),
            Self::BF16(x) => x.len(),
        }
    }

    /// Elements of a range.
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::F32(x) => Self::F32(&x[range]),
            Self::F16(x) => Self::F16(&x[range]),
            Self::BF16(x) => Self::BF16(&x[range]),
        }
    }
}

/// Widens, exactly.
pub(crate) fn widen(x: FloatRows<'_>, out: &mut [f32]) {
    fn each<T: Copy + Into<f32>>(x: &[T], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x.into();
        }
    }
    match x {
        FloatRows::F32(x) => out.copy_from_slice(x),
        FloatRows::F16(x) => each(x, out),
        FloatRows::BF16(x) => each(x, out),
    }
}
