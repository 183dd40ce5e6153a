//! The integer dot product of a tile with activations.
//!
//! One 32-bit lane per matrix row. `vpdpbusd` adds four products of unsigned codes with signed
//! activations per lane; a broadcast of four activations comes with it as memory operand. Twelve
//! tokens at a time keep twelve integer and twelve float sums in registers.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_u8, store_f32};
use crate::activation::{ActivationPanel, Steps, word};
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
    match (shape.group, shape.has_mins, shape.steps) {
        (16, false, Steps::Own) => mul_batch::<4, false, false>(tile, shape.n_groups, x, sums),
        (16, true, Steps::Own) => mul_batch::<4, true, false>(tile, shape.n_groups, x, sums),
        (_, false, Steps::Own) => mul_batch::<8, false, false>(tile, shape.n_groups, x, sums),
        (_, true, Steps::Own) => mul_batch::<8, true, false>(tile, shape.n_groups, x, sums),
        (16, false, Steps::Doubling) => mul_batch::<4, false, true>(tile, shape.n_groups, x, sums),
        (16, true, Steps::Doubling) => mul_batch::<4, true, true>(tile, shape.n_groups, x, sums),
        (_, false, Steps::Doubling) => mul_batch::<8, false, true>(tile, shape.n_groups, x, sums),
        (_, true, Steps::Doubling) => mul_batch::<8, true, true>(tile, shape.n_groups, x, sums),
    }
}

/// `QUADS` is the group's length in steps of four columns.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_batch<const QUADS: usize, const MINS: bool, const DOUBLING: bool>(
    tile: &Tile,
    n_groups: usize,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    let (x_chunks, x) = x.as_chunks::<MAX_TOKENS>();
    let (sums_chunks, sums) = sums.as_chunks_mut::<MAX_TOKENS>();
    for (x, sums) in x_chunks.iter().zip(sums_chunks) {
        mul_tokens::<QUADS, MINS, DOUBLING, MAX_TOKENS>(tile, n_groups, x, sums);
    }
    macro_rules! mul_rest {
        ($($n:literal)*) => {
            match x.len() {
                $($n => {
                    let (x, _) = x.as_chunks::<$n>();
                    let (sums, _) = sums.as_chunks_mut::<$n>();
                    mul_tokens::<QUADS, MINS, DOUBLING, $n>(tile, n_groups, &x[0], &mut sums[0]);
                })*
                _ => {}
            }
        };
    }
    mul_rest!(1 2 3 4 5 6 7 8 9 10 11);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_tokens<const QUADS: usize, const MINS: bool, const DOUBLING: bool, const N: usize>(
    tile: &Tile,
    n_groups: usize,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
) {
    let mut totals = [_mm512_setzero_ps(); N];
    for (total, sums) in totals.iter_mut().zip(sums.iter()) {
        *total = start::<DOUBLING>(sums);
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
        let factors = (load_f32(&scales.0), load_f32(&mins.0));
        for ((total, dot), x) in totals.iter_mut().zip(dots).zip(x) {
            *total = add_group::<MINS, DOUBLING>(*total, dot, factors, (x, group_idx));
        }
    }
    for ((total, x), sums) in totals.into_iter().zip(x).zip(sums) {
        finish::<DOUBLING>(total, x, sums);
    }
}

/// Where a panel's total begins.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn start<const DOUBLING: bool>(sums: &RowLanes) -> __m512 {
    if DOUBLING { _mm512_setzero_ps() } else { load_f32(&sums.0) }
}

/// Adds a group's share to the total.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn add_group<const MINS: bool, const DOUBLING: bool>(
    total: __m512,
    dot: __m512i,
    (scales, mins): (__m512, __m512),
    (x, group_idx): (&ActivationPanel, usize),
) -> __m512 {
    let dot = _mm512_cvtepi32_ps(dot);
    let sum = _mm512_set1_ps(x.sums[group_idx]);
    if DOUBLING {
        let exponent = _mm512_set1_epi32(x.exponent(group_idx));
        let dot = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(dot), exponent));
        let total = _mm512_fmadd_ps(dot, scales, total);
        return if MINS { _mm512_fnmadd_ps(mins, sum, total) } else { total };
    }
    let factor = _mm512_mul_ps(scales, _mm512_set1_ps(x.scale(group_idx)));
    let total = _mm512_add_ps(total, _mm512_mul_ps(dot, factor));
    if MINS { _mm512_sub_ps(total, _mm512_mul_ps(mins, sum)) } else { total }
}

/// Puts a panel's total into the sums.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn finish<const DOUBLING: bool>(
    total: __m512,
    x: &ActivationPanel,
    sums: &mut RowLanes,
) {
    let sum = match DOUBLING {
        true => _mm512_fmadd_ps(total, _mm512_set1_ps(x.step), load_f32(&sums.0)),
        false => total,
    };
    store_f32(&mut sums.0, sum);
}
