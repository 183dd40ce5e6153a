//! The integer dot product of a tile with activations.
//!
//! One 32-bit lane per matrix row, eight rows at a time. `vpmaddubsw` adds two products of
//! unsigned codes with signed activations to 16 bits, which is exact for codes up to 127; larger
//! codes are multiplied in two parts, the top bit apart.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_u8, store_f32};
use crate::activation::{ActivationPanel, Steps};
use crate::scalar::TileShape;
use crate::tile::{RowLanes, Tile};

/// Tokens whose sums fit the registers.
const MAX_TOKENS: usize = 6;

/// See [`crate::scalar::mul_tiles`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn mul_tiles(
    tiles: &[Tile],
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    for (tile, sums) in tiles.iter().zip(sums.chunks_exact_mut(x.len())) {
        mul_tile(tile, shape, x, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn mul_tile(tile: &Tile, shape: TileShape, x: &[ActivationPanel], sums: &mut [RowLanes]) {
    by_batches!((x, sums), MAX_TOKENS, 1 2 3 4 5 6, {
        mul_half::<_, 0>(tile, shape, x, sums);
        mul_half::<_, 1>(tile, shape, x, sums);
    });
}

/// Half `HALF` of the rows.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_half<const N: usize, const HALF: usize>(
    tile: &Tile,
    shape: TileShape,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
) {
    let mut totals = [_mm256_setzero_ps(); N];
    for (total, sums) in totals.iter_mut().zip(sums.iter()) {
        *total = start(shape.steps, &sums.0.as_chunks().0[HALF]);
    }
    for group_idx in 0..shape.n_groups {
        let dots = if shape.wide_codes {
            dot_group::<N, HALF, true>(tile, shape.group, group_idx, x)
        } else {
            dot_group::<N, HALF, false>(tile, shape.group, group_idx, x)
        };
        for ((dot, x), total) in dots.into_iter().zip(x).zip(&mut totals) {
            *total = add_group((tile, HALF, group_idx), shape, x, dot, *total);
        }
    }
    // By reference: an iterator that owns its array would keep the totals in memory.
    for ((&total, x), sums) in totals.iter().zip(x).zip(sums) {
        finish(total, (x, shape.steps), &mut sums.0.as_chunks_mut().0[HALF]);
    }
}

/// Where the total of half the rows begins.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn start(steps: Steps, sums: &[f32; 8]) -> __m256 {
    match steps {
        Steps::Own => load_f32(sums),
        Steps::Doubling => _mm256_setzero_ps(),
    }
}

/// Puts the total of half the rows into their sums.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn finish(total: __m256, (x, steps): (&ActivationPanel, Steps), sums: &mut [f32; 8]) {
    let sum = match steps {
        Steps::Own => total,
        Steps::Doubling => _mm256_fmadd_ps(total, _mm256_set1_ps(x.step), load_f32(sums)),
    };
    store_f32(sums, sum);
}

/// Adds a group's products to the totals of half the rows.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_group(
    (tile, half, group_idx): (&Tile, usize, usize),
    shape: TileShape,
    x: &ActivationPanel,
    dot: __m256i,
    total: __m256,
) -> __m256 {
    let scales = load_f32(&tile.scales[group_idx].0.as_chunks().0[half]);
    let mins = || load_f32(&tile.mins[group_idx].0.as_chunks().0[half]);
    let (dot, sum) = (_mm256_cvtepi32_ps(dot), _mm256_set1_ps(x.sums[group_idx]));
    if shape.steps == Steps::Doubling {
        let exponent = _mm256_set1_epi32(x.exponent(group_idx));
        let bits = _mm256_add_epi32(_mm256_castps_si256(dot), exponent);
        let total = _mm256_fmadd_ps(_mm256_castsi256_ps(bits), scales, total);
        return if shape.has_mins { _mm256_fnmadd_ps(mins(), sum, total) } else { total };
    }
    let factor = _mm256_mul_ps(scales, _mm256_set1_ps(x.scale(group_idx)));
    let total = _mm256_add_ps(total, _mm256_mul_ps(dot, factor));
    if shape.has_mins { _mm256_sub_ps(total, _mm256_mul_ps(mins(), sum)) } else { total }
}

/// The integer sums of one group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn dot_group<const N: usize, const HALF: usize, const WIDE: bool>(
    tile: &Tile,
    group: usize,
    group_idx: usize,
    x: &[ActivationPanel; N],
) -> [__m256i; N] {
    let ones = _mm256_set1_epi16(1);
    let low_bits = _mm256_set1_epi8(127);
    let mut dots = [_mm256_setzero_si256(); N];
    for (dot, x) in dots.iter_mut().zip(x) {
        *dot = _mm256_set1_epi32(x.starts[group_idx]);
    }
    let first = group_idx * group / 4;
    for quad in first..first + group / 4 {
        let codes = load_u8(&tile.codes[quad].0.as_chunks().0[HALF]);
        let low = if WIDE { _mm256_and_si256(codes, low_bits) } else { codes };
        for (dot, x) in dots.iter_mut().zip(x) {
            let four = _mm256_set1_epi32(x.word(quad));
            let pairs = _mm256_maddubs_epi16(low, four);
            *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
            if WIDE {
                let pairs = _mm256_maddubs_epi16(_mm256_andnot_si256(low_bits, codes), four);
                *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    dots
}
