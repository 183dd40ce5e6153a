//! Scales and minimums of 16 rows, eight to a vector.

use std::arch::x86_64::*;

use super::{Rows, join, or_masked, part, split};
use crate::block::half_e8m0;
use crate::tile::{RowLanes, TILE_ROWS, Tile};
use crate::x86_64::avx2::mem::{load_f32, load_halves, store_f32};

/// Blocks of 32 in a panel.
const N_BLOCKS: usize = 8;

/// Widens the f16 at `AT` of each block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn halves<const BYTES: usize, const AT: usize>(rows: &Rows<'_>, out: &mut [RowLanes]) {
    // Gathered well before they are widened: a vector load right behind the single stores would
    // have to wait for all of them.
    let mut halves = [[0; TILE_ROWS]; N_BLOCKS];
    for (row_idx, row) in rows.iter().enumerate() {
        for (halves, block) in halves.iter_mut().zip(row.as_chunks::<BYTES>().0) {
            halves[row_idx] = half_at(block, AT);
        }
    }
    for (out, halves) in out.iter_mut().zip(&halves) {
        for (out, halves) in out.0.as_chunks_mut().0.iter_mut().zip(halves.as_chunks().0) {
            store_f32(out, load_halves(halves));
        }
    }
}

/// Q4_1 and Q5_1: a second f16 is added, so it is a minimum with the other sign.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn with_offsets<const BYTES: usize>(rows: &Rows<'_>, tile: &mut Tile) {
    halves::<BYTES, 0>(rows, &mut tile.scales);
    halves::<BYTES, 2>(rows, &mut tile.mins);
    for mins in tile.mins.iter_mut().take(N_BLOCKS) {
        for mins in mins.0.as_chunks_mut().0 {
            store_f32(mins, _mm256_xor_ps(load_f32(mins), _mm256_set1_ps(-0.0)));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn mxfp4(rows: &Rows<'_>, tile: &mut Tile) {
    for (row_idx, row) in rows.iter().enumerate() {
        for (scales, block) in tile.scales.iter_mut().zip(row.as_chunks::<17>().0) {
            scales.0[row_idx] = half_e8m0(block[0]);
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn iq4_xs(rows: &Rows<'_>, tile: &mut Tile) {
    for half in 0..2 {
        // A head is d, the upper two bits of eight scales, and their low four bits.
        let [first, low, ..] = transpose_heads::<0>(rows, half);
        let d = widen(first);
        let high = _mm256_srli_epi32::<16>(first);
        for (i, out) in tile.scales.iter_mut().enumerate().take(N_BLOCKS) {
            let shift = |x, n: usize| _mm256_srlv_epi32(x, _mm256_set1_epi32(n as i32));
            let low = _mm256_and_si256(shift(low, 4 * i), _mm256_set1_epi32(15));
            let high = _mm256_and_si256(shift(high, 2 * i), _mm256_set1_epi32(3));
            let scale = _mm256_or_si256(low, _mm256_slli_epi32::<4>(high));
            let scale = _mm256_sub_epi32(scale, _mm256_set1_epi32(32));
            let out = &mut out.0.as_chunks_mut().0[half];
            store_f32(out, _mm256_mul_ps(d, _mm256_cvtepi32_ps(scale)));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q2_k(rows: &Rows<'_>, tile: &mut Tile) {
    for half in 0..2 {
        let (mut scales, mut mins) = ([_mm256_setzero_si256(); 4], [_mm256_setzero_si256(); 4]);
        let words = transpose_heads::<0>(rows, half);
        for ((scales, mins), word) in scales.iter_mut().zip(&mut mins).zip(words) {
            (*scales, *mins) = split(word);
        }
        scale_bytes(scales, 0, gather::<80>(rows, half), half, &mut tile.scales);
        scale_bytes(mins, 0, gather::<82>(rows, half), half, &mut tile.mins);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q3_k(rows: &Rows<'_>, tile: &mut Tile) {
    let join =
        |low, high| _mm256_or_si256(_mm256_srli_epi32::<16>(low), _mm256_slli_epi32::<16>(high));
    for half in 0..2 {
        // The last 16 bytes are two of codes, twelve of scales, and d.
        let [w0, w1, w2, w3] = transpose_heads::<94>(rows, half);
        let (a, b, top) = (join(w0, w1), join(w1, w2), join(w2, w3));
        let d = widen(_mm256_srli_epi32::<16>(w3));
        let ((a_low, a_high), (b_low, b_high)) = (split(a), split(b));
        let scales = [
            or_masked(a_low, _mm256_slli_epi32::<4>(top), 0x30),
            or_masked(b_low, _mm256_slli_epi32::<2>(top), 0x30),
            or_masked(a_high, top, 0x30),
            or_masked(b_high, _mm256_srli_epi32::<2>(top), 0x30),
        ];
        scale_bytes(scales, 32, d, half, &mut tile.scales);
    }
}

/// The head of Q4_K and Q5_K; how the 6-bit numbers lie is told at the scalar form.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q4_k<const BLOCK: usize>(rows: &Rows<'_>, tile: &mut Tile) {
    let six_bits = _mm256_set1_epi8(0x3f);
    for half in 0..2 {
        let [d, a, b, c] = transpose_heads::<0>(rows, half);
        let (c_low, c_high) = split(c);
        let scales =
            [_mm256_and_si256(a, six_bits), or_masked(c_low, _mm256_srli_epi32::<2>(a), 0x30)];
        let mins =
            [_mm256_and_si256(b, six_bits), or_masked(c_high, _mm256_srli_epi32::<2>(b), 0x30)];
        scale_bytes(scales, 0, widen(d), half, &mut tile.scales);
        scale_bytes(mins, 0, widen(_mm256_srli_epi32::<16>(d)), half, &mut tile.mins);
    }
}

/// Sixteen signed bytes per row.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q6_k(rows: &Rows<'_>, tile: &mut Tile) {
    for half in 0..2 {
        // With the sign bit flipped a byte is 128 more than what it stands for.
        let mut words = transpose_heads::<192>(rows, half);
        for word in &mut words {
            *word = _mm256_xor_si256(*word, _mm256_set1_epi8(i8::MIN));
        }
        scale_bytes(words, 128, gather::<208>(rows, half), half, &mut tile.scales);
    }
}

/// Multiplies each byte of the words, less `zero`, with its lane's factor.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn scale_bytes<const N: usize>(
    words: [__m256i; N],
    zero: i32,
    factor: __m256,
    half: usize,
    out: &mut [RowLanes; 16],
) {
    let low_byte = _mm256_set1_epi32(0xff);
    for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let bytes = [
            _mm256_and_si256(word, low_byte),
            _mm256_and_si256(_mm256_srli_epi32::<8>(word), low_byte),
            _mm256_and_si256(_mm256_srli_epi32::<16>(word), low_byte),
            _mm256_srli_epi32::<24>(word),
        ];
        for (out, byte) in out.iter_mut().zip(bytes) {
            let scale = _mm256_cvtepi32_ps(_mm256_sub_epi32(byte, _mm256_set1_epi32(zero)));
            store_f32(&mut out.0.as_chunks_mut().0[half], _mm256_mul_ps(factor, scale));
        }
    }
}

/// Transposes the 16 bytes at `AT` of half the rows to four words per lane.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn transpose_heads<const AT: usize>(rows: &Rows<'_>, half: usize) -> [__m256i; 4] {
    let rows = &rows.as_chunks::<8>().0[half];
    let pair = |i: usize| join(part(rows[i], AT), part(rows[i + 4], AT));
    let low = _mm256_unpacklo_epi32(pair(0), pair(1));
    let high = _mm256_unpackhi_epi32(pair(0), pair(1));
    let low_2 = _mm256_unpacklo_epi32(pair(2), pair(3));
    let high_2 = _mm256_unpackhi_epi32(pair(2), pair(3));
    [
        _mm256_unpacklo_epi64(low, low_2),
        _mm256_unpackhi_epi64(low, low_2),
        _mm256_unpacklo_epi64(high, high_2),
        _mm256_unpackhi_epi64(high, high_2),
    ]
}

/// Widens the f16 at `AT` of half the rows.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn gather<const AT: usize>(rows: &Rows<'_>, half: usize) -> __m256 {
    let mut halves = [0; 8];
    for (out, row) in halves.iter_mut().zip(&rows.as_chunks::<8>().0[half]) {
        *out = half_at(row, AT);
    }
    load_halves(&halves)
}

/// Widens the f16 in the low half of each lane.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn widen(words: __m256i) -> __m256 {
    let low = _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
    let (first, last) = (_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
    _mm256_cvtph_ps(_mm_packus_epi32(first, last))
}

/// The f16 at `offset`, as bits.
#[inline]
fn half_at(block: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([block[offset], block[offset + 1]])
}
