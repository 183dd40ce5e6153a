//! K-quants: one block per row and panel. Layouts are described in
//! `block/k_quants.rs`.

use std::arch::x86_64::*;

use super::halves::{low_halves, widen};
use super::{Codes, Job, half, is_few, or_masked, split, words, words_32};
use crate::tile::{RowLanes, Tile};
use crate::x86_64::avx512::blocks::Blocks;
use crate::x86_64::avx512::mem::store_f32;

/// Q4_K: a unit is a quarter, low halves and high halves of its bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_k<const N: usize>(job: Job<'_, N>) {
    job.run::<144, 2, 8, true, true, _, _>(
        |blocks, tile| scales_q4_k(blocks, tile),
        |blocks, (), _, quarter| words_32(blocks, 16 + 32 * quarter),
        |columns, group, quad| half::<N>(columns[quad], group),
    );
}

/// Q5_K: as Q4_K, with bits `2 k` and `2 k + 1` of the high bits for quarter `k`, which are brought
/// to bits 4 and 5.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_k<const N: usize>(job: Job<'_, N>) {
    job.run::<176, 2, 8, true, true, _, _>(
        |blocks, tile| {
            scales_q4_k(blocks, tile);
            words_32(blocks, 16)
        },
        |blocks, high_bits, _, quarter| {
            let mut high = *high_bits;
            for high in &mut high {
                *high = match quarter {
                    0 => _mm512_slli_epi16::<4>(*high),
                    1 => _mm512_slli_epi16::<2>(*high),
                    2 => *high,
                    _ => _mm512_srli_epi16::<2>(*high),
                };
            }
            (words_32(blocks, 48 + 32 * quarter), high)
        },
        |(columns, high), group, quad| match (group, is_few(N)) {
            (0, _) => {
                let low = _mm512_and_si512(columns[quad], _mm512_set1_epi8(0xf));
                Codes::plain(or_masked(low, high[quad], 0x10))
            }
            // Doubled once: the high bit is where it goes then.
            (_, true) => {
                let low = _mm512_srli_epi16::<3>(columns[quad]);
                let low = _mm512_and_si512(low, _mm512_set1_epi8(0x1e));
                Codes { codes: or_masked(low, high[quad], 0x20), doublings: 1 }
            }
            _ => {
                let [_, low] = split(columns[quad]);
                Codes::plain(or_masked(low, _mm512_srli_epi16::<1>(high[quad]), 0x10))
            }
        },
    );
}

/// Q6_K: a unit is a half, whose eight groups are two to each 32 columns. Groups 0 to 3 are the
/// low halves of 64 bytes, the others the high halves; the upper two bits of all come from the same
/// 32 bytes, the lowest bits first.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q6_k<const N: usize>(job: Job<'_, N>) {
    job.run::<210, 8, 4, false, true, _, _>(
        |blocks, tile| scales_q6_k(blocks, tile),
        |blocks, (), _, half| {
            let low = [words_32(blocks, 64 * half), words_32(blocks, 64 * half + 32)];
            (low, words_32(blocks, 128 + 32 * half))
        },
        |(low, high), group, quad| {
            let word = group % 2 * 4 + quad;
            let low = split(low[group / 2 % 2][word])[group / 4];
            let high = match group / 2 {
                0 => _mm512_slli_epi16::<4>(high[word]),
                1 => _mm512_slli_epi16::<2>(high[word]),
                2 => high[word],
                _ => _mm512_srli_epi16::<2>(high[word]),
            };
            Codes::plain(or_masked(low, high, 0x30))
        },
    );
}

/// Q2_K: a unit is a half.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q2_k<const N: usize>(job: Job<'_, N>) {
    job.run::<84, 8, 4, true, true, _, _>(
        |blocks, tile| scales_q2_k(blocks, tile),
        |blocks, (), _, half| words_32(blocks, 16 + 32 * half),
        |columns, group, quad| Codes::plain(crumbs(columns, group, quad)),
    );
}

/// Q3_K: a unit is a half; bit `4 * half + k` of the high bits belongs to its columns from
/// `32 k` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q3_k<const N: usize>(job: Job<'_, N>) {
    job.run::<110, 8, 4, false, true, _, _>(
        |blocks, tile| {
            scales_q3_k(blocks, tile);
            words_32(blocks, 0)
        },
        |blocks, high_bits, _, half| {
            // Bit 2 is where they go.
            let rotate = |k: i32| _mm512_set1_epi32(2 - k - 4 * half as i32);
            let rotate = [rotate(0), rotate(1), rotate(2), rotate(3)];
            (words_32(blocks, 32 + 32 * half), *high_bits, rotate)
        },
        |(columns, high_bits, rotate), group, quad| {
            let word = group % 2 * 4 + quad;
            let high_bit = _mm512_rolv_epi32(high_bits[word], rotate[group / 2]);
            Codes::plain(or_masked(crumbs(columns, group, quad), high_bit, 4))
        },
    );
}

/// Two bits of each byte, from the lowest up: two groups of 16 columns each time.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn crumbs(columns: &[__m512i; 8], group: usize, quad: usize) -> __m512i {
    let shift = _mm512_set1_epi32(2 * (group / 2) as i32);
    let bits = _mm512_srlv_epi32(columns[group % 2 * 4 + quad], shift);
    _mm512_and_si512(bits, _mm512_set1_epi8(3))
}

/// Sixteen bytes per row, a scale and a minimum in the halves of each.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_q2_k(blocks: &Blocks<'_, 84>, tile: &mut Tile) {
    let (d, dmin) = (widen(blocks, 80), widen(blocks, 82));
    let (mut scales, mut mins) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
    for ((scale, min), word) in scales.iter_mut().zip(&mut mins).zip(words(blocks, 0)) {
        [*scale, *min] = split(word);
    }
    scale_bytes(scales, 0, d, &mut tile.scales);
    scale_bytes(mins, 0, dmin, &mut tile.mins);
}

/// Sixteen 6-bit scales; how they lie is told at the scalar form.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_q3_k(blocks: &Blocks<'_, 110>, tile: &mut Tile) {
    // The last 16 bytes are two of codes, twelve of scales, and d.
    let [w0, w1, w2, w3] = words(blocks, 94);
    let join =
        |low, high| _mm512_or_si512(_mm512_srli_epi32::<16>(low), _mm512_slli_epi32::<16>(high));
    let (a, b, top) = (join(w0, w1), join(w1, w2), join(w2, w3));
    let d = low_halves(_mm512_srli_epi32::<16>(w3));
    let ([a_low, a_high], [b_low, b_high]) = (split(a), split(b));
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
fn scales_q6_k(blocks: &Blocks<'_, 210>, tile: &mut Tile) {
    let d = widen(blocks, 208);
    let words = words(blocks, 192);
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
fn scales_q4_k<const BLOCK: usize>(blocks: &Blocks<'_, BLOCK>, tile: &mut Tile) {
    let [d, a, b, c] = words(blocks, 0);
    let dmin = low_halves(_mm512_srli_epi32::<16>(d));
    let d = low_halves(d);
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
