//! Products of 14-bit codes; see [`crate::wide`].
//!
//! One 32-bit lane per matrix row. `vpdpwssd` adds two products of 16-bit codes per lane. Six tokens
//! at a time meet two tiles, as in [`tile`](super::tile), so that a broadcast of two activations
//! serves two products.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_i16, load_u8, store_f32, store_i16, store_i16x16};
use super::quantize::largest;
use super::transpose::transpose_16x16;
use crate::activation::{GROUP, GROUPS};
use crate::row_span::RowSpan;
use crate::tile::{RowLanes, TILE_ROWS};
use crate::wide::{
    GROUP_BYTES, LEAST_EXPONENT, MANTISSA_BITS, PANEL_BYTES, PairLanes, SHIFT, SPECIAL_EXPONENT,
    STEP_OFFSET, WidePanel, WideTile, n_groups, padded,
};
use crate::x86_64::prefetch;

/// See [`crate::scalar::quantize_wide`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn quantize_wide(x: &[f32], panel: &mut WidePanel) {
    panel.round(x, |x| largest(x), |x, inverse, codes| round(x, inverse, codes));
}

/// Rounds `x * inverse`, ties to even.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn round(x: &[f32; GROUP], inverse: f32, codes: &mut [i16; GROUP]) {
    let inverse = _mm512_set1_ps(inverse);
    for (x, codes) in x.as_chunks().0.iter().zip(codes.as_chunks_mut().0) {
        let rounded = _mm512_cvtps_epi32(_mm512_mul_ps(load_f32(x), inverse));
        store_i16x16(codes, _mm512_cvtepi32_epi16(rounded));
    }
}

/// See [`crate::scalar::mul_wide`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_wide(
    spans: &[RowSpan<'_>],
    x: &[WidePanel],
    sums: &mut [RowLanes],
    tiles: &mut [WideTile],
) {
    let n_tokens = sums.len() / spans.len();
    for (panel_idx, x) in x.chunks_exact(n_tokens).enumerate() {
        let mut n_bytes = 0;
        for (span, tile) in spans.iter().zip(tiles.iter_mut()) {
            let panel = span.slice(panel_idx * PANEL_BYTES, (panel_idx + 1) * PANEL_BYTES);
            n_bytes = panel.n_bytes();
            round_tile(&panel, tile);
        }
        mul_tiles(tiles, n_groups(n_bytes), x, sums);
    }
}

/// Rounds a panel of 16 rows, and asks for what lies ahead.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn round_tile(panel: &RowSpan<'_>, tile: &mut WideTile) {
    let mut ahead = panel.ahead.chunks(TILE_ROWS * GROUP_BYTES);
    let (codes, _) = tile.codes.as_chunks_mut();
    for (group_idx, (codes, steps)) in codes.iter_mut().zip(&mut tile.steps).enumerate() {
        let mut group = [_mm512_setzero_si512(); TILE_ROWS];
        for (words, row) in group.iter_mut().zip(panel.rows) {
            let bytes = row.get(group_idx * GROUP_BYTES..).unwrap_or_default();
            *words = match bytes.first_chunk() {
                Some(bytes) => load_u8(bytes),
                None if bytes.is_empty() => return,
                None => load_u8(&padded(bytes)),
            };
        }
        if let Some(ahead) = ahead.next() {
            prefetch(ahead.as_ptr(), ahead.len());
        }
        round_group(transpose_16x16(group), codes, steps);
    }
}

/// Rounds a group of columns, of which each vector holds two, one row per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn round_group(
    columns: [__m512i; GROUP / 2],
    codes: &mut [PairLanes; GROUP / 2],
    steps: &mut RowLanes,
) {
    let zero = _mm512_setzero_si512();
    let magnitude = |column| _mm512_and_si512(column, _mm512_set1_epi16(i16::MAX));
    let mut largest = zero;
    for column in columns {
        largest = _mm512_max_epu16(largest, magnitude(column));
    }
    let exponents = _mm512_srli_epi16::<MANTISSA_BITS>(largest);
    let low = _mm512_and_si512(exponents, _mm512_set1_epi32(0xffff));
    let exponent = _mm512_max_epi32(low, _mm512_srli_epi32::<16>(exponents));
    let exponent = _mm512_max_epi32(exponent, _mm512_set1_epi32(LEAST_EXPONENT as i32));
    let step = _mm512_add_epi32(exponent, _mm512_set1_epi32(STEP_OFFSET as i32));
    let step = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(step));
    let special = _mm512_set1_epi32(SPECIAL_EXPONENT as i32);
    let is_special = _mm512_cmpeq_epi32_mask(exponent, special);
    store_f32(&mut steps.0, _mm512_mask_mov_ps(step, is_special, _mm512_set1_ps(f32::NAN)));

    let exponent = _mm512_or_si512(exponent, _mm512_slli_epi32::<16>(exponent));
    let one = _mm512_set1_epi16(1 << MANTISSA_BITS);
    let mantissa = _mm512_set1_epi16((1 << MANTISSA_BITS) - 1);
    for (column, out) in columns.into_iter().zip(codes) {
        let own = _mm512_srli_epi16::<MANTISSA_BITS>(magnitude(column));
        let significand = _mm512_and_si512(column, mantissa);
        let is_normal = _mm512_test_epi16_mask(own, own);
        let significand = _mm512_mask_add_epi16(significand, is_normal, significand, one);
        let places = _mm512_sub_epi16(exponent, _mm512_max_epu16(own, _mm512_set1_epi16(1)));
        let shifted = _mm512_sllv_epi16(significand, _mm512_set1_epi16(SHIFT as i16));
        // `(x + 1) / 2`.
        let code = _mm512_avg_epu16(_mm512_srlv_epi16(shifted, places), zero);
        let code = _mm512_mask_sub_epi16(code, _mm512_movepi16_mask(column), zero, code);
        store_i16(&mut out.0, code);
    }
}

/// Adds tiles' products with each token's activations to the token's sums.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_tiles(tiles: &[WideTile], n_groups: usize, x: &[WidePanel], sums: &mut [RowLanes]) {
    by_blocks!((tiles, x, sums), mul_block(tiles, n_groups, x, sums));
}

/// Multiplies `T` tiles with `N` tokens, whose sums with one tile lie `stride` behind those with the
/// tile before.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline(never)]
fn mul_block<const T: usize, const N: usize>(
    tiles: &[WideTile; T],
    n_groups: usize,
    x: &[WidePanel; N],
    (sums, stride): (&mut [RowLanes], usize),
) {
    // Known to the compiler, this spares a check for each group and token.
    assert!(n_groups <= GROUPS);
    let mut totals = [[_mm512_setzero_ps(); N]; T];
    for group_idx in 0..n_groups {
        let mut dots = [[_mm512_setzero_si512(); N]; T];
        for pair_idx in group_idx * GROUP / 2..(group_idx + 1) * GROUP / 2 {
            let mut codes = [_mm512_setzero_si512(); T];
            for (codes, tile) in codes.iter_mut().zip(tiles) {
                *codes = load_i16(&tile.codes[pair_idx].0);
            }
            for (token_idx, x) in x.iter().enumerate() {
                let two = _mm512_set1_epi32(x.word(pair_idx));
                for (dots, codes) in dots.iter_mut().zip(codes) {
                    dots[token_idx] = _mm512_dpwssd_epi32(dots[token_idx], codes, two);
                }
            }
        }
        for ((totals, dots), tile) in totals.iter_mut().zip(&dots).zip(tiles) {
            let steps = load_f32(&tile.steps[group_idx].0);
            for ((total, &dot), x) in totals.iter_mut().zip(dots).zip(x) {
                let exponent = _mm512_set1_epi32(x.exponents[group_idx].cast_signed());
                let dot = _mm512_castps_si512(_mm512_cvtepi32_ps(dot));
                let doubled = _mm512_castsi512_ps(_mm512_add_epi32(dot, exponent));
                *total = _mm512_fmadd_ps(doubled, steps, *total);
            }
        }
    }
    // By reference: an iterator that owns its array would keep the totals in memory.
    for (tile_idx, totals) in totals.iter().enumerate() {
        let sums = &mut sums[tile_idx * stride..][..N];
        for ((&total, x), sums) in totals.iter().zip(x).zip(sums) {
            let sum = _mm512_fmadd_ps(total, _mm512_set1_ps(x.step), load_f32(&sums.0));
            store_f32(&mut sums.0, sum);
        }
    }
}
