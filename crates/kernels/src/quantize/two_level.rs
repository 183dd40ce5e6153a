//! Blocks of groups that each have a small integer scale under one float scale.
//!
//! ```text
//! value = d * step[group] * code
//! ```
//!
//! First every group's own best scale, then a `d` whose steps come near all of them, then `d` by
//! least squares for the codes of those steps. A step is chosen by the error it leaves, not by how
//! near it is: with coarse steps the codes make up for some of the difference.

use super::{
    Block,
    fit::{Codes, Fit, best_scale, furthest, inverse},
};

/// No format has more groups in a block.
pub(super) const MAX_GROUPS: usize = 16;

/// The integers a group's scale may be.
pub(super) struct Steps {
    pub(super) low: i32,
    pub(super) high: i32,
    /// 2 for formats whose steps are odd.
    pub(super) stride: i32,
}

impl Steps {
    /// Steps of which those that a scale lies between, or the outermost.
    fn around(&self, ratio: f32) -> [i32; 2] {
        let below = ((ratio - self.low as f32) / self.stride as f32).floor();
        let last = (self.high - self.low) / self.stride;
        [0, 1].map(|i| self.low + self.stride * (below as i32).saturating_add(i).clamp(0, last))
    }

    /// The step of the largest scale: the one furthest from 0.
    fn furthest(&self) -> i32 {
        if -self.low > self.high { self.low } else { self.high }
    }
}

/// Scales of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scales {
    /// As it will be read back.
    pub(super) d: f32,
    pub(super) steps: [i32; MAX_GROUPS],
    gain: f32,
    /// By least squares for the codes of these steps.
    better_d: f32,
}

impl Scales {
    /// The scale of a group.
    pub(super) fn of(&self, group: usize) -> f32 {
        self.d * self.steps[group] as f32
    }
}

/// Finds the scales of a block whose groups have `group` elements.
///
/// `spread` lists what the first `d`, which lets the largest group have the furthest step, is
/// multiplied by in turn: the coarser the steps, the more there is to gain from several.
pub(super) fn fit_block(
    block: &Block<'_>,
    group: usize,
    codes: &impl Codes,
    steps: &Steps,
    spread: &[f32],
) -> Scales {
    let groups = || block.x.chunks_exact(group).zip(block.weights.chunks_exact(group));
    let mut ideal = [0.0; MAX_GROUPS];
    for (ideal, (x, w)) in ideal.iter_mut().zip(groups()) {
        *ideal = best_scale(codes, x, w);
    }
    let largest = furthest(ideal);
    let try_d = |d: f32| {
        let d = block.round_scale(d);
        let mut found = Scales { d, ..Scales::default() };
        let mut all = Fit::default();
        for (i, (x, w)) in groups().enumerate() {
            let [near, other] = steps.around(ideal[i] * inverse(d)).map(|step| {
                let scale = d * step as f32;
                let fit = codes.fit(x, w, inverse(scale));
                (step, fit.gain(scale), fit)
            });
            let (step, gain, fit) = if other.1 > near.1 { other } else { near };
            let step_f32 = step as f32;
            all += Fit { xq: step_f32 * fit.xq, qq: step_f32 * step_f32 * fit.qq };
            found.steps[i] = step;
            found.gain += gain;
        }
        found.better_d = all.scale();
        found
    };
    let first = largest / steps.furthest() as f32;
    let mut best = try_d(first);
    for factor in spread {
        let found = try_d(first * factor);
        if found.gain > best.gain {
            best = found;
        }
    }
    for _ in 0..2 {
        let found = try_d(best.better_d);
        if found.gain <= best.gain {
            break;
        }
        best = found;
    }
    best
}
