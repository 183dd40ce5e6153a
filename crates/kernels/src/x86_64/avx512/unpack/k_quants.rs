//! K-quants: one block per row and panel. Layouts are described in
//! `block/k_quants.rs`.

use std::arch::x86_64::*;

use super::{
    HalfLanes, Rows, first_blocks, half_at, load_words, or_masked, parts, split, transpose_heads,
    widen,
};
use crate::tile::{RowLanes, TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_u8, store_f32, store_u8};
use crate::x86_64::avx512::transpose::transpose_16x16;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q4_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<144>(rows);
    scales_q4_k::<144>(rows, tile);
    for (half, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let columns = transpose_16x16(load_words(parts(blocks, 16 + 64 * half)));
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
    scales_q4_k::<176>(rows, tile);
    // The high bits and the first quarter are neighbours.
    let columns = transpose_16x16(load_words(parts(blocks, 16)));
    let (high_bits, first) = columns.split_at(8);
    let second_and_third = transpose_16x16(load_words(parts(blocks, 80)));
    // The eight words behind it repeat the third quarter.
    let fourth = transpose_16x16(load_words(parts(blocks, 112)));
    let quarters = [first, &second_and_third[..8], &second_and_third[8..], &fourth[8..]];
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
    let high_bits = transpose_16x16(load_words(parts(blocks, 128)));
    for (half, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let columns = transpose_16x16(load_words(parts(blocks, 64 * half)));
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
    scales_q6_k(rows, tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q2_k(rows: &Rows<'_>, tile: &mut Tile) {
    unpack_crumbs(parts(first_blocks::<84>(rows), 16), tile);
    scales_q2_k(rows, tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q2_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<84>(rows);
    let mut halves: [HalfLanes; 2] = [[0; TILE_ROWS]; 2];
    for (row_idx, block) in blocks.into_iter().enumerate() {
        halves[0][row_idx] = half_at(block, 80);
        halves[1][row_idx] = half_at(block, 82);
    }
    let low_halves = _mm512_set1_epi8(15);
    let words = transpose_heads(parts(blocks, 0));
    let (mut scales, mut mins) = (words, words);
    for (scale, min) in scales.iter_mut().zip(&mut mins) {
        *min = _mm512_and_si512(_mm512_srli_epi32::<4>(*scale), low_halves);
        *scale = _mm512_and_si512(*scale, low_halves);
    }
    scale_bytes(scales, 0, widen(&halves[0]), &mut tile.scales);
    scale_bytes(mins, 0, widen(&halves[1]), &mut tile.mins);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q3_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<110>(rows);
    unpack_crumbs(parts(blocks, 32), tile);
    // What lies behind the high bits is not used.
    let high_bits = transpose_16x16(load_words(parts(blocks, 0)));
    for (j, codes) in tile.codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // Bit j goes to bit 2, within its byte.
        let rotate = _mm512_set1_epi32(2 - j as i32);
        for (codes, &bits) in codes.iter_mut().zip(&high_bits) {
            let code = or_masked(load_u8(&codes.0), _mm512_rolv_epi32(bits, rotate), 4);
            store_u8(&mut codes.0, code);
        }
    }
    scales_q3_k(rows, tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q3_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<110>(rows);
    // The last 16 bytes are two of codes, twelve of scales, and d.
    let [w0, w1, w2, w3] = transpose_heads(parts(blocks, 94));
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

/// Two bits per element, in halves of 128 elements over 32 bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn unpack_crumbs(bytes: [&[u8; 64]; TILE_ROWS], tile: &mut Tile) {
    let columns = transpose_16x16(load_words(bytes));
    let halves = tile.codes.as_chunks_mut::<32>().0.iter_mut().zip(columns.as_chunks::<8>().0);
    for (out, columns) in halves {
        for (k, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let shift = _mm512_set1_epi32(2 * k as i32);
            for (out, &column) in out.iter_mut().zip(columns) {
                let crumbs = _mm512_srlv_epi32(column, shift);
                store_u8(&mut out.0, _mm512_and_si512(crumbs, _mm512_set1_epi8(3)));
            }
        }
    }
}

/// Sixteen signed bytes per row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_q6_k(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<210>(rows);
    let mut halves: HalfLanes = [0; TILE_ROWS];
    for (half, block) in halves.iter_mut().zip(blocks) {
        *half = half_at(block, 208);
    }
    let words = transpose_heads(parts(blocks, 192));
    let d = widen(&halves);
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
pub(in crate::x86_64::avx512) fn scales_q4_k<const BLOCK: usize>(rows: &Rows<'_>, tile: &mut Tile) {
    let [d, a, b, c] = transpose_heads(parts(first_blocks::<BLOCK>(rows), 0));
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
