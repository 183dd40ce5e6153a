//! The integer dot product of a tile with activations.
//!
//! One 32-bit lane per matrix row. `vpdpbusd` adds four products of unsigned codes with signed
//! activations per lane; a broadcast of four activations comes with it as memory operand. Twelve
//! tokens at a time keep twelve integer and twelve float sums in registers.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_u8, store_f32};
use crate::activation::{ActivationPanel, Steps, word};
use crate::scalar::TileShape;
use crate::tile::{PANEL, RowLanes, Tile};

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
    // Batches of the same size, or nearly: a small one leaves the dot products waiting.
    let n_batches = x.len().div_ceil(MAX_TOKENS).max(1);
    let batch = x.len().div_ceil(n_batches).max(1);
    for (x, sums) in x.chunks(batch).zip(sums.chunks_mut(batch)) {
        macro_rules! mul_tokens {
            ($($n:literal)*) => {
                match x.len() {
                    $($n => {
                        let (x, _) = x.as_chunks::<$n>();
                        let (sums, _) = sums.as_chunks_mut::<$n>();
                        let tokens = (&x[0], &mut sums[0]);
                        let column = |&group_idx: &usize, _, quad: usize| {
                            load_u8(&tile.codes.as_chunks::<QUADS>().0[group_idx][quad].0)
                        };
                        mul_units::<1, QUADS, MINS, DOUBLING, $n, _>(
                            tile, n_groups, tokens, |group_idx| group_idx, column,
                        );
                    })*
                    _ => {}
                }
            };
        }
        mul_tokens!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

/// Runs the body for each group of a unit.
///
/// The compiler would not unroll a loop of this length, and a unit that is found by an index would
/// have to leave the registers.
macro_rules! each_group {
    ($n_groups:ident, |$group:ident| $body:block) => {
        each_group!($n_groups, $group, $body, 0 1 2 3 4 5 6 7)
    };
    ($n_groups:ident, $group:ident, $body:block, $($n:literal)*) => {$(
        if $n < $n_groups {
            let $group: usize = $n;
            $body
        }
    )*};
}
pub(super) use each_group;

/// Adds the products of `N` tokens, unit by unit: of so many groups each.
///
/// `load` brings a unit, by its number; `codes` gives four columns of it, by their group within
/// the unit and their place in the group. The tile's scales and minimums are used.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn mul_units<
    const GROUPS: usize,
    const QUADS: usize,
    const MINS: bool,
    const DOUBLING: bool,
    const N: usize,
    U,
>(
    tile: &Tile,
    n_groups: usize,
    (x, sums): (&[ActivationPanel; N], &mut [RowLanes; N]),
    mut load: impl FnMut(usize) -> U,
    codes: impl Fn(&U, usize, usize) -> __m512i,
) {
    // Known to the compiler, this spares a check for each group and token.
    assert!(n_groups * QUADS <= PANEL / 4);
    let mut totals = [_mm512_setzero_ps(); N];
    for (total, sums) in totals.iter_mut().zip(sums.iter()) {
        *total = start::<DOUBLING>(sums);
    }
    for unit_idx in 0..n_groups / GROUPS {
        let unit = load(unit_idx);
        each_group!(GROUPS, |group| {
            let group_idx = unit_idx * GROUPS + group;
            let mut dots = [_mm512_setzero_si512(); N];
            for (dot, x) in dots.iter_mut().zip(x) {
                *dot = _mm512_set1_epi32(x.starts[group_idx]);
            }
            for quad in 0..QUADS {
                let codes = codes(&unit, group, quad);
                for (dot, x) in dots.iter_mut().zip(x) {
                    let four = _mm512_set1_epi32(word(x.quads::<QUADS>()[group_idx][quad]));
                    *dot = _mm512_dpbusd_epi32(*dot, codes, four);
                }
            }
            let factors = (load_f32(&tile.scales[group_idx].0), load_f32(&tile.mins[group_idx].0));
            for ((total, dot), x) in totals.iter_mut().zip(dots).zip(x) {
                *total = add_group::<MINS, DOUBLING>(*total, dot, factors, (x, group_idx));
            }
        });
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
