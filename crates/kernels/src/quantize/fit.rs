//! Scales of least squared error.

/// Steps tried on either side of the scale that just covers the largest value.
const N_STEPS: i32 = 9;
/// How much of a code a step moves the largest value.
const STEP: f32 = 0.1;

/// `1 / x`, and 0 for 0 and for numbers so small that their inverse is infinite.
pub(super) fn inverse(x: f32) -> f32 {
    let inverse = 1.0 / x;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// The code of `x` under a scale: the nearest integer, ties to even, within `low..=high`.
pub(super) fn code(x: f32, inverse_scale: f32, low: i32, high: i32) -> i32 {
    ((x * inverse_scale).round_ties_even() as i32).clamp(low, high)
}

/// A scale, of either sign, for `x = scale * code` with codes from `low < 0` to `high`.
///
/// With a scale chosen, the best codes are the nearest; with codes chosen, the best scale is
/// `sum(w x q) / sum(w q^2)`. Of several first scales the one wins that explains most of `x`.
pub(super) fn fit_scale(x: &[f32], weights: &[f32], low: i32, high: i32) -> f32 {
    let largest =
        x.iter().copied().fold(0.0, |max: f32, x| if x.abs() > max.abs() { x } else { max });
    if inverse(largest) == 0.0 {
        return 0.0;
    }
    let mut best = (0.0, 0.0);
    // The largest value gets the code `low`, which reaches furthest from 0.
    for step in -N_STEPS..=N_STEPS {
        let first = (low as f32 + STEP * step as f32) / largest;
        let (mut xq, mut qq) = (0.0, 0.0);
        for (x, w) in x.iter().zip(weights) {
            let q = code(*x, first, low, high) as f32;
            xq += w * x * q;
            qq += w * q * q;
        }
        let explained = if qq > 0.0 { xq * xq / qq } else { 0.0 };
        if explained > best.0 {
            best = (explained, xq / qq);
        }
    }
    best.1
}

/// `(scale, min)` for `x = scale * code - min` with codes from 0 to `high`.
///
/// Both by least squares for the codes of each first scale. Where `positive` is set, `min` is not
/// below 0, as K-quants store it.
pub(super) fn fit_affine(x: &[f32], weights: &[f32], high: i32, positive: bool) -> (f32, f32) {
    let mut low_x = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high_x = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if positive {
        low_x = low_x.min(0.0);
    }
    let range = high_x - low_x;
    if !range.is_finite() || inverse(range) == 0.0 {
        return (0.0, -low_x);
    }
    let mut best = (range / high as f32, -low_x);
    let mut least = affine_error(x, weights, high, best);
    for step in -N_STEPS..=N_STEPS {
        let mut candidate = (range / (high as f32 + STEP * step as f32), -low_x);
        // Codes and line improve each other; twice is most of what there is to gain.
        for _ in 0..2 {
            candidate = least_squares(x, weights, high, candidate, positive);
            let error = affine_error(x, weights, high, candidate);
            if error < least {
                (least, best) = (error, candidate);
            }
        }
    }
    best
}

fn affine_code(x: f32, high: i32, (scale, min): (f32, f32)) -> f32 {
    code(x + min, inverse(scale), 0, high) as f32
}

fn affine_error(x: &[f32], weights: &[f32], high: i32, line: (f32, f32)) -> f32 {
    x.iter()
        .zip(weights)
        .map(|(x, w)| {
            let error = line.0 * affine_code(*x, high, line) - line.1 - x;
            w * error * error
        })
        .sum()
}

/// The line of least squares through the codes that `line` gives.
fn least_squares(
    x: &[f32],
    weights: &[f32],
    high: i32,
    line: (f32, f32),
    positive: bool,
) -> (f32, f32) {
    let [mut w_sum, mut wq, mut wqq, mut wx, mut wxq] = [0.0f32; 5];
    for (x, w) in x.iter().zip(weights) {
        let q = affine_code(*x, high, line);
        w_sum += w;
        wq += w * q;
        wqq += w * q * q;
        wx += w * x;
        wxq += w * x * q;
    }
    let determinant = w_sum * wqq - wq * wq;
    if determinant <= 0.0 {
        return line;
    }
    let scale = (w_sum * wxq - wq * wx) / determinant;
    let min = (wq * wxq - wqq * wx) / determinant;
    if positive && min < 0.0 {
        // Through the origin.
        return if wqq > 0.0 { (wxq / wqq, 0.0) } else { line };
    }
    (scale, min)
}
