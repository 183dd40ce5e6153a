//! Products of 14-bit codes; see [`crate::wide`].
//!
//! One 32-bit lane per matrix row, eight rows at a time. `vpmaddwd` adds two products of 16-bit
//! codes per lane. Weights are rounded row by row.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_i16, load_u8, load_u8x16, store_f32, store_i16};
use super::quantize::{largest, round_to_words};
use crate::activation::{GROUP, GROUPS};
use crate::row_span::RowSpan;
use crate::tile::RowLanes;
use crate::wide::{
    GROUP_BYTES, LEAST_EXPONENT, MANTISSA_BITS, PANEL_BYTES, WidePanel, WideTile, n_groups, step,
};
use crate::x86_64::prefetch;

/// Tokens whose sums fit the registers.
const MAX_TOKENS: usize = 6;

/// See [`crate::scalar::quantize_wide`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn quantize_wide(x: &[f32], panel: &mut WidePanel) {
    panel.round(
        x,
        |x| largest(x),
        |x, inverse, codes| {
            for (words, out) in round_to_words(x, inverse).into_iter().zip(codes.as_chunks_mut().0)
            {
                store_i16(out, words);
            }
        },
    );
}

/// See [`crate::scalar::mul_wide`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn mul_wide(
    spans: &[RowSpan<'_>],
    x: &[WidePanel],
    sums: &mut [RowLanes],
    tiles: &mut [WideTile],
) {
    let (n_tokens, tile) = (sums.len() / spans.len(), &mut tiles[0]);
    for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(n_tokens)) {
        for (panel, x) in span.panels(PANEL_BYTES, x, n_tokens) {
            prefetch(panel.ahead.as_ptr(), panel.ahead.len());
            for (row_idx, row) in panel.rows.iter().enumerate() {
                tile.set_row(row_idx, row, |group| round_group(group));
            }
            mul_tile(tile, n_groups(panel.n_bytes()), x, sums);
        }
    }
}

/// The step of a group, and its codes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn round_group(group: &[u8; GROUP_BYTES]) -> (f32, [i16; GROUP]) {
    let exponent = largest_magnitude(group) >> MANTISSA_BITS;
    let step = step(exponent.max(LEAST_EXPONENT));
    // Steps are powers of two: their inverses are exact, and so are products with them.
    let inverse = _mm256_set1_ps(1.0 / step);
    let (half, sign) = (_mm256_set1_ps(0.5), _mm256_set1_ps(-0.0));
    let mut codes = [0; GROUP];
    for (halves, out) in
        group.as_chunks::<16>().0.as_chunks::<2>().0.iter().zip(codes.as_chunks_mut().0)
    {
        let mut rounded = [_mm256_setzero_si256(); 2];
        for (rounded, bits) in rounded.iter_mut().zip(halves) {
            let x = _mm256_mul_ps(_mm256_cvtph_ps(load_u8x16(bits)), inverse);
            // Half a step away from zero, then cut off.
            let half = _mm256_or_ps(half, _mm256_and_ps(x, sign));
            *rounded = _mm256_cvttps_epi32(_mm256_add_ps(x, half));
        }
        // Packing works within 128-bit parts.
        let packed = _mm256_packs_epi32(rounded[0], rounded[1]);
        store_i16(out, _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
    }
    (step, codes)
}

/// The bits of a group's largest element without its sign.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn largest_magnitude(group: &[u8; GROUP_BYTES]) -> u32 {
    let magnitude = _mm256_set1_epi16(i16::MAX);
    let [low, high] = [0, 1].map(|i| load_u8(&group.as_chunks().0[i]));
    let magnitude = |x| _mm256_and_si256(x, magnitude);
    let max = _mm256_max_epu16(magnitude(low), magnitude(high));
    let max = _mm_max_epu16(_mm256_castsi256_si128(max), _mm256_extracti128_si256::<1>(max));
    // There is an instruction for the smallest of eight words.
    let rest = _mm_minpos_epu16(_mm_xor_si128(max, _mm_set1_epi16(-1)));
    0xffff ^ (_mm_cvtsi128_si32(rest) as u32 & 0xffff)
}

/// Adds a tile's products with each token's activations to the token's sums.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_tile(tile: &WideTile, n_groups: usize, x: &[WidePanel], sums: &mut [RowLanes]) {
    by_batches!((x, sums), MAX_TOKENS, 1 2 3 4 5 6, {
        mul_half::<_, 0>(tile, n_groups, x, sums);
        mul_half::<_, 1>(tile, n_groups, x, sums);
    });
}

/// Half `HALF` of the rows.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_half<const N: usize, const HALF: usize>(
    tile: &WideTile,
    n_groups: usize,
    x: &[WidePanel; N],
    sums: &mut [RowLanes; N],
) {
    // Known to the compiler, this spares a check for each group and token.
    assert!(n_groups <= GROUPS);
    let mut totals = [_mm256_setzero_ps(); N];
    for group_idx in 0..n_groups {
        let mut dots = [_mm256_setzero_si256(); N];
        for pair_idx in group_idx * GROUP / 2..(group_idx + 1) * GROUP / 2 {
            let codes = load_i16(&tile.codes[pair_idx].0.as_chunks().0[HALF]);
            for (dot, x) in dots.iter_mut().zip(x) {
                let two = _mm256_set1_epi32(x.word(pair_idx));
                *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(codes, two));
            }
        }
        let steps = load_f32(&tile.steps[group_idx].0.as_chunks().0[HALF]);
        for ((total, &dot), x) in totals.iter_mut().zip(&dots).zip(x) {
            let exponent = _mm256_set1_epi32(x.exponents[group_idx].cast_signed());
            let dot = _mm256_castps_si256(_mm256_cvtepi32_ps(dot));
            let doubled = _mm256_castsi256_ps(_mm256_add_epi32(dot, exponent));
            *total = _mm256_fmadd_ps(doubled, steps, *total);
        }
    }
    // By reference: iterators that own arrays would keep the totals in memory.
    for ((&total, x), sums) in totals.iter().zip(x).zip(sums) {
        let sums = &mut sums.0.as_chunks_mut().0[HALF];
        store_f32(sums, _mm256_fmadd_ps(total, _mm256_set1_ps(x.step), load_f32(sums)));
    }
}
