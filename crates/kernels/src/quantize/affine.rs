//! Lines of least squared error, for formats with a scale and a minimum.
//!
//! ```text
//! value = scale * code - min,  codes from 0 to `high`
//! ```

use super::{
    Block,
    fit::{inverse, nearest},
};

/// Steps tried on either side of the scale that just covers the range.
const N_STEPS: i16 = 9;
/// How much of a code a step moves the largest value.
const STEP: f32 = 0.1;

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

/// Sums over a group under the nearest codes on a line; `q` are codes.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    w: f32,
    wq: f32,
    wqq: f32,
    wx: f32,
    wxq: f32,
}

impl Sums {
    fn new(x: &[f32], w: &[f32], high: f32, line: Line) -> Self {
        let inverse = inverse(line.scale);
        let mut lanes = [[0.0f32; 8]; 5];
        for (x, w) in x.as_chunks::<8>().0.iter().zip(w.as_chunks::<8>().0) {
            for i in 0..8 {
                let q = nearest((x[i] + line.min) * inverse, 0.0, high);
                let (wq, wx) = (w[i] * q, w[i] * x[i]);
                lanes[0][i] += w[i];
                lanes[1][i] += wq;
                lanes[2][i] += wq * q;
                lanes[3][i] += wx;
                lanes[4][i] += wx * q;
            }
        }
        let [w, wq, wqq, wx, wxq] = lanes.map(|lanes| lanes.iter().sum());
        Self { w, wq, wqq, wx, wxq }
    }

    /// What a line takes off `sum(w x^2)` with these codes.
    fn gain(&self, Line { scale, min }: Line) -> f32 {
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

/// The best line for a group whose codes go up to `high`; with `positive`, as K-quants store it,
/// its minimum is not below 0.
pub(super) fn best_line(x: &[f32], w: &[f32], high: f32, positive: bool) -> Line {
    let mut low_x = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high_x = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if positive {
        low_x = low_x.min(0.0);
    }
    let range = high_x - low_x;
    if inverse(range) == 0.0 {
        return Line { scale: 0.0, min: -low_x };
    }
    let mut best = Line { scale: range / high, min: -low_x };
    let mut most = Sums::new(x, w, high, best).gain(best);
    let mut consider = |from: Line| {
        let sums = Sums::new(x, w, high, from);
        let line = sums.best_line(positive)?;
        let gain = sums.gain(line);
        if gain > most {
            (most, best) = (gain, line);
        }
        Some(line)
    };
    for step in -N_STEPS..=N_STEPS {
        let first = Line { scale: range / (high + STEP * f32::from(step)), min: -low_x };
        // Codes and line improve each other; twice is most of what there is to gain.
        consider(first).and_then(&mut consider);
    }
    best
}

/// Groups of a block with minimums: at most 16.
const MAX_GROUPS: usize = 16;

/// Scales and minimums of a block: `value = d * scale * code - dmin * min`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    /// As it will be read back.
    pub(super) d: f32,
    /// As it will be read back.
    pub(super) dmin: f32,
    /// Scale and minimum of each group.
    pub(super) steps: [(u8, u8); MAX_GROUPS],
    gain: f32,
    better: Line,
}

impl Lines {
    /// The line of a group.
    pub(super) fn of(&self, group: usize) -> Line {
        let (scale, min) = self.steps[group];
        Line { scale: self.d * f32::from(scale), min: self.dmin * f32::from(min) }
    }
}

/// Finds lines for a block whose groups have `group` elements with codes up to `high`, and whose
/// scales and minimums are integers up to `max_step`.
pub(super) fn fit_block(block: &Block<'_>, group: usize, high: f32, max_step: f32) -> Lines {
    let groups = || block.x.chunks_exact(group).zip(block.weights.chunks_exact(group));
    let mut ideal = [Line::default(); MAX_GROUPS];
    for (ideal, (x, w)) in ideal.iter_mut().zip(groups()) {
        *ideal = best_line(x, w, high, true);
    }
    let try_ds = |ds: Line| {
        let (d, dmin) = (block.round_scale(ds.scale), block.round_scale(ds.min));
        let mut found = Lines { d, dmin, ..Lines::default() };
        let mut sums = [0.0; 5];
        for (i, (x, w)) in groups().enumerate() {
            let (steps, group) =
                best_steps((x, w), ideal[i], Line { scale: d, min: dmin }, high, max_step);
            found.steps[i] = steps;
            found.gain += group.gain(found.of(i));
            let (s, m) = (f32::from(steps.0), f32::from(steps.1));
            let parts =
                [s * s * group.wqq, s * m * group.wq, m * m * group.w, s * group.wxq, m * group.wx];
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
        found.better = least_squares(sums, ds);
        found
    };
    let largest = |part: fn(&Line) -> f32| ideal.iter().map(part).fold(0.0, f32::max) / max_step;
    let mut best =
        try_ds(Line { scale: largest(|line| line.scale), min: largest(|line| line.min) });
    for _ in 0..3 {
        let found = try_ds(best.better);
        if found.gain <= best.gain {
            break;
        }
        best = found;
    }
    best
}

/// The integers of least error near a group's own line, and the sums under them.
fn best_steps(
    (x, w): (&[f32], &[f32]),
    ideal: Line,
    ds: Line,
    high: f32,
    max_step: f32,
) -> ((u8, u8), Sums) {
    let scale = nearest(ideal.scale * inverse(ds.scale), 0.0, max_step);
    let min = nearest(ideal.min * inverse(ds.min), 0.0, max_step);
    let mut best: Option<(f32, (u8, u8), Sums)> = None;
    for scale in [scale, scale - 1.0, scale + 1.0] {
        for min in [min, min - 1.0, min + 1.0] {
            if scale < 0.0 || scale > max_step || min < 0.0 || min > max_step {
                continue;
            }
            let line = Line { scale: ds.scale * scale, min: ds.min * min };
            let sums = Sums::new(x, w, high, line);
            let gain = sums.gain(line);
            if best.is_none_or(|(most, ..)| gain > most) {
                best = Some((gain, (scale as u8, min as u8), sums));
            }
        }
    }
    let (_, steps, sums) = best.expect("the nearest steps are in range");
    (steps, sums)
}

/// `d` and `dmin` of least error with all codes and steps chosen; `old` where they are not determined.
fn least_squares([ss, sm, mm, sx, mx]: [f32; 5], old: Line) -> Line {
    let determinant = ss * mm - sm * sm;
    let line =
        Line { scale: (mm * sx - sm * mx) / determinant, min: (sm * sx - ss * mx) / determinant };
    if line.scale.is_finite() && line.scale >= 0.0 && line.min.is_finite() && line.min >= 0.0 {
        line
    } else if ss > 0.0 && old.min == 0.0 {
        Line { scale: (sx / ss).max(0.0), min: 0.0 }
    } else {
        old
    }
}
