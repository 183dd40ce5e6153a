//! Blocks of groups that each have an integer scale and minimum under two float scales.
//!
//! ```text
//! value = d * scale[group] * code - dmin * min[group]
//! ```
//!
//! First every group's own best line, then `d` and `dmin` that just reach the largest of them, then
//! both by least squares for the codes that follow. The integers are chosen by the error they
//! leave, among those next to the group's own line.

use super::{
    Block,
    affine::{Group, Line, Sums},
    fit::{inverse, nearest},
};

/// No format has more groups with minimums in a block.
const MAX_GROUPS: usize = 16;
/// How often `d` and `dmin` are improved at most.
const N_ROUNDS: usize = 2;

/// What a format stores of a block's lines.
#[derive(Clone, Copy)]
pub(super) struct LineShape {
    /// Elements of a group.
    pub(super) group: usize,
    /// Largest code.
    pub(super) high: f32,
    /// Largest integer scale and minimum.
    pub(super) max_step: f32,
}

/// Scales and minimums of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    /// As it will be read back.
    pub(super) d: f32,
    /// As it will be read back.
    pub(super) dmin: f32,
    /// Scale and minimum of each group.
    pub(super) steps: [(u8, u8); MAX_GROUPS],
    gain: f32,
    /// `d` and `dmin` by least squares for the codes of these steps.
    better: Line,
}

impl Lines {
    /// The line of a group.
    pub(super) fn of(&self, group: usize) -> Line {
        let (scale, min) = self.steps[group];
        Line { scale: self.d * f32::from(scale), min: self.dmin * f32::from(min) }
    }
}

/// Finds the lines of a block.
pub(super) fn fit_block(block: &Block<'_>, shape: LineShape) -> Lines {
    let parts = block.x.chunks_exact(shape.group).zip(block.weights.chunks_exact(shape.group));
    let groups: Vec<(Group<'_>, Line)> = parts
        .map(|(x, w)| {
            let group = Group::new(x, w, shape.high);
            (group, group.best_line(true))
        })
        .collect();
    let largest = |part: fn(&Line) -> f32| {
        groups.iter().map(|(_, line)| part(line)).fold(0.0, f32::max) / shape.max_step
    };
    let first = Line { scale: largest(|line| line.scale), min: largest(|line| line.min) };
    let mut best = with_scales(block, &groups, first, shape.max_step);
    for _ in 0..N_ROUNDS {
        let found = with_scales(block, &groups, best.better, shape.max_step);
        if found.gain <= best.gain {
            break;
        }
        best = found;
    }
    best
}

/// The best integers under a `d` and a `dmin`.
fn with_scales(block: &Block<'_>, groups: &[(Group<'_>, Line)], ds: Line, max_step: f32) -> Lines {
    let (d, dmin) = (block.round_scale(ds.scale), block.round_scale(ds.min));
    let mut found = Lines { d, dmin, ..Lines::default() };
    let mut equations = Equations::default();
    for (i, (group, ideal)) in groups.iter().enumerate() {
        let (steps, sums) = best_steps(group, *ideal, Line { scale: d, min: dmin }, max_step);
        found.steps[i] = steps;
        found.gain += sums.gain(found.of(i));
        equations.add(steps, &sums);
    }
    found.better = equations.solve(ds);
    found
}

/// The integers of least error near a group's own line, and the sums under them.
fn best_steps(group: &Group<'_>, ideal: Line, ds: Line, max_step: f32) -> ((u8, u8), Sums) {
    let scale = nearest(ideal.scale * inverse(ds.scale), 0.0, max_step);
    let min = nearest(ideal.min * inverse(ds.min), 0.0, max_step);
    let mut best: Option<(f32, (u8, u8), Sums)> = None;
    for (more, higher) in [(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
        let (scale, min) = (scale + more, min + higher);
        let range = 0.0..=max_step;
        if !range.contains(&scale) || !range.contains(&min) {
            continue;
        }
        let line = Line { scale: ds.scale * scale, min: ds.min * min };
        let sums = group.sums(line);
        let gain = sums.gain(line);
        if best.is_none_or(|(most, ..)| gain > most) {
            best = Some((gain, (scale as u8, min as u8), sums));
        }
    }
    let (_, steps, sums) = best.expect("the nearest steps are in range");
    (steps, sums)
}

/// The normal equations of `d` and `dmin`: sums over groups with scale `s` and minimum `m`.
#[derive(Default)]
struct Equations {
    ss: f32,
    sm: f32,
    mm: f32,
    sx: f32,
    mx: f32,
}

impl Equations {
    fn add(&mut self, (scale, min): (u8, u8), sums: &Sums) {
        let (s, m) = (f32::from(scale), f32::from(min));
        self.ss += s * s * sums.wqq;
        self.sm += s * m * sums.wq;
        self.mm += m * m * sums.w;
        self.sx += s * sums.wxq;
        self.mx += m * sums.wx;
    }

    /// `old` where they do not determine both.
    fn solve(&self, old: Line) -> Line {
        let determinant = self.ss * self.mm - self.sm * self.sm;
        let scale = (self.mm * self.sx - self.sm * self.mx) / determinant;
        let min = (self.sm * self.sx - self.ss * self.mx) / determinant;
        if scale.is_finite() && scale >= 0.0 && min.is_finite() && min >= 0.0 {
            Line { scale, min }
        } else if self.ss > 0.0 && old.min == 0.0 {
            Line { scale: (self.sx / self.ss).max(0.0), min: 0.0 }
        } else {
            old
        }
    }
}
