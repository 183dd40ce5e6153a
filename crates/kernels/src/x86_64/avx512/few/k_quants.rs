//! Blocks of 256. Layouts are described in `block/k_quants.rs` and `block/uneven.rs`.

use std::arch::x86_64::*;

use super::classic::look_up;
use super::{Codes, Headroom, Places, mul_panel};
use crate::activation::ActivationPanel;
use crate::tile::{RowLanes, Tile};
use crate::x86_64::avx512::mem::{load_u8, load_u8x16, load_u8x32};
use crate::x86_64::avx512::rows::{Rows, classic, k_quants, or_masked, panels, part, split};

/// Q4_K and Q5_K: low halves of the bytes of the four quarters, first 16 and last 16; then high
/// halves.
const QUARTERS: Places = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
/// Q6_K: in order.
const IN_ORDER: Places = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];
/// Q2_K and Q3_K: two bits of each byte of both halves, then the next two.
const CRUMBS: Places = [[0, 1, 8, 9], [2, 3, 10, 11], [4, 5, 12, 13], [6, 7, 14, 15]];
/// IQ4_XS: as small blocks without a gap.
const BLOCKS: Places = [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10, 12, 14], [9, 11, 13, 15]];

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_k<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let codes = |_, row: &[u8]| quarters::<144>(row, 16);
    let factors = |tile: &mut Tile| k_quants::scales_q4_k::<144>(&panels(rows), tile);
    mul_panel::<N, 2, 8, true, true, { Headroom::of(15, 8) }>(
        (rows, &QUARTERS),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_k<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    // Bit `j` of the high bits belongs to group `j`: to bit 4 with it.
    let rotate_low = rotations([4, 2, 0, -2]);
    let rotate_high = rotations([3, 1, -1, -3]);
    let codes = |_, row: &[u8]| {
        let [a, b, c, d] = quarters::<176>(row, 48);
        let bits = |i: usize| _mm512_broadcast_i32x4(load_u8x16(part(row, 16 + 16 * i)));
        let (first, last) = (bits(0), bits(1));
        [
            or_masked(a, _mm512_rolv_epi32(first, rotate_low), 0x10),
            or_masked(b, _mm512_rolv_epi32(last, rotate_low), 0x10),
            or_masked(c, _mm512_rolv_epi32(first, rotate_high), 0x10),
            or_masked(d, _mm512_rolv_epi32(last, rotate_high), 0x10),
        ]
    };
    let factors = |tile: &mut Tile| k_quants::scales_q4_k::<176>(&panels(rows), tile);
    mul_panel::<N, 2, 8, true, true, { Headroom::of(31, 8) }>(
        (rows, &QUARTERS),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q6_k<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    // Two bits each of 32 elements: to bits 4 and 5.
    let rotate_low = rotations([4, 4, 2, 2]);
    let rotate_high = rotations([0, 0, -2, -2]);
    let codes = |_, row: &[u8]| {
        let row: &[u8; 210] = part(row, 0);
        let half = |i: usize| {
            let (low, high) = split(load_u8(part(row, 64 * i)));
            let bits = _mm512_broadcast_i64x4(load_u8x32(part(row, 128 + 32 * i)));
            (
                or_masked(low, _mm512_rolv_epi32(bits, rotate_low), 0x30),
                or_masked(high, _mm512_rolv_epi32(bits, rotate_high), 0x30),
            )
        };
        let ((a, b), (c, d)) = (half(0), half(1));
        [a, b, c, d]
    };
    let factors = |tile: &mut Tile| k_quants::scales_q6_k(&panels(rows), tile);
    mul_panel::<N, 4, 16, false, true, { Headroom::of(63, 4) }>(
        (rows, &IN_ORDER),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q2_k<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let codes = |_, row: &[u8]| crumbs(load_u8(part(row, 16)));
    let factors = |tile: &mut Tile| k_quants::scales_q2_k(&panels(rows), tile);
    mul_panel::<N, 4, 16, true, true, { Headroom::of(3, 4) }>(
        (rows, &CRUMBS),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q3_k<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let codes = |_, row: &[u8]| {
        let row: &[u8; 110] = part(row, 0);
        let mut codes = crumbs(load_u8(part(row, 32)));
        let bits = _mm512_broadcast_i64x4(load_u8x32(part(row, 0)));
        for (k, codes) in codes.iter_mut().enumerate() {
            // Bit `k` for the first half, `4 + k` for the second: to bit 2.
            let k = k as i32;
            let moved = _mm512_rolv_epi32(bits, rotations([2 - k, 2 - k, -2 - k, -2 - k]));
            *codes = or_masked(*codes, moved, 4);
        }
        codes
    };
    let factors = |tile: &mut Tile| k_quants::scales_q3_k(&panels(rows), tile);
    mul_panel::<N, 4, 16, false, true, { Headroom::of(7, 4) }>(
        (rows, &CRUMBS),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_xs<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    let codes = |_, row: &[u8]| {
        let row: &[u8; 136] = part(row, 0);
        let (a, b) = split(load_u8(part(row, 8)));
        let (c, d) = split(load_u8(part(row, 72)));
        look_up(table, [a, b, c, d])
    };
    let factors = |tile: &mut Tile| classic::scales_iq4_xs(&panels(rows), tile);
    mul_panel::<N, 2, 8, false, true, { Headroom::NONE }>(
        (rows, &BLOCKS),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

/// The halves of 128 bytes, so that both parts of a group are at the same place of two vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn quarters<const BLOCK: usize>(row: &[u8], offset: usize) -> Codes {
    let row: &[u8; BLOCK] = part(row, 0);
    let (a, b) = (load_u8(part(row, offset)), load_u8(part(row, offset + 64)));
    let (low, high) = split(_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b));
    let (low_2, high_2) = split(_mm512_shuffle_i32x4::<0b11_01_11_01>(a, b));
    [low, low_2, high, high_2]
}

/// Two bits of each byte, from the lowest up.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn crumbs(bytes: __m512i) -> Codes {
    let low_bits = _mm512_set1_epi8(3);
    [
        _mm512_and_si512(bytes, low_bits),
        _mm512_and_si512(_mm512_srli_epi16::<2>(bytes), low_bits),
        _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_bits),
        _mm512_and_si512(_mm512_srli_epi16::<6>(bytes), low_bits),
    ]
}

/// By how much to rotate the words of each part to the left.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn rotations([a, b, c, d]: [i32; 4]) -> __m512i {
    _mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d)
}
