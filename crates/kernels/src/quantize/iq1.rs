//! IQ1: points of -1, 0 and 1, moved by an eighth; layouts are told in `block/codebook.rs`.

use std::sync::LazyLock;

use super::{
    Block,
    fit::{Codes, Fit, inverse},
    grid::Grid,
    two_level::{self, Scales, Steps},
};
use crate::block::codebook as format;

/// How far points are moved, up or down.
const MOVE: f32 = 0.125;
const STEPS: Steps = Steps { low: 1, high: 15, stride: 2 };
/// Factors of the first `d`: steps are few, and odd.
const SPREAD: [f32; 6] = [0.8, 0.88, 0.94, 1.06, 1.13, 1.25];

static GRID: LazyLock<Grid<8>> = LazyLock::new(|| {
    let points = format::IQ1_GRID.iter().map(|point| {
        // Eight times the coordinates, around 16.
        point.to_le_bytes().map(|byte| f32::from(byte) / 8.0 - 2.0)
    });
    Grid::new(&[-1.0, 0.0, 1.0], points.collect())
});

/// A point for eight elements, and which way it is moved.
#[derive(Clone, Copy, Default)]
struct Choice {
    index: u16,
    down: bool,
    error: f32,
    fit: Fit,
}

/// The best point for eight elements when it is moved so.
fn choose(x: &[f32; 8], w: &[f32; 8], inverse_scale: f32, down: bool) -> Choice {
    let by = if down { -MOVE } else { MOVE };
    let target = x.map(|x| x * inverse_scale - by);
    let index = GRID.nearest(&target, w);
    let point = &GRID.points[usize::from(index)];
    let mut choice = Choice { index, down, ..Choice::default() };
    for i in 0..8 {
        let (q, distance) = (point[i] + by, point[i] - target[i]);
        choice.error += w[i] * distance * distance;
        choice.fit.xq += w[i] * x[i] * q;
        choice.fit.qq += w[i] * q * q;
    }
    choice
}

/// IQ1 with one direction for each `SHARE` elements.
struct Moved<const SHARE: usize>;

impl<const SHARE: usize> Moved<SHARE> {
    /// Choices for a group, one for each eight elements: up to four, the rest left empty.
    fn choices(x: &[f32], w: &[f32], inverse_scale: f32) -> [Choice; 4] {
        let mut all = [Choice::default(); 4];
        let shares =
            x.chunks_exact(SHARE).zip(w.chunks_exact(SHARE)).zip(all.chunks_mut(SHARE / 8));
        for ((x, w), best) in shares {
            let parts = || x.as_chunks::<8>().0.iter().zip(w.as_chunks::<8>().0);
            let mut other = [Choice::default(); 4];
            let other = &mut other[..best.len()];
            for ((up, down), (x, w)) in best.iter_mut().zip(&mut *other).zip(parts()) {
                *up = choose(x, w, inverse_scale, false);
                *down = choose(x, w, inverse_scale, true);
            }
            let error = |choices: &[Choice]| choices.iter().map(|choice| choice.error).sum::<f32>();
            if error(other) < error(best) {
                best.copy_from_slice(other);
            }
        }
        all
    }

    fn fit_block(block: &Block<'_>, group: usize) -> (Scales, Vec<Choice>) {
        let scales = two_level::fit_block(block, group, &Self, &STEPS, &SPREAD);
        let groups = block.x.chunks_exact(group).zip(block.weights.chunks_exact(group));
        let choices = groups.enumerate().flat_map(|(i, (x, w))| {
            Self::choices(x, w, inverse(scales.of(i))).into_iter().take(group / 8)
        });
        (scales, choices.collect())
    }
}

impl<const SHARE: usize> Codes for Moved<SHARE> {
    const SIGNED_SCALE: bool = false;

    fn reach(&self) -> (f32, f32, u8) {
        (0.7, 2.5, 19)
    }

    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        let mut fit = Fit::default();
        Self::choices(x, w, inverse_scale).iter().for_each(|choice| fit += choice.fit);
        fit
    }
}

pub(super) fn write_iq1_s(block: &Block<'_>, out: &mut [u8]) {
    let (scales, choices) = Moved::<32>::fit_block(block, 32);
    block.put_scale(scales.d, out);
    for (i, (choices, step)) in choices.chunks_exact(4).zip(scales.steps).enumerate() {
        let mut word = (step / 2) as u16 | u16::from(choices[0].down) << 3;
        word <<= 12;
        for (l, choice) in choices.iter().enumerate() {
            out[2 + 4 * i + l] = choice.index as u8;
            word |= choice.index >> 8 << (3 * l);
        }
        out[34 + 2 * i..][..2].copy_from_slice(&word.to_le_bytes());
    }
}

pub(super) fn write_iq1_m(block: &Block<'_>, out: &mut [u8]) {
    let (scales, choices) = Moved::<8>::fit_block(block, 16);
    out[32..48].fill(0);
    for (l, choice) in choices.iter().enumerate() {
        out[l] = choice.index as u8;
        let nibble = (choice.index >> 8) as u8 | u8::from(choice.down) << 3;
        out[32 + l / 2] |= nibble << (4 * (l % 2));
    }
    // The f16 scale is cut into four, each above four steps.
    let d = block.scale_bits(scales.d);
    for (i, (out, steps)) in
        out[48..].chunks_exact_mut(2).zip(scales.steps.chunks_exact(4)).enumerate()
    {
        let quarter = (d >> (4 * i) & 15) << 12;
        let word = steps
            .iter()
            .enumerate()
            .fold(quarter, |word, (j, step)| word | ((step / 2) as u16) << (3 * j));
        out.copy_from_slice(&word.to_le_bytes());
    }
}
