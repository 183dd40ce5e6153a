//! Operations on plain vectors of floats.

/// Dot product of two vectors of the same length, in 16 partial sums.
pub(crate) fn dot_f32(x: &[f32], y: &[f32]) -> f32 {
    super::dot::dot(x.iter().copied(), y)
}

/// `x = exp(x - max)`; returns the sum.
pub(crate) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let mut sum = 0.0;
    for x in x {
        *x = (*x - max).exp();
        sum += *x;
    }
    sum
}

/// `x = x * sigmoid(slope * (x + cubic * x^3))`, then `x *= y` where there is a `y`.
pub(crate) fn gate(x: &mut [f32], y: Option<&[f32]>, Sigmoid { slope, cubic }: Sigmoid) {
    for x in x.iter_mut() {
        let inner = slope * (*x + cubic * *x * *x * *x);
        *x /= 1.0 + (-inner).exp();
    }
    if let Some(y) = y {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    }
}

/// The shape of a smooth gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sigmoid {
    pub(crate) slope: f32,
    pub(crate) cubic: f32,
}

/// `x = factor * cap * tanh(x / cap)`.
pub(crate) fn softcap(x: &mut [f32], cap: f32, factor: f32) {
    for x in x {
        *x = factor * cap * (*x / cap).tanh();
    }
}
