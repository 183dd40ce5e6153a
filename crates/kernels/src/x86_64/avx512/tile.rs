//! The integer dot product of a tile with activations.
//!
//! One 32-bit lane per matrix row. `vpdpbusd` adds four products of unsigned codes with signed
//! activations per lane; a broadcast of four activations comes with it as memory operand. Twelve
//! tokens at a time keep twelve integer and twelve float sums in registers.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_u8, store_f32};
use crate::activation::{ActivationPanel, word};
use crate::scalar::TileShape;
use crate::tile::{RowLanes, Tile};

/// Tokens that fit the registers: two sums each, and one vector of codes.
const MAX_TOKENS: usize = 12;

/// See [`crate::scalar::mul_tile`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_tile(
    tile: &Tile,
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    match (shape.group, shape.has_mins) {
        (16, false) => mul_batch::<4, false>(tile, shape.n_groups, x, sums),
        (16, true) => mul_batch::<4, true>(tile, shape.n_groups, x, sums),
        (_, false) => mul_batch::<8, false>(tile, shape.n_groups, x, sums),
        (_, true) => mul_batch::<8, true>(tile, shape.n_groups, x, sums),
    }
}

/// `QUADS` is the group's length in steps of four columns.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_batch<const QUADS: usize, const MINS: bool>(
    tile: &Tile,
    n_groups: usize,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    let (x_chunks, x) = x.as_chunks::<MAX_TOKENS>();
    let (sums_chunks, sums) = sums.as_chunks_mut::<MAX_TOKENS>();
    for (x, sums) in x_chunks.iter().zip(sums_chunks) {
        mul_tokens::<QUADS, MINS, MAX_TOKENS>(tile, n_groups, x, sums);
    }
    macro_rules! mul_rest {
        ($($n:literal)*) => {
            match x.len() {
                $($n => {
                    let (x, _) = x.as_chunks::<$n>();
                    let (sums, _) = sums.as_chunks_mut::<$n>();
                    mul_tokens::<QUADS, MINS, $n>(tile, n_groups, &x[0], &mut sums[0]);
                })*
                _ => {}
            }
        };
    }
    mul_rest!(1 2 3 4 5 6 7 8 9 10 11);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_tokens<const QUADS: usize, const MINS: bool, const N: usize>(
    tile: &Tile,
    n_groups: usize,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
) {
    let mut totals = [_mm512_setzero_ps(); N];
    for (total, sums) in totals.iter_mut().zip(sums.iter()) {
        *total = load_f32(&sums.0);
    }
    let groups = tile.codes.as_chunks::<QUADS>().0.iter().zip(&tile.scales).zip(&tile.mins);
    for (group_idx, ((codes, scales), mins)) in groups.enumerate().take(n_groups) {
        let mut dots = [_mm512_setzero_si512(); N];
        for (dot, x) in dots.iter_mut().zip(x) {
            *dot = _mm512_set1_epi32(x.starts[group_idx]);
        }
        for (quad, codes) in codes.iter().enumerate() {
            let codes = load_u8(&codes.0);
            for (dot, x) in dots.iter_mut().zip(x) {
                let four = _mm512_set1_epi32(word(x.quads::<QUADS>()[group_idx][quad]));
                *dot = _mm512_dpbusd_epi32(*dot, codes, four);
            }
        }
        let scales = load_f32(&scales.0);
        for ((total, dot), x) in totals.iter_mut().zip(dots).zip(x) {
            let factor = _mm512_mul_ps(scales, _mm512_set1_ps(x.scales[group_idx]));
            *total = _mm512_add_ps(*total, _mm512_mul_ps(_mm512_cvtepi32_ps(dot), factor));
        }
        if MINS {
            let mins = load_f32(&mins.0);
            for (total, x) in totals.iter_mut().zip(x) {
                let share = _mm512_mul_ps(mins, _mm512_set1_ps(x.sums[group_idx]));
                *total = _mm512_sub_ps(*total, share);
            }
        }
    }
    for (total, sums) in totals.into_iter().zip(sums) {
        store_f32(&mut sums.0, total);
    }
}
