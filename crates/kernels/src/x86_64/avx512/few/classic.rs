//! Blocks of 32 with a scale of their own.
//!
//! A row's eight scales are put together in two registers, so that they cost two stores and not
//! eight, and turned to one lane per row when the products are done: a vector load right behind
//! the stores would have to wait for them.

use std::arch::x86_64::*;
use std::cell::Cell;

use super::{Codes, Headroom, Places, mul_panel};
use crate::activation::ActivationPanel;
use crate::block::half_e8m0;
use crate::tile::{RowLanes, Tile};
use crate::x86_64::avx512::mem::{load_u8x16, load_u8x32, load_u64, store_f32};
use crate::x86_64::avx512::rows::{Rows, join, part, split};

/// Blocks of a panel.
const N_BLOCKS: usize = 8;
/// Vectors 0 and 1 hold blocks 0 to 3, first halves and second halves; 2 and 3 blocks 4 to 7.
const PLACES: Places = [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10, 12, 14], [9, 11, 13, 15]];

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q8_0<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let scales = HalfRows::default();
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<34, 0>(row_idx, row);
        let sign_bits = _mm512_set1_epi8(i8::MIN);
        let row: &[u8; N_BLOCKS * 34] = part(row, 0);
        let pair = |i: usize| {
            let first = _mm512_castsi256_si512(load_u8x32(part(row, 34 * i + 2)));
            let second = load_u8x32(part(row, 34 * i + 36));
            _mm512_xor_si512(_mm512_inserti64x4::<1>(first, second), sign_bits)
        };
        let (a, b, c, d) = (pair(0), pair(2), pair(4), pair(6));
        [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d),
        ]
    };
    let factors = |tile: &mut Tile| store_lanes(scales.widen(), &mut tile.scales);
    mul_panel::<N, 2, 8, false, false, { Headroom::NONE }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_0<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let scales = HalfRows::default();
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<18, 0>(row_idx, row);
        nibbles::<18, 2, { 8 * 18 }>(row)
    };
    let factors = |tile: &mut Tile| store_lanes(scales.widen(), &mut tile.scales);
    mul_panel::<N, 2, 8, false, false, { Headroom::of(15, 8) }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_1<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let (scales, mins) = (HalfRows::default(), HalfRows::default());
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<20, 0>(row_idx, row);
        mins.collect::<20, 2>(row_idx, row);
        nibbles::<20, 4, { 8 * 20 }>(row)
    };
    let factors = |tile: &mut Tile| {
        store_lanes(scales.widen(), &mut tile.scales);
        store_lanes(negate(mins.widen()), &mut tile.mins);
    };
    mul_panel::<N, 2, 8, true, false, { Headroom::of(15, 8) }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_0<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let scales = HalfRows::default();
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<22, 0>(row_idx, row);
        with_fifth_bits::<22, 2>(row, nibbles::<22, 6, { 8 * 22 }>(row))
    };
    let factors = |tile: &mut Tile| store_lanes(scales.widen(), &mut tile.scales);
    mul_panel::<N, 2, 8, false, false, { Headroom::of(31, 8) }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_1<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    let (scales, mins) = (HalfRows::default(), HalfRows::default());
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<24, 0>(row_idx, row);
        mins.collect::<24, 2>(row_idx, row);
        with_fifth_bits::<24, 4>(row, nibbles::<24, 8, { 8 * 24 }>(row))
    };
    let factors = |tile: &mut Tile| {
        store_lanes(scales.widen(), &mut tile.scales);
        store_lanes(negate(mins.widen()), &mut tile.mins);
    };
    mul_panel::<N, 2, 8, true, false, { Headroom::of(31, 8) }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_nl<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let scales = HalfRows::default();
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    let codes = |row_idx, row: &[u8]| {
        scales.collect::<18, 0>(row_idx, row);
        look_up(table, nibbles::<18, 2, { 8 * 18 }>(row))
    };
    let factors = |tile: &mut Tile| store_lanes(scales.widen(), &mut tile.scales);
    mul_panel::<N, 2, 8, false, false, { Headroom::NONE }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_mxfp4<const N: usize>(
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    let codes = |_, row: &[u8]| look_up(table, nibbles::<17, 1, { 8 * 17 }>(row));
    let factors = |tile: &mut Tile| {
        for (row_idx, row) in rows.iter().enumerate() {
            for (scales, block) in tile.scales.iter_mut().zip(row.as_chunks::<17>().0) {
                scales.0[row_idx] = half_e8m0(block[0]);
            }
        }
    };
    // Codes of 4-bit floats end at 28.
    mul_panel::<N, 2, 8, false, false, { Headroom::of(28, 8) }>(
        (rows, &PLACES),
        (x, sums),
        tile,
        codes,
        factors,
    );
}

/// The halves of the 16 bytes at `CODES` of each block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn nibbles<const BYTES: usize, const CODES: usize, const PANEL_BYTES: usize>(row: &[u8]) -> Codes {
    let row: &[u8; PANEL_BYTES] = part(row, 0);
    let piece = |i: usize| part(row, i * BYTES + CODES);
    let (a, b) = split(join([piece(0), piece(1), piece(2), piece(3)]));
    let (c, d) = split(join([piece(4), piece(5), piece(6), piece(7)]));
    [a, b, c, d]
}

/// Codes by way of a table.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn look_up(table: __m512i, mut codes: Codes) -> Codes {
    for codes in &mut codes {
        *codes = _mm512_shuffle_epi8(table, *codes);
    }
    codes
}

/// Adds 16 to each element whose bit is set in the word at `BITS` of its block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn with_fifth_bits<const BYTES: usize, const BITS: usize>(row: &[u8], mut codes: Codes) -> Codes {
    let sixteen = _mm512_set1_epi8(16);
    for (step, codes) in codes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        // Of each block's 32 bits the low 16 are the first half's, in the order of its columns.
        let mut masks = [0u64; 2];
        for i in 0..4 {
            let bits = u32::from_le_bytes(*part(row, (4 * step + i) * BYTES + BITS));
            masks[0] |= u64::from(bits & 0xffff) << (16 * i);
            masks[1] |= u64::from(bits >> 16) << (16 * i);
        }
        for (codes, mask) in codes.iter_mut().zip(masks) {
            *codes = _mm512_mask_add_epi8(*codes, mask, *codes, sixteen);
        }
    }
    codes
}

/// One f16 of each of a row's blocks, four to a word; row `4 p + i` at `[i][p]`.
///
/// In cells, as rows are collected by one closure and read by another.
#[derive(Default)]
struct HalfRows([[Cell<[u64; 2]>; 4]; 4]);

impl HalfRows {
    /// Takes a row's, which are at `AT` of each block.
    #[inline]
    fn collect<const BYTES: usize, const AT: usize>(&self, row_idx: usize, row: &[u8]) {
        let blocks: &[[u8; BYTES]; N_BLOCKS] =
            row.as_chunks().0.first_chunk().expect("because a panel has eight blocks");
        let half = |i: usize| u64::from(u16::from_le_bytes(*part(&blocks[i], AT)));
        let four = |i: usize| half(i) | half(i + 1) << 16 | half(i + 2) << 32 | half(i + 3) << 48;
        self.0[row_idx % 4][row_idx / 4].set([four(0), four(4)]);
    }

    /// Widened, one vector per block and one lane per row.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn widen(&self) -> [__m512; N_BLOCKS] {
        let load = |i: usize| {
            let [a, b, c, d] = &self.0[i];
            load_u64(&[a.get(), b.get(), c.get(), d.get()])
        };
        let (a, b, c, d) = (load(0), load(1), load(2), load(3));
        let (ab_low, cd_low) = (_mm512_unpacklo_epi16(a, b), _mm512_unpacklo_epi16(c, d));
        let (ab_high, cd_high) = (_mm512_unpackhi_epi16(a, b), _mm512_unpackhi_epi16(c, d));
        // In each part four rows of one block, then of the next.
        let pairs = [
            _mm512_unpacklo_epi32(ab_low, cd_low),
            _mm512_unpackhi_epi32(ab_low, cd_low),
            _mm512_unpacklo_epi32(ab_high, cd_high),
            _mm512_unpackhi_epi32(ab_high, cd_high),
        ];
        let even_first = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        let mut out = [_mm512_setzero_ps(); N_BLOCKS];
        for (out, pair) in out.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
            let pair = _mm512_permutexvar_epi64(even_first, pair);
            out[0] = _mm512_cvtph_ps(_mm512_castsi512_si256(pair));
            out[1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64::<1>(pair));
        }
        out
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn store_lanes(x: [__m512; N_BLOCKS], out: &mut [RowLanes]) {
    for (out, x) in out.iter_mut().zip(x) {
        store_f32(&mut out.0, x);
    }
}

/// With the other sign: Q4_1 and Q5_1 add their minimum.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn negate(mut x: [__m512; N_BLOCKS]) -> [__m512; N_BLOCKS] {
    for x in &mut x {
        *x = _mm512_xor_ps(*x, _mm512_set1_ps(-0.0));
    }
    x
}
