//! The integer dot product of a tile with activations.
//!
//! One 32-bit lane per matrix row, four rows to a vector. Activations are loaded 16 at a time;
//! which four of them meet the rows is part of the instruction. Codes are multiplied as signed
//! numbers: those of formats that go beyond 127 have their zero at 128, so that flipping the top
//! bit leaves `code - ZERO`, and sums start at 0 instead of at `-ZERO * sum(q)`.

use std::arch::aarch64::*;

use super::bytes::Dot;
use super::mem::{load_f32, load_i8, load_u8, store_f32};
use super::pairs;
use crate::activation::{ActivationPanel, Steps};
use crate::scalar::TileShape;
use crate::tile::{CodeLanes, RowLanes, TILE_ROWS, Tile};

/// Tokens whose integer sums fit the registers, beside four vectors of codes.
pub(super) const MAX_TOKENS: usize = 4;
/// Vectors that a number per row takes.
pub(super) const VECS: usize = TILE_ROWS / 4;

/// The integer sums of all rows.
pub(super) type Dots = [int32x4_t; VECS];

/// Multiplies a tile with each token; see [`crate::scalar::mul_tiles`].
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn mul_tile<D: Dot>(
    dot: D,
    (tile, shape): (&Tile, TileShape),
    (x, sums): (&[ActivationPanel], &mut [RowLanes]),
) {
    for (x, sums) in x.chunks(MAX_TOKENS).zip(sums.chunks_mut(MAX_TOKENS)) {
        macro_rules! mul {
            ($($n:literal)*) => {
                match x.len() {
                    $($n => {
                        let (x, sums) = (&x.as_chunks().0[0], &mut sums.as_chunks_mut().0[0]);
                        mul_tokens::<D, $n>(dot, (tile, shape), x, sums);
                    })*
                    _ => {}
                }
            };
        }
        mul!(1 2 3 4);
    }
}

/// Multiplies a tile with `N` tokens.
#[target_feature(enable = "neon")]
fn mul_tokens<D: Dot, const N: usize>(
    dot: D,
    (tile, shape): (&Tile, TileShape),
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
) {
    let steps = shape.group / 16;
    let mut totals = [[vdupq_n_f32(0.0); VECS]; N];
    for (totals, sums) in totals.iter_mut().zip(sums.iter()) {
        for (total, sums) in totals.iter_mut().zip(sums.0.as_chunks().0) {
            *total = start(shape.steps, sums);
        }
    }
    for group_idx in 0..shape.n_groups {
        let codes = &tile.codes.as_chunks::<4>().0[group_idx * steps..][..steps];
        let dots = match (shape.wide_codes, dot.pairs()) {
            (true, Some(dot)) if N.is_multiple_of(2) => {
                pairs::dot_group::<N, true>(dot, codes, group_idx, x)
            }
            (false, Some(dot)) if N.is_multiple_of(2) => {
                pairs::dot_group::<N, false>(dot, codes, group_idx, x)
            }
            (true, _) => dot_group::<D, N, true>(dot, codes, group_idx, x),
            (false, _) => dot_group::<D, N, false>(dot, codes, group_idx, x),
        };
        for ((dots, x), totals) in dots.into_iter().zip(x).zip(&mut totals) {
            for (quad, (total, dot)) in totals.iter_mut().zip(dots).enumerate() {
                let factors = Factors::of(tile, group_idx, quad, shape);
                *total = add_share(*total, dot, factors, (x, group_idx));
            }
        }
    }
    for ((totals, x), sums) in totals.into_iter().zip(x).zip(sums) {
        for (total, sums) in totals.into_iter().zip(sums.0.as_chunks_mut().0) {
            finish(total, (x, shape.steps), sums);
        }
    }
}

/// The integer sums of one group, `[steps]` times 16 columns.
#[target_feature(enable = "neon")]
#[inline]
fn dot_group<D: Dot, const N: usize, const WIDE: bool>(
    dot: D,
    codes: &[[CodeLanes; 4]],
    group_idx: usize,
    x: &[ActivationPanel; N],
) -> [Dots; N] {
    let mut dots = [[vdupq_n_s32(0); VECS]; N];
    if !WIDE {
        for (dots, x) in dots.iter_mut().zip(x) {
            *dots = [vdupq_n_s32(x.starts[group_idx]); VECS];
        }
    }
    let first = group_idx * codes.len();
    for (step, codes) in codes.iter().enumerate() {
        let mut pieces = [vdupq_n_s8(0); N];
        for (piece, token) in pieces.iter_mut().zip(x) {
            *piece = load_i8(&token.codes.as_chunks().0[first + step]);
        }
        let [a, b, c, d] = codes;
        add_quad::<D, N, 0, WIDE>(dot, a, &pieces, &mut dots);
        add_quad::<D, N, 1, WIDE>(dot, b, &pieces, &mut dots);
        add_quad::<D, N, 2, WIDE>(dot, c, &pieces, &mut dots);
        add_quad::<D, N, 3, WIDE>(dot, d, &pieces, &mut dots);
    }
    dots
}

/// Adds the products of four columns: number `LANE` of the words of `x`.
#[target_feature(enable = "neon")]
#[inline]
fn add_quad<D: Dot, const N: usize, const LANE: i32, const WIDE: bool>(
    dot: D,
    codes: &CodeLanes,
    x: &[int8x16_t; N],
    dots: &mut [Dots; N],
) {
    for (i, codes) in codes.0.as_chunks::<16>().0.iter().enumerate() {
        let codes = sign::<WIDE>(load_u8(codes));
        for (dots, &x) in dots.iter_mut().zip(x) {
            dots[i] = dot.add_lane::<LANE>(dots[i], codes, x);
        }
    }
}

/// Codes as they are multiplied.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn sign<const WIDE: bool>(codes: uint8x16_t) -> int8x16_t {
    vreinterpretq_s8_u8(if WIDE { veorq_u8(codes, vdupq_n_u8(0x80)) } else { codes })
}

/// The factors of four rows in a group.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    scales: float32x4_t,
    mins: Option<float32x4_t>,
    steps: Steps,
}

impl Factors {
    /// Those of rows `4 quad ..`.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn of(tile: &Tile, group_idx: usize, quad: usize, shape: TileShape) -> Self {
        let load = |lanes: &RowLanes| load_f32(&lanes.0.as_chunks().0[quad]);
        let mins = shape.has_mins.then(|| load(&tile.mins[group_idx]));
        Self { scales: load(&tile.scales[group_idx]), mins, steps: shape.steps }
    }
}

/// Where the total of four rows begins.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn start(steps: Steps, sums: &[f32; 4]) -> float32x4_t {
    match steps {
        Steps::Own => load_f32(sums),
        Steps::Doubling => vdupq_n_f32(0.0),
    }
}

/// Adds a group's share to the total of four rows.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn add_share(
    total: float32x4_t,
    dot: int32x4_t,
    Factors { scales, mins, steps }: Factors,
    (x, group_idx): (&ActivationPanel, usize),
) -> float32x4_t {
    let (dot, sum) = (vcvtq_f32_s32(dot), x.sums[group_idx]);
    if steps == Steps::Doubling {
        let bits = vaddq_s32(vreinterpretq_s32_f32(dot), vdupq_n_s32(x.exponent(group_idx)));
        let total = vfmaq_f32(total, vreinterpretq_f32_s32(bits), scales);
        return match mins {
            Some(mins) => vfmsq_n_f32(total, mins, sum),
            None => total,
        };
    }
    let factor = vmulq_n_f32(scales, x.scale(group_idx));
    let total = vaddq_f32(total, vmulq_f32(dot, factor));
    match mins {
        Some(mins) => vsubq_f32(total, vmulq_n_f32(mins, sum)),
        None => total,
    }
}

/// Puts the total of four rows into their sums.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn finish(
    total: float32x4_t,
    (x, steps): (&ActivationPanel, Steps),
    sums: &mut [f32; 4],
) {
    let sum = match steps {
        Steps::Own => total,
        Steps::Doubling => vfmaq_n_f32(load_f32(sums), total, x.step),
    };
    store_f32(sums, sum);
}
