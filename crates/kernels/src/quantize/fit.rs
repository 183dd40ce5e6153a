//! Scales of least squared error.
//!
//! With a scale chosen, the best codes are the nearest; with codes chosen, the best scale is
//! `sum(w x q) / sum(w q^2)`. Whatever the codes of a format are, those two sums say how good they
//! are, so searching for scales is written once: over [`Codes`].

use super::wide::wide;

/// `1 / x`, and 0 for 0 and for numbers so small that their inverse is infinite.
pub(super) fn inverse(x: f32) -> f32 {
    let inverse = 1.0 / x;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// Added and taken away again, it rounds a number below 2^22 to the nearest integer, ties to even.
const ROUND: f32 = 12_582_912.0;

/// The code of `x` under a scale: the nearest integer within `low..=high`.
pub(super) fn code(x: f32, inverse_scale: f32, low: i32, high: i32) -> i32 {
    nearest(x * inverse_scale, low as f32, high as f32) as i32
}

/// The nearest integer within whole `low..=high`.
#[inline(always)]
pub(super) fn nearest(x: f32, low: f32, high: f32) -> f32 {
    (x.max(low).min(high) + ROUND) - ROUND
}

/// How well some codes `q` explain numbers `x` with weights `w`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    /// `sum(w x q)`
    pub(super) xq: f32,
    /// `sum(w q^2)`
    pub(super) qq: f32,
}

impl Fit {
    /// The scale of least error under these codes.
    pub(super) fn scale(self) -> f32 {
        self.xq * inverse(self.qq)
    }

    /// What [`scale`](Self::scale) takes off `sum(w x^2)`.
    fn explained(self) -> f32 {
        self.xq * self.scale()
    }

    /// What a given scale takes off `sum(w x^2)`.
    pub(super) fn gain(self, scale: f32) -> f32 {
        scale * (2.0 * self.xq - scale * self.qq)
    }
}

impl std::ops::AddAssign for Fit {
    fn add_assign(&mut self, other: Self) {
        self.xq += other.xq;
        self.qq += other.qq;
    }
}

/// What a format offers for the elements of a group, before scaling.
pub(super) trait Codes {
    /// Whether scales may be negative, for codes that reach further on one side of 0.
    const SIGNED_SCALE: bool;

    /// Which codes the largest element is given in the first scales that are tried: from, to, and
    /// how many between.
    fn reach(&self) -> (f32, f32, u8);

    /// Sums under the nearest codes at a scale.
    ///
    /// Shapes: `x` and `w` are a group, a multiple of 8 long.
    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit;
}

/// The number furthest from 0.
pub(super) fn furthest(x: impl IntoIterator<Item = f32>) -> f32 {
    x.into_iter().fold(0.0, |max: f32, x| if x.abs() > max.abs() { x } else { max })
}

/// The scale of least error for a group; 0 where it is all zeros.
pub(super) fn best_scale<C: Codes>(codes: &C, x: &[f32], w: &[f32]) -> f32 {
    let largest = furthest(x.iter().copied());
    let per_code = inverse(if C::SIGNED_SCALE { largest } else { largest.abs() });
    if per_code == 0.0 {
        return 0.0;
    }
    let (first, last, n_steps) = codes.reach();
    let step = (last - first) / f32::from(n_steps - 1);
    let mut best = Fit::default();
    for i in 0..n_steps {
        let fit = codes.fit(x, w, (first + step * f32::from(i)) * per_code);
        if fit.explained() > best.explained() {
            best = fit;
        }
    }
    // Codes and scale improve each other.
    for _ in 0..2 {
        let fit = codes.fit(x, w, inverse(best.scale()));
        if fit.explained() <= best.explained() {
            break;
        }
        best = fit;
    }
    best.scale()
}

/// The integers from `low < 0` to `high`.
pub(super) struct Integers {
    pub(super) low: i32,
    pub(super) high: i32,
}

impl Codes for Integers {
    const SIGNED_SCALE: bool = true;

    /// Around `low`, which reaches further from 0.
    fn reach(&self) -> (f32, f32, u8) {
        let low = self.low as f32;
        (low - 0.9, low + 0.9, 19)
    }

    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        let (low, high) = (self.low as f32, self.high as f32);
        sum_lanes(x, w, |x| nearest(x * inverse_scale, low, high))
    }
}

/// Adds up the sums of a code for each element, in eight lanes.
pub(super) fn sum_lanes(x: &[f32], w: &[f32], code: impl Fn(f32) -> f32) -> Fit {
    wide(|| sum_lanes_inline(x, w, &code))
}

#[inline(always)]
fn sum_lanes_inline(x: &[f32], w: &[f32], code: &impl Fn(f32) -> f32) -> Fit {
    let (mut xq, mut qq) = ([0.0f32; 8], [0.0f32; 8]);
    for (x, w) in x.as_chunks::<8>().0.iter().zip(w.as_chunks::<8>().0) {
        for i in 0..8 {
            let q = code(x[i]);
            xq[i] += w[i] * q * x[i];
            qq[i] += w[i] * q * q;
        }
    }
    Fit { xq: xq.iter().sum(), qq: qq.iter().sum() }
}
