//! Lines of least squared error, for formats with a scale and a minimum.
//!
//! ```text
//! value = scale * code - min,  codes from 0 to `high`
//! ```

use super::{
    fit::{inverse, nearest},
    wide::wide,
};

/// Steps tried on either side of the scale that just covers the range.
const N_STEPS: i16 = 5;
/// How much of a code a step moves the largest value.
const STEP: f32 = 0.18;

/// A scale and a minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) scale: f32,
    pub(super) min: f32,
}

impl Line {
    /// The code of `x`.
    pub(super) fn code(self, x: f32, high: f32) -> u8 {
        nearest((x + self.min) * inverse(self.scale), 0.0, high) as u8
    }
}

/// Elements that share a line, with their weights.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    /// Largest code.
    high: f32,
    /// `sum(w)`
    w: f32,
    /// `sum(w x)`
    wx: f32,
}

impl<'a> Group<'a> {
    /// Shapes: `x` and `weights` are a multiple of 8 long; codes go up to `high`.
    pub(super) fn new(x: &'a [f32], weights: &'a [f32], high: f32) -> Self {
        let w = weights.iter().sum();
        let wx = x.iter().zip(weights).map(|(x, w)| w * x).sum();
        Self { x, weights, high, w, wx }
    }

    /// Sums under the nearest codes on a line.
    pub(super) fn sums(&self, line: Line) -> Sums {
        let [wq, wqq, wxq] = wide(|| self.lanes(line));
        Sums { w: self.w, wq, wqq, wx: self.wx, wxq }
    }

    #[inline(always)]
    fn lanes(&self, line: Line) -> [f32; 3] {
        let inverse = inverse(line.scale);
        let mut lanes = [[0.0f32; 8]; 3];
        for (x, w) in self.x.as_chunks::<8>().0.iter().zip(self.weights.as_chunks::<8>().0) {
            for i in 0..8 {
                let q = nearest((x[i] + line.min) * inverse, 0.0, self.high);
                let wq = w[i] * q;
                lanes[0][i] += wq;
                lanes[1][i] += wq * q;
                lanes[2][i] += wq * x[i];
            }
        }
        lanes.map(|lanes| lanes.iter().sum())
    }
}

/// Sums over a group under some codes `q`: of weights `w`, `w q`, `w q^2`, `w x` and `w x q`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) w: f32,
    pub(super) wq: f32,
    pub(super) wqq: f32,
    pub(super) wx: f32,
    pub(super) wxq: f32,
}

impl Sums {
    /// What a line takes off `sum(w x^2)` with these codes.
    pub(super) fn gain(&self, Line { scale, min }: Line) -> f32 {
        2.0 * (scale * self.wxq - min * self.wx)
            - (scale * scale * self.wqq - 2.0 * scale * min * self.wq + min * min * self.w)
    }

    /// The best line through these codes; with `positive`, its minimum is not below 0.
    fn best_line(&self, positive: bool) -> Option<Line> {
        let determinant = self.w * self.wqq - self.wq * self.wq;
        if determinant <= 0.0 {
            return None;
        }
        let min = (self.wq * self.wxq - self.wqq * self.wx) / determinant;
        if positive && min < 0.0 {
            return (self.wqq > 0.0).then(|| Line { scale: self.wxq / self.wqq, min: 0.0 });
        }
        Some(Line { scale: (self.w * self.wxq - self.wq * self.wx) / determinant, min })
    }
}

impl Group<'_> {
    /// The best line; with `positive`, as K-quants store it, its minimum is not below 0.
    pub(super) fn best_line(&self, positive: bool) -> Line {
        let mut low_x = self.x.iter().copied().fold(f32::INFINITY, f32::min);
        let high_x = self.x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if positive {
            low_x = low_x.min(0.0);
        }
        let range = high_x - low_x;
        if inverse(range) == 0.0 {
            return Line { scale: 0.0, min: -low_x };
        }
        let mut best = Line { scale: range / self.high, min: -low_x };
        let mut most = self.sums(best).gain(best);
        let mut consider = |from: Line| {
            let sums = self.sums(from);
            let line = sums.best_line(positive)?;
            let gain = sums.gain(line);
            if gain > most {
                (most, best) = (gain, line);
            }
            Some(line)
        };
        for step in -N_STEPS..=N_STEPS {
            let scale = range / (self.high + STEP * f32::from(step));
            // Codes and line improve each other; twice is most of what there is to gain.
            consider(Line { scale, min: -low_x }).and_then(&mut consider);
        }
        best
    }
}
