//! Q4_K, Q5_K and Q6_K: one block per row and panel. Layouts are described in
//! `block/k_quants.rs`.

use std::arch::x86_64::*;

use super::{HalfLanes, Rows, first_blocks, half_at, parts, transpose_heads, widen};
use crate::tile::{RowLanes, TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_u8, load_u8x32, store_f32, store_u8};
use crate::x86_64::avx512::transpose::transpose_16x16;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q4_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<144>(rows);
    unpack_scales(parts(blocks, 0), tile);
    for (half, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let columns = transpose_at(parts(blocks, 16 + 64 * half));
        for (w, column) in columns.into_iter().enumerate() {
            let (low, high) = split(column);
            let quad = w / 8 * 16 + w % 8;
            store_u8(&mut out[quad].0, low);
            store_u8(&mut out[quad + 8].0, high);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q5_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<176>(rows);
    unpack_scales(parts(blocks, 0), tile);
    // The high bits and the first quarter are neighbours.
    let columns = transpose_at(parts(blocks, 16));
    let (high_bits, first) = columns.split_at(8);
    let second_and_third = transpose_at(parts(blocks, 80));
    let fourth = transpose_half_at(parts(blocks, 144));
    let quarters = [first, &second_and_third[..8], &second_and_third[8..], &fourth[..8]];
    let outs = tile.codes.as_chunks_mut::<16>().0;
    for (k, (out, quarter)) in outs.iter_mut().zip(quarters).enumerate() {
        // Bits 2 k and 2 k + 1 of the high bits are this quarter's; bit 4 is where they go.
        let rotate_low = _mm512_set1_epi32(4 - 2 * k as i32);
        let rotate_high = _mm512_set1_epi32(3 - 2 * k as i32);
        for (w, (&column, &high_bits)) in quarter.iter().zip(high_bits).enumerate() {
            let (low, high) = split(column);
            let for_low = _mm512_rolv_epi32(high_bits, rotate_low);
            let for_high = _mm512_rolv_epi32(high_bits, rotate_high);
            store_u8(&mut out[w].0, or_masked(low, for_low, 0x10));
            store_u8(&mut out[w + 8].0, or_masked(high, for_high, 0x10));
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q6_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<210>(rows);
    let mut halves: HalfLanes = [0; TILE_ROWS];
    for (half, block) in halves.iter_mut().zip(blocks) {
        *half = half_at(block, 208);
    }
    let high_bits = transpose_at(parts(blocks, 128));
    for (half, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let columns = transpose_at(parts(blocks, 64 * half));
        let high_bits = &high_bits[8 * half..][..8];
        for (w, column) in columns.into_iter().enumerate() {
            let (low, high) = split(column);
            // Quads w and w + 16: bits 0 or 2, and 4 or 6, of the same bytes; they go to bit 4.
            let bits = high_bits[w % 8];
            let (for_low, for_high) = if w < 8 {
                (_mm512_slli_epi16::<4>(bits), bits)
            } else {
                (_mm512_slli_epi16::<2>(bits), _mm512_srli_epi16::<2>(bits))
            };
            store_u8(&mut out[w].0, or_masked(low, for_low, 0x30));
            store_u8(&mut out[w + 16].0, or_masked(high, for_high, 0x30));
        }
    }
    unpack_q6_k_scales(parts(blocks, 192), widen(&halves), &mut tile.scales);
}

/// Sixteen signed bytes per row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn unpack_q6_k_scales(scales: [&[u8; 16]; TILE_ROWS], d: __m512, out: &mut [RowLanes; 16]) {
    for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(transpose_heads(scales)) {
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
fn unpack_scales(heads: [&[u8; 16]; TILE_ROWS], tile: &mut Tile) {
    let [d, a, b, c] = transpose_heads(heads);
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
    scale_bytes(scales, d, &mut tile.scales);
    scale_bytes(mins, dmin, &mut tile.mins);
}

/// Multiplies each byte of the words with its lane's factor.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scale_bytes(words: [__m512i; 2], factor: __m512, out: &mut [RowLanes; 16]) {
    let low_byte = _mm512_set1_epi32(0xff);
    for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let bytes = [
            _mm512_and_si512(word, low_byte),
            _mm512_and_si512(_mm512_srli_epi32::<8>(word), low_byte),
            _mm512_and_si512(_mm512_srli_epi32::<16>(word), low_byte),
            _mm512_srli_epi32::<24>(word),
        ];
        for (out, byte) in out.iter_mut().zip(bytes) {
            store_f32(&mut out.0, _mm512_mul_ps(factor, _mm512_cvtepi32_ps(byte)));
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn transpose_at(parts: [&[u8; 64]; TILE_ROWS]) -> [__m512i; 16] {
    let mut words = [_mm512_setzero_si512(); TILE_ROWS];
    for (word, part) in words.iter_mut().zip(parts) {
        *word = load_u8(part);
    }
    transpose_16x16(words)
}

/// The first eight columns are meaningful.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn transpose_half_at(parts: [&[u8; 32]; TILE_ROWS]) -> [__m512i; 16] {
    let mut words = [_mm512_setzero_si512(); TILE_ROWS];
    for (word, part) in words.iter_mut().zip(parts) {
        *word = _mm512_castsi256_si512(load_u8x32(part));
    }
    transpose_16x16(words)
}

/// The halves of each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn split(bytes: __m512i) -> (__m512i, __m512i) {
    let low_halves = _mm512_set1_epi8(15);
    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_halves);
    (_mm512_and_si512(bytes, low_halves), high)
}

/// `x | (y & mask)`, the mask in each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn or_masked(x: __m512i, y: __m512i, mask: i8) -> __m512i {
    // Truth table of a | (b & c).
    _mm512_ternarylogic_epi32::<0b1111_1000>(x, y, _mm512_set1_epi8(mask))
}
