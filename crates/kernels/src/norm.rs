//! Norms of rows.

use crate::table::Kernels;

/// `x / sqrt(mean(x^2) + eps) * weight`, row by row; the mean in f32, in 16 partial sums.
pub(crate) fn rms_norm(
    kernels: &Kernels,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    out: &mut [f32],
) {
    let row_len = weight.len();
    assert_eq!(x.len(), out.len(), "rms_norm: input and output");
    assert!(row_len > 0 && x.len().is_multiple_of(row_len), "rms_norm: rows of {row_len}");
    for (x, out) in x.chunks_exact(row_len).zip(out.chunks_exact_mut(row_len)) {
        let mean = kernels.dot_f32(x, x) / row_len as f32;
        let factor = 1.0 / (mean + eps).sqrt();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * factor * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_unit_mean_square_before_the_weight() {
        let x = [3.0, 4.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let mut out = [0.0; 8];
        rms_norm(Kernels::detect(), &x, &[1.0, 1.0, 2.0, 2.0], 0.0, &mut out);
        let expected = [1.2, 1.6, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        for (out, expected) in out.iter().zip(expected) {
            assert!((out - expected).abs() < 1e-6, "{out} {expected}");
        }
    }

    #[test]
    fn eps_keeps_zero_rows_zero() {
        let mut out = [1.0; 4];
        rms_norm(Kernels::detect(), &[0.0; 4], &[1.0; 4], 1e-5, &mut out);
        assert_eq!(out, [0.0; 4]);
    }
}
