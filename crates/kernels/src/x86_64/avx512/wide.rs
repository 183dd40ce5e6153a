//! Products of 14-bit codes; see [`crate::wide`].
//!
//! One 32-bit lane per matrix row. `vpdpwssd` adds two products of 16-bit codes per lane; a
//! broadcast of two activations comes with it as memory operand. Twelve tokens at a time keep
//! twelve integer and twelve float sums in registers.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_i16, load_u8, store_f32, store_i16, store_i16x16};
use super::quantize::largest;
use super::transpose::transpose_16x16;
use crate::activation::{GROUP, GROUPS};
use crate::row_span::RowSpan;
use crate::tile::{RowLanes, TILE_ROWS};
use crate::wide::{
    GROUP_BYTES, HalfType, PANEL_BYTES, PairLanes, WidePanel, WideTile, n_groups, padded,
};
use crate::x86_64::prefetch;

/// Tokens that fit the registers: two sums each, and one vector of codes.
const MAX_TOKENS: usize = 12;

// A const parameter cannot be a struct yet.
const F16: u32 = HalfType::F16.mantissa_bits;
const BF16: u32 = HalfType::BF16.mantissa_bits;

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
    ty: HalfType,
    span: &RowSpan<'_>,
    x: &[WidePanel],
    sums: &mut [RowLanes],
    tile: &mut WideTile,
) {
    for (panel, x) in span.panels(PANEL_BYTES, x, sums.len()) {
        if ty == HalfType::F16 {
            round_tile::<F16>(&panel, tile);
        } else {
            round_tile::<BF16>(&panel, tile);
        }
        mul_tile(tile, n_groups(panel.n_bytes()), x, sums);
    }
}

/// Rounds a panel of 16 rows, and asks for what lies ahead.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn round_tile<const MANTISSA_BITS: u32>(panel: &RowSpan<'_>, tile: &mut WideTile) {
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
        round_group::<MANTISSA_BITS>(transpose_16x16(group), codes, steps);
    }
}

/// Rounds a group of columns, of which each vector holds two, one row per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn round_group<const MANTISSA_BITS: u32>(
    columns: [__m512i; GROUP / 2],
    codes: &mut [PairLanes; GROUP / 2],
    steps: &mut RowLanes,
) {
    let ty = const { HalfType { mantissa_bits: MANTISSA_BITS } };
    let zero = _mm512_setzero_si512();
    let magnitude = |column| _mm512_and_si512(column, _mm512_set1_epi16(i16::MAX));
    let mut largest = zero;
    for column in columns {
        largest = _mm512_max_epu16(largest, magnitude(column));
    }
    let exponents = _mm512_srli_epi16::<MANTISSA_BITS>(largest);
    let low = _mm512_and_si512(exponents, _mm512_set1_epi32(0xffff));
    let exponent = _mm512_max_epi32(low, _mm512_srli_epi32::<16>(exponents));
    let exponent = _mm512_max_epi32(exponent, _mm512_set1_epi32(ty.least_exponent() as i32));
    let step = _mm512_add_epi32(exponent, _mm512_set1_epi32(ty.step_offset()));
    let step = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(step));
    let special = _mm512_set1_epi32(ty.special_exponent() as i32);
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
        let shifted = _mm512_sllv_epi16(significand, _mm512_set1_epi16(ty.shift() as i16));
        // `(x + 1) / 2`.
        let code = _mm512_avg_epu16(_mm512_srlv_epi16(shifted, places), zero);
        let code = _mm512_mask_sub_epi16(code, _mm512_movepi16_mask(column), zero, code);
        store_i16(&mut out.0, code);
    }
}

/// Adds a tile's products with each token's activations to the token's sums.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_tile(tile: &WideTile, n_groups: usize, x: &[WidePanel], sums: &mut [RowLanes]) {
    by_batches!((x, sums), MAX_TOKENS, 1 2 3 4 5 6 7 8 9 10 11 12, {
        mul_tokens(tile, n_groups, x, sums)
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_tokens<const N: usize>(
    tile: &WideTile,
    n_groups: usize,
    x: &[WidePanel; N],
    sums: &mut [RowLanes; N],
) {
    // Known to the compiler, this spares a check for each group and token.
    assert!(n_groups <= GROUPS);
    let mut totals = [_mm512_setzero_ps(); N];
    for group_idx in 0..n_groups {
        let mut dots = [_mm512_setzero_si512(); N];
        for (pair_idx, codes) in
            tile.codes.as_chunks::<{ GROUP / 2 }>().0[group_idx].iter().enumerate()
        {
            let codes = load_i16(&codes.0);
            for (dot, x) in dots.iter_mut().zip(x) {
                let two = _mm512_set1_epi32(x.word(group_idx * GROUP / 2 + pair_idx));
                *dot = _mm512_dpwssd_epi32(*dot, codes, two);
            }
        }
        let steps = load_f32(&tile.steps[group_idx].0);
        for ((total, dot), x) in totals.iter_mut().zip(dots).zip(x) {
            let exponent = _mm512_set1_epi32(x.exponents[group_idx].cast_signed());
            let dot = _mm512_castps_si512(_mm512_cvtepi32_ps(dot));
            let doubled = _mm512_castsi512_ps(_mm512_add_epi32(dot, exponent));
            *total = _mm512_fmadd_ps(doubled, steps, *total);
        }
    }
    for ((total, x), sums) in totals.into_iter().zip(x).zip(sums) {
        let sum = _mm512_fmadd_ps(total, _mm512_set1_ps(x.step), load_f32(&sums.0));
        store_f32(&mut sums.0, sum);
    }
}
