//! IQ2 and IQ3: magnitudes from a codebook, and signs; layouts are told in `block/codebook.rs`.

use std::sync::LazyLock;

use super::{
    Block,
    fit::{Codes, Fit, inverse},
    grid::Grid,
    two_level::{self, Scales, Steps},
    wide::wide,
};
use crate::block::codebook as format;

/// Elements of a block.
const LEN: usize = 256;

/// Factors of the first `d`: steps are few, and odd.
const SPREAD: [f32; 6] = [0.8, 0.88, 0.94, 1.06, 1.13, 1.25];
/// Scales are odd multiples of `d`, an eighth or a quarter of it being in the points.
const STEPS: Steps = Steps { low: 1, high: 31, stride: 2 };

/// Points of magnitudes, multiplied by the format's constant.
struct Magnitudes<const DIM: usize> {
    grid: Grid<DIM>,
    largest: f32,
}

impl<const DIM: usize> Magnitudes<DIM> {
    fn new(points: &[u64], values: &[u8], factor: f32) -> Self {
        let scaled = |byte: u8| f32::from(byte) * factor;
        let points = points.iter().map(|point| {
            let bytes = point.to_le_bytes();
            std::array::from_fn(|i| scaled(bytes[i]))
        });
        let values: Vec<f32> = values.iter().map(|value| scaled(*value)).collect();
        let largest = values[values.len() - 1];
        Self { grid: Grid::new(&values, points.collect()), largest }
    }

    /// Indices of the nearest points of a group, one for each `DIM` elements.
    fn indices(&self, x: &[f32], w: &[f32], scale: f32) -> impl Iterator<Item = u16> {
        let inverse = inverse(scale);
        let parts = x.as_chunks::<DIM>().0.iter().zip(w.as_chunks::<DIM>().0);
        parts.map(move |(x, w)| self.grid.nearest(&x.map(|x| x * inverse), w))
    }
}

impl<const DIM: usize> Codes for Magnitudes<DIM> {
    const SIGNED_SCALE: bool = false;

    fn reach(&self) -> (f32, f32, u8) {
        (0.7 * self.largest, 1.5 * self.largest, 15)
    }

    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        wide(|| self.fit_inline(x, w, inverse_scale))
    }
}

impl<const DIM: usize> Magnitudes<DIM> {
    #[inline(always)]
    fn fit_inline(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        let mut fit = Fit::default();
        for (x, w) in x.as_chunks::<DIM>().0.iter().zip(w.as_chunks::<DIM>().0) {
            let nearest = self.grid.nearest(&x.map(|x| x * inverse_scale), w);
            let point = &self.grid.points[usize::from(nearest)];
            for i in 0..DIM {
                fit.xq += w[i] * x[i] * point[i];
                fit.qq += w[i] * point[i] * point[i];
            }
        }
        fit
    }
}

type Lazy<const DIM: usize> = LazyLock<Magnitudes<DIM>>;

static IQ2_XXS: Lazy<8> =
    LazyLock::new(|| Magnitudes::new(&format::IQ2_XXS_GRID, &format::IQ2_VALUES[..3], 0.125));
static IQ2_XS: Lazy<8> =
    LazyLock::new(|| Magnitudes::new(&format::IQ2_XS_GRID, &format::IQ2_VALUES[..3], 0.125));
static IQ2_S: Lazy<8> =
    LazyLock::new(|| Magnitudes::new(&format::IQ2_S_GRID, &format::IQ2_VALUES[..3], 0.125));
static IQ3_XXS: Lazy<4> =
    LazyLock::new(|| Magnitudes::new(&format::IQ3_XXS_GRID, &format::IQ3_XXS_VALUES, 0.25));
static IQ3_S: Lazy<4> =
    LazyLock::new(|| Magnitudes::new(&format::IQ3_S_GRID, &format::IQ3_S_VALUES, 1.0));

/// The elements of a block as magnitudes, and a byte of signs for each eight.
struct Signed {
    x: [f32; LEN],
    signs: [u8; LEN / 8],
}

impl Signed {
    /// With `even`, the signs of eight elements are negative in an even number of places, as formats
    /// need that store seven of them: the element that this costs least gets the wrong one, and
    /// a magnitude below 0.
    fn new(block: &Block<'_>, even: bool) -> Self {
        let mut signed = Self { x: std::array::from_fn(|i| block.x[i].abs()), signs: [0; LEN / 8] };
        let parts = signed.x.chunks_exact_mut(8).zip(block.x.chunks_exact(8));
        for (i, (magnitudes, x)) in parts.enumerate() {
            let signs = &mut signed.signs[i];
            *signs = x.iter().rev().fold(0, |bits, x| bits << 1 | u8::from(*x < 0.0));
            if even && signs.count_ones() % 2 == 1 {
                let cost = |j: &usize| block.weights[8 * i + j] * magnitudes[*j];
                let wrong =
                    (0..8).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("eight elements");
                magnitudes[wrong] = -magnitudes[wrong];
                *signs ^= 1 << wrong;
            }
        }
        signed
    }

    /// The magnitudes as a block.
    fn block<'a>(&'a self, block: &Block<'a>) -> Block<'a> {
        Block { x: &self.x, ..*block }
    }
}

/// Finds scales and points of a block of magnitudes, and writes `d`.
///
/// Points are `[LEN / DIM]` indices.
fn points<const DIM: usize>(
    magnitudes: &Magnitudes<DIM>,
    block: &Block<'_>,
    group: usize,
    out: &mut [u8],
) -> (Scales, Vec<u16>) {
    let scales = two_level::fit_block(block, group, magnitudes, &STEPS, &SPREAD);
    block.put_scale(scales.d, out);
    let groups = block.x.chunks_exact(group).zip(block.weights.chunks_exact(group));
    let indices = groups.enumerate().flat_map(|(i, (x, w))| magnitudes.indices(x, w, scales.of(i)));
    (scales, indices.collect())
}

/// The number of an odd step.
fn step_bits(step: i32) -> u8 {
    (step / 2) as u8
}

pub(super) fn write_iq2_xxs(block: &Block<'_>, out: &mut [u8]) {
    let signed = Signed::new(block, true);
    let (scales, indices) = points(&IQ2_XXS, &signed.block(block), 32, out);
    let groups =
        out[2..].chunks_exact_mut(8).zip(indices.chunks_exact(4)).zip(signed.signs.chunks_exact(4));
    for (((out, indices), signs), step) in groups.zip(scales.steps) {
        out.iter_mut().zip(indices).for_each(|(out, index)| *out = *index as u8);
        out[4..].copy_from_slice(&signs_and_step(signs, step).to_le_bytes());
    }
}

/// Four times seven signs, and a step in the upper four bits.
fn signs_and_step(signs: &[u8], step: i32) -> u32 {
    let word = u32::from(step_bits(step)) << 28;
    signs.iter().enumerate().fold(word, |word, (l, signs)| word | u32::from(signs & 127) << (7 * l))
}

pub(super) fn write_iq2_xs(block: &Block<'_>, out: &mut [u8]) {
    let signed = Signed::new(block, true);
    let (scales, indices) = points(&IQ2_XS, &signed.block(block), 16, out);
    for ((out, index), signs) in out[2..66].chunks_exact_mut(2).zip(indices).zip(signed.signs) {
        out.copy_from_slice(&(index | u16::from(signs) << 9).to_le_bytes());
    }
    put_step_pairs(&scales.steps, &mut out[66..]);
}

pub(super) fn write_iq2_s(block: &Block<'_>, out: &mut [u8]) {
    let signed = Signed::new(block, false);
    let (scales, indices) = points(&IQ2_S, &signed.block(block), 16, out);
    out[66..74].fill(0);
    for (l, (index, signs)) in indices.into_iter().zip(signed.signs).enumerate() {
        out[2 + l] = index as u8;
        out[34 + l] = signs;
        out[66 + l / 4] |= ((index >> 8) as u8) << (2 * (l % 4));
    }
    put_step_pairs(&scales.steps, &mut out[74..]);
}

/// Two steps in a byte.
fn put_step_pairs(steps: &[i32], out: &mut [u8]) {
    for (out, pair) in out.iter_mut().zip(steps.chunks_exact(2)) {
        *out = step_bits(pair[0]) | step_bits(pair[1]) << 4;
    }
}

pub(super) fn write_iq3_xxs(block: &Block<'_>, out: &mut [u8]) {
    let signed = Signed::new(block, true);
    let (scales, indices) = points(&IQ3_XXS, &signed.block(block), 32, out);
    out[2..66].iter_mut().zip(indices).for_each(|(out, index)| *out = index as u8);
    let groups = out[66..].chunks_exact_mut(4).zip(signed.signs.chunks_exact(4));
    for ((out, signs), step) in groups.zip(scales.steps) {
        out.copy_from_slice(&signs_and_step(signs, step).to_le_bytes());
    }
}

pub(super) fn write_iq3_s(block: &Block<'_>, out: &mut [u8]) {
    let signed = Signed::new(block, false);
    let (scales, indices) = points(&IQ3_S, &signed.block(block), 32, out);
    out[66..74].fill(0);
    for (k, index) in indices.into_iter().enumerate() {
        out[2 + k] = index as u8;
        out[66 + k / 8] |= ((index >> 8) as u8) << (k % 8);
    }
    out[74..106].copy_from_slice(&signed.signs);
    put_step_pairs(&scales.steps[..8], &mut out[106..]);
}
