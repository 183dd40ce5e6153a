//! K-quants: one block per row and panel. Layouts are described in
//! `block/k_quants.rs`.

use std::arch::x86_64::*;

use super::{Rows, Tokens, mul_units, or_masked, panels, part, split, unit, words};
use crate::tile::{CodeLanes, RowLanes, TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_u16, store_f32, store_u8};

/// Q4_K: a unit is a quarter, low halves and high halves of its bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_k<const N: usize>(rows: &Rows<'_>, tokens: Tokens<'_, N>, tile: &mut Tile) {
    let rows = &panels::<144>(rows);
    scales_q4_k(rows, tile);
    mul_units::<16, 8, true, true, N, _>(tile, 8, tokens, |quarter, tile| {
        let out = unit::<16>(tile, quarter);
        let columns = words_32(rows, 16 + 32 * quarter);
        for (w, column) in columns.into_iter().enumerate() {
            let (low, high) = split(column);
            store_u8(&mut out[w].0, low);
            store_u8(&mut out[w + 8].0, high);
        }
    });
}

/// Q5_K: as Q4_K, with bits `2 k` and `2 k + 1` of the high bits for quarter `k`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_k<const N: usize>(rows: &Rows<'_>, tokens: Tokens<'_, N>, tile: &mut Tile) {
    let rows = &panels::<176>(rows);
    scales_q4_k(rows, tile);
    let high_bits = words_32(rows, 16);
    mul_units::<16, 8, true, true, N, _>(tile, 8, tokens, |quarter, tile| {
        let out = unit::<16>(tile, quarter);
        // Bit 4 is where they go.
        let rotate_low = _mm512_set1_epi32(4 - 2 * quarter as i32);
        let rotate_high = _mm512_set1_epi32(3 - 2 * quarter as i32);
        let columns = words_32(rows, 48 + 32 * quarter);
        for (w, (column, high_bits)) in columns.into_iter().zip(high_bits).enumerate() {
            let (low, high) = split(column);
            let for_low = _mm512_rolv_epi32(high_bits, rotate_low);
            let for_high = _mm512_rolv_epi32(high_bits, rotate_high);
            store_u8(&mut out[w].0, or_masked(low, for_low, 0x10));
            store_u8(&mut out[w + 8].0, or_masked(high, for_high, 0x10));
        }
    });
}

/// Q6_K: a unit is a half.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q6_k<const N: usize>(rows: &Rows<'_>, tokens: Tokens<'_, N>, tile: &mut Tile) {
    let rows = &panels::<210>(rows);
    scales_q6_k(rows, tile);
    mul_units::<32, 4, false, true, N, _>(tile, 16, tokens, |half, tile| {
        let out = unit::<32>(tile, half);
        let high_bits = words_32(rows, 128 + 32 * half);
        // Quads w and w + 16: bits 0 or 2, and 4 or 6, of the same bytes; they go to bit 4.
        for (w, column) in words_32(rows, 64 * half).into_iter().enumerate() {
            let (low, high) = split(column);
            let bits = high_bits[w];
            store_u8(&mut out[w].0, or_masked(low, _mm512_slli_epi16::<4>(bits), 0x30));
            store_u8(&mut out[w + 16].0, or_masked(high, bits, 0x30));
        }
        for (w, column) in words_32(rows, 64 * half + 32).into_iter().enumerate() {
            let (low, high) = split(column);
            let bits = high_bits[w];
            let for_low = _mm512_slli_epi16::<2>(bits);
            let for_high = _mm512_srli_epi16::<2>(bits);
            store_u8(&mut out[w + 8].0, or_masked(low, for_low, 0x30));
            store_u8(&mut out[w + 24].0, or_masked(high, for_high, 0x30));
        }
    });
}

/// Q2_K: a unit is a half.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q2_k<const N: usize>(rows: &Rows<'_>, tokens: Tokens<'_, N>, tile: &mut Tile) {
    let rows = &panels::<84>(rows);
    scales_q2_k(rows, tile);
    mul_units::<32, 4, true, true, N, _>(tile, 16, tokens, |half, tile| {
        let out = unit::<32>(tile, half);
        store_crumbs(words_32(rows, 16 + 32 * half), out, |_, _, crumbs| crumbs);
    });
}

/// Q3_K: a unit is a half; bit `4 * half + k` of the high bits belongs to its columns from
/// `32 k` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q3_k<const N: usize>(rows: &Rows<'_>, tokens: Tokens<'_, N>, tile: &mut Tile) {
    let rows = &panels::<110>(rows);
    scales_q3_k(rows, tile);
    let high_bits = words_32(rows, 0);
    mul_units::<32, 4, false, true, N, _>(tile, 16, tokens, |half, tile| {
        let out = unit::<32>(tile, half);
        store_crumbs(words_32(rows, 32 + 32 * half), out, |k, w, crumbs| {
            // To bit 2, within its byte.
            let rotate = _mm512_set1_epi32(2 - (4 * half + k) as i32);
            or_masked(crumbs, _mm512_rolv_epi32(high_bits[w], rotate), 4)
        });
    });
}

/// Two bits of each byte, from the lowest up, in steps of 32 columns; `map` makes codes of them,
/// by their step and word.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn store_crumbs(
    columns: [__m512i; 8],
    out: &mut [CodeLanes; 32],
    map: impl Fn(usize, usize, __m512i) -> __m512i,
) {
    for (k, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let shift = _mm512_set1_epi32(2 * k as i32);
        for (w, (out, column)) in out.iter_mut().zip(columns).enumerate() {
            let crumbs = _mm512_and_si512(_mm512_srlv_epi32(column, shift), _mm512_set1_epi8(3));
            store_u8(&mut out.0, map(k, w, crumbs));
        }
    }
}

/// 32 bytes of each row, as eight words per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn words_32<const BLOCK: usize>(rows: &[&[u8; BLOCK]; TILE_ROWS], offset: usize) -> [__m512i; 8] {
    let [a, b, c, d] = words(rows, offset);
    let [e, f, g, h] = words(rows, offset + 16);
    [a, b, c, d, e, f, g, h]
}

/// Widens the f16 at `offset` of each block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn widen<const BLOCK: usize>(rows: &[&[u8; BLOCK]; TILE_ROWS], offset: usize) -> __m512 {
    let mut halves = [0; TILE_ROWS];
    for (half, row) in halves.iter_mut().zip(rows) {
        *half = u16::from_le_bytes(*part(*row, offset));
    }
    _mm512_cvtph_ps(load_u16(&halves))
}

/// Sixteen bytes per row, a scale and a minimum in the halves of each.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q2_k(rows: &[&[u8; 84]; TILE_ROWS], tile: &mut Tile) {
    let (d, dmin) = (widen(rows, 80), widen(rows, 82));
    let (mut scales, mut mins) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
    for ((scale, min), word) in scales.iter_mut().zip(&mut mins).zip(words(rows, 0)) {
        (*scale, *min) = split(word);
    }
    scale_bytes(scales, 0, d, &mut tile.scales);
    scale_bytes(mins, 0, dmin, &mut tile.mins);
}

/// Sixteen 6-bit scales; how they lie is told at the scalar form.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q3_k(rows: &[&[u8; 110]; TILE_ROWS], tile: &mut Tile) {
    // The last 16 bytes are two of codes, twelve of scales, and d.
    let [w0, w1, w2, w3] = words(rows, 94);
    let join =
        |low, high| _mm512_or_si512(_mm512_srli_epi32::<16>(low), _mm512_slli_epi32::<16>(high));
    let (a, b, top) = (join(w0, w1), join(w1, w2), join(w2, w3));
    let d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(w3)));
    let ((a_low, a_high), (b_low, b_high)) = (split(a), split(b));
    let scales = [
        or_masked(a_low, _mm512_slli_epi32::<4>(top), 0x30),
        or_masked(b_low, _mm512_slli_epi32::<2>(top), 0x30),
        or_masked(a_high, top, 0x30),
        or_masked(b_high, _mm512_srli_epi32::<2>(top), 0x30),
    ];
    scale_bytes(scales, 32, d, &mut tile.scales);
}

/// Sixteen signed bytes per row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q6_k(rows: &[&[u8; 210]; TILE_ROWS], tile: &mut Tile) {
    let d = widen(rows, 208);
    let words = words(rows, 192);
    for (out, word) in tile.scales.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let bytes = [
            _mm512_slli_epi32::<24>(word),
            _mm512_slli_epi32::<16>(word),
            _mm512_slli_epi32::<8>(word),
            word,
        ];
        for (out, byte) in out.iter_mut().zip(bytes) {
            let scale = _mm512_cvtepi32_ps(_mm512_srai_epi32::<24>(byte));
            store_f32(&mut out.0, _mm512_mul_ps(d, scale));
        }
    }
}

/// The head of Q4_K and Q5_K; how the 6-bit numbers lie is told at the scalar form.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q4_k<const BLOCK: usize>(
    rows: &[&[u8; BLOCK]; TILE_ROWS],
    tile: &mut Tile,
) {
    let [d, a, b, c] = words(rows, 0);
    let dmin = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(d)));
    let d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(d));
    let six_bits = _mm512_set1_epi32(0x3f3f_3f3f);
    let low_halves = _mm512_set1_epi32(0x0f0f_0f0f);
    let top = |word| or_masked(_mm512_setzero_si512(), _mm512_srli_epi32::<2>(word), 0x30);
    let scales =
        [_mm512_and_si512(a, six_bits), _mm512_or_si512(_mm512_and_si512(c, low_halves), top(a))];
    let mins = [
        _mm512_and_si512(b, six_bits),
        _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32::<4>(c), low_halves), top(b)),
    ];
    scale_bytes(scales, 0, d, &mut tile.scales);
    scale_bytes(mins, 0, dmin, &mut tile.mins);
}

/// Multiplies each byte of the words, less `zero`, with its lane's factor.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scale_bytes<const N: usize>(
    words: [__m512i; N],
    zero: i32,
    factor: __m512,
    out: &mut [RowLanes; 16],
) {
    let low_byte = _mm512_set1_epi32(0xff);
    for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let bytes = [
            _mm512_and_si512(word, low_byte),
            _mm512_and_si512(_mm512_srli_epi32::<8>(word), low_byte),
            _mm512_and_si512(_mm512_srli_epi32::<16>(word), low_byte),
            _mm512_srli_epi32::<24>(word),
        ];
        for (out, byte) in out.iter_mut().zip(bytes) {
            let scale = _mm512_cvtepi32_ps(_mm512_sub_epi32(byte, _mm512_set1_epi32(zero)));
            store_f32(&mut out.0, _mm512_mul_ps(factor, scale));
        }
    }
}
