//! Operations on plain vectors of floats.

use half::f16;

/// Dot product of two vectors of the same length, in 16 partial sums.
pub(crate) fn dot_f32(x: &[f32], y: &[f32]) -> f32 {
    super::dot::dot(x.iter().copied(), y)
}

/// `y += a * x`.
pub(crate) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Widens, exactly.
pub(crate) fn f16_to_f32(x: &[f16], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = x.to_f32();
    }
}
