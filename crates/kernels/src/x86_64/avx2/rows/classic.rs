//! Codes of blocks of 32: four make a step.

use std::arch::x86_64::*;

use super::{Codes, join, part, split};

/// The halves of the 16 bytes at `CODES` of each block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn nibbles<const BYTES: usize, const CODES: usize>(row: &[u8], step: usize) -> Codes {
    let blocks = step_blocks::<BYTES>(row, step);
    let piece = |i: usize| part(&blocks[i], CODES);
    let (a, b) = split(join(piece(0), piece(1)));
    let (c, d) = split(join(piece(2), piece(3)));
    [a, b, c, d]
}

/// As [`nibbles`], with the word of fifth bits at `BITS` of each block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn five_bits<const BYTES: usize, const BITS: usize, const CODES: usize>(
    row: &[u8],
    step: usize,
) -> Codes {
    let mut codes = nibbles::<BYTES, CODES>(row, step);
    let blocks = step_blocks::<BYTES>(row, step);
    // Each byte of the word eight times, then one bit of each.
    let first_half = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0, 0x0101_0101_0101_0101);
    let last_half = _mm256_add_epi8(first_half, _mm256_set1_epi8(2));
    let bits = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let sixteen = _mm256_set1_epi8(16);
    for (pair, codes) in codes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let word =
            |i: usize| _mm_cvtsi32_si128(i32::from_le_bytes(*part(&blocks[2 * pair + i], BITS)));
        let words = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(word(0)), word(1));
        for (codes, half) in codes.iter_mut().zip([first_half, last_half]) {
            let found = _mm256_and_si256(_mm256_shuffle_epi8(words, half), bits);
            let set = _mm256_cmpeq_epi8(found, bits);
            *codes = _mm256_or_si256(*codes, _mm256_and_si256(set, sixteen));
        }
    }
    codes
}

/// Codes with a sign.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q8_0(row: &[u8], step: usize) -> Codes {
    let blocks = step_blocks::<34>(row, step);
    let half = |i: usize, at: usize| join(part(&blocks[i], at), part(&blocks[i + 1], at));
    [half(0, 2), half(0, 18), half(2, 2), half(2, 18)]
}

/// The blocks of a step.
#[inline]
fn step_blocks<const BYTES: usize>(row: &[u8], step: usize) -> &[[u8; BYTES]; 4] {
    &row.as_chunks::<BYTES>().0.as_chunks().0[step]
}
