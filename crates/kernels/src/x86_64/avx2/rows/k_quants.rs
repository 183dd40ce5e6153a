//! Codes of blocks of 256, two steps each. Layouts are described in `block/k_quants.rs`.

use std::arch::x86_64::*;

use super::{Codes, join, or_masked, part, split};
use crate::x86_64::avx2::mem::{load_u8, load_u8x16};

/// The halves of 64 bytes, so that both parts of a group are at the same place of two vectors.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn quarters<const BLOCK: usize, const CODES: usize>(row: &[u8], step: usize) -> Codes {
    let block: &[u8; BLOCK] = part(row, 0);
    let bytes: &[u8; 64] = part(block, CODES + 64 * step);
    let (low, high) = split(join(part(bytes, 0), part(bytes, 32)));
    let (low_2, high_2) = split(join(part(bytes, 16), part(bytes, 48)));
    [low, low_2, high, high_2]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q5_k(row: &[u8], step: usize) -> Codes {
    let [a, b, c, d] = quarters::<176, 48>(row, step);
    // Bit `j` of the high bits belongs to group `j`: to bit 4 with it. A step has four groups.
    let step_bits = _mm256_set1_epi32(4 * step as i32);
    let bits = |i: usize| {
        let both = _mm256_broadcastsi128_si256(load_u8x16(part(row, 16 + 16 * i)));
        _mm256_srlv_epi32(both, step_bits)
    };
    let (first, last) = (bits(0), bits(1));
    let to_low = _mm256_setr_epi32(4, 4, 4, 4, 2, 2, 2, 2);
    let to_high = _mm256_setr_epi32(3, 3, 3, 3, 1, 1, 1, 1);
    [
        or_masked(a, _mm256_sllv_epi32(first, to_low), 0x10),
        or_masked(b, _mm256_sllv_epi32(last, to_low), 0x10),
        or_masked(c, _mm256_sllv_epi32(first, to_high), 0x10),
        or_masked(d, _mm256_sllv_epi32(last, to_high), 0x10),
    ]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q6_k(row: &[u8], step: usize) -> Codes {
    let block: &[u8; 210] = part(row, 0);
    let bytes: &[u8; 64] = part(block, 64 * step);
    let (a, c) = split(load_u8(part(bytes, 0)));
    let (b, d) = split(load_u8(part(bytes, 32)));
    // Two bits each of 32 elements: to bits 4 and 5.
    let bits = load_u8(part(block, 128 + 32 * step));
    [
        or_masked(a, _mm256_slli_epi16::<4>(bits), 0x30),
        or_masked(b, _mm256_slli_epi16::<2>(bits), 0x30),
        or_masked(c, bits, 0x30),
        or_masked(d, _mm256_srli_epi16::<2>(bits), 0x30),
    ]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q2_k(row: &[u8], step: usize) -> Codes {
    crumbs(load_u8(part(row, 16 + 32 * step)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn q3_k(row: &[u8], step: usize) -> Codes {
    let block: &[u8; 110] = part(row, 0);
    let [a, b, c, d] = crumbs(load_u8(part(block, 32 + 32 * step)));
    // Bit `k` for the first half, `4 + k` for the second: to bit 2.
    let bits = _mm256_srlv_epi32(load_u8(part(block, 0)), _mm256_set1_epi32(4 * step as i32));
    [
        or_masked(a, _mm256_slli_epi16::<2>(bits), 4),
        or_masked(b, _mm256_slli_epi16::<1>(bits), 4),
        or_masked(c, bits, 4),
        or_masked(d, _mm256_srli_epi16::<1>(bits), 4),
    ]
}

/// Two bits of each byte, from the lowest up.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn crumbs(bytes: __m256i) -> Codes {
    let low_bits = _mm256_set1_epi8(3);
    [
        _mm256_and_si256(bytes, low_bits),
        _mm256_and_si256(_mm256_srli_epi16::<2>(bytes), low_bits),
        _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_bits),
        _mm256_and_si256(_mm256_srli_epi16::<6>(bytes), low_bits),
    ]
}
