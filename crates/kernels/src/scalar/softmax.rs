//! The softmax of attention, some keys at a time.

use super::MAX_K;

/// A row's softmax over the keys so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    /// Weights are relative to this: no score so far was larger.
    pub(crate) max: f32,
    /// What weights of before the last call must be multiplied by.
    pub(crate) factor: f32,
    /// Sums of the weights of keys `i`, `i + 16`, ...
    pub(crate) sums: [f32; 16],
}

impl Running {
    /// No keys yet. The maximum is finite, so that a score of minus infinity has the weight 0.
    pub(crate) const EMPTY: Self = Self { max: f32::MIN, factor: 1.0, sums: [0.0; 16] };
}

/// Turns the scores of some keys into weights, `2^(score - max)`.
///
/// Shapes: `scores` and `rows` are `[n_rows]`.
pub(crate) fn soften(scores: &mut [[f32; MAX_K]], rows: &mut [Running]) {
    for (scores, row) in scores.iter_mut().zip(rows) {
        let largest = scores.iter().copied().fold(row.max, f32::max);
        row.factor = (row.max - largest).exp2();
        row.max = largest;
        row.sums.iter_mut().for_each(|sum| *sum *= row.factor);
        for (i, score) in scores.iter_mut().enumerate() {
            *score = (*score - largest).exp2();
            row.sums[i % 16] += *score;
        }
    }
}

/// `(code - zero) * scale`: exact, as neither factor has many bits.
///
/// Shapes: `codes` is `[n_rows, 32]`, `scales` is `[n_rows]`; the rows of `out` are `width` long,
/// of which 32 columns from `first_col` on are written.
pub(crate) fn widen_codes(
    (codes, zero): (&[[u8; 32]], u8),
    scales: &[f32],
    out: &mut [f32],
    (width, first_col): (usize, usize),
) {
    for ((codes, scale), out) in codes.iter().zip(scales).zip(out.chunks_exact_mut(width)) {
        for (out, &code) in out[first_col..].iter_mut().zip(codes) {
            *out = (f32::from(code) - f32::from(zero)) * scale;
        }
    }
}
