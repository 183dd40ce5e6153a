//! The integer dot product of a tile with pairs of tokens.
//!
//! `smmla` multiplies a matrix of two rows by eight columns with two tokens' activations of the
//! same columns: twice the products of an `sdot`. Two steps of four columns of a tile, woven
//! together, are such matrices, and so are two tokens' halves of a vector.

use std::arch::aarch64::*;

use super::bytes::I8mm;
use super::mem::{load_i8, load_u8};
use super::tile::{Dots, MAX_TOKENS, VECS, sign};
use crate::activation::ActivationPanel;
use crate::tile::CodeLanes;

/// Most pairs of tokens.
const MAX_PAIRS: usize = MAX_TOKENS / 2;

/// The integer sums of one group, `[steps]` times 16 columns, for an even number of tokens.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn dot_group<const N: usize, const WIDE: bool>(
    dot: I8mm,
    codes: &[[CodeLanes; 4]],
    group_idx: usize,
    x: &[ActivationPanel; N],
) -> [Dots; N] {
    debug_assert!(N.is_multiple_of(2) && N <= MAX_TOKENS);
    let pairs = x.as_chunks::<2>().0;
    // Two rows each, and two tokens: row 0 with both, row 1 with both.
    let mut sums = [[vdupq_n_s32(0); 2 * VECS]; MAX_PAIRS];
    if !WIDE {
        for (sums, [a, b]) in sums.iter_mut().zip(pairs) {
            let starts = [a, b].map(|token| vdupq_n_s32(token.starts[group_idx]));
            *sums = [vzip1q_s32(starts[0], starts[1]); 2 * VECS];
        }
    }
    let first = group_idx * codes.len();
    for (step, codes) in codes.iter().enumerate() {
        let mut halves = [[vdupq_n_s8(0); 2]; MAX_PAIRS];
        for (halves, pair) in halves.iter_mut().zip(pairs) {
            *halves = weave_tokens(pair, first + step);
        }
        for (half, quads) in codes.as_chunks::<2>().0.iter().enumerate() {
            for i in 0..VECS {
                let [low, high] = weave_rows::<WIDE>(quads, i);
                for (sums, halves) in sums.iter_mut().zip(&halves).take(N / 2) {
                    sums[2 * i] = dot.add_pairs(sums[2 * i], low, halves[half]);
                    sums[2 * i + 1] = dot.add_pairs(sums[2 * i + 1], high, halves[half]);
                }
            }
        }
    }
    let mut dots = [[vdupq_n_s32(0); VECS]; N];
    for ([a, b], sums) in dots.as_chunks_mut::<2>().0.iter_mut().zip(&sums) {
        for i in 0..VECS {
            a[i] = vuzp1q_s32(sums[2 * i], sums[2 * i + 1]);
            b[i] = vuzp2q_s32(sums[2 * i], sums[2 * i + 1]);
        }
    }
    dots
}

/// The first eight of 16 activations of both tokens, then the last eight.
#[target_feature(enable = "neon")]
#[inline]
fn weave_tokens([a, b]: &[ActivationPanel; 2], piece_idx: usize) -> [int8x16_t; 2] {
    let load =
        |x: &ActivationPanel| vreinterpretq_s64_s8(load_i8(&x.codes.as_chunks().0[piece_idx]));
    let (a, b) = (load(a), load(b));
    [vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))]
}

/// Eight columns of rows `4 i` and `4 i + 1`, then of the next two.
#[target_feature(enable = "neon")]
#[inline]
fn weave_rows<const WIDE: bool>(quads: &[CodeLanes; 2], i: usize) -> [int8x16_t; 2] {
    let load =
        |quad: &CodeLanes| vreinterpretq_s32_s8(sign::<WIDE>(load_u8(&quad.0.as_chunks().0[i])));
    let (a, b) = (load(&quads[0]), load(&quads[1]));
    [vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b))]
}
