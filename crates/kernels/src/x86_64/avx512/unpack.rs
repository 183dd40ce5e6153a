//! From file layout to tiles.
//!
//! Packed words of 16 rows are transposed first, so that each lane holds one row, and split into
//! codes after: fewer shuffles than the other way round, and splitting is the same for all lanes.
//! Formats without a routine of their own are unpacked row by row in scalar code and transposed.

pub(super) mod k_quants;
pub(super) mod nibble;
mod q8_0;

use std::arch::x86_64::*;

use camelid_gguf::TensorType;

use super::mem::{load_u8, load_u8x16, load_u16, store_u8};
use super::transpose::{transpose_16x4, transpose_16x16};
use crate::block::{BlockFormat, FP4_CODES, IQ4_CODES};
use crate::tile::{RowPanel, TILE_ROWS, Tile};

/// The same panel of each row of a tile.
pub(super) type Rows<'a> = [&'a [u8]; TILE_ROWS];

/// Unpacks the same panel of 16 rows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_tile(format: &BlockFormat, rows: &Rows<'_>, tile: &mut Tile) {
    let n_blocks = rows[0].len() / format.bytes;
    match format.ty {
        TensorType::Q8_0 if n_blocks.is_multiple_of(2) => q8_0::unpack(rows, tile),
        TensorType::Q4_0 if n_blocks.is_multiple_of(4) => nibble::unpack_q4_0(rows, tile),
        TensorType::Q4_1 if n_blocks.is_multiple_of(4) => nibble::unpack_q4_1(rows, tile),
        TensorType::Q5_0 if n_blocks.is_multiple_of(4) => nibble::unpack_q5_0(rows, tile),
        TensorType::Q5_1 if n_blocks.is_multiple_of(4) => nibble::unpack_q5_1(rows, tile),
        TensorType::IQ4_NL if n_blocks.is_multiple_of(4) => {
            nibble::unpack_iq4_nl(rows, tile, &IQ4_CODES);
        }
        TensorType::MXFP4 if n_blocks.is_multiple_of(4) => {
            nibble::unpack_mxfp4(rows, tile, &FP4_CODES);
        }
        TensorType::IQ4_XS => nibble::unpack_iq4_xs(rows, tile, &IQ4_CODES),
        TensorType::Q2_K => k_quants::unpack_q2_k(rows, tile),
        TensorType::Q3_K => k_quants::unpack_q3_k(rows, tile),
        TensorType::Q4_K => k_quants::unpack_q4_k(rows, tile),
        TensorType::Q5_K => k_quants::unpack_q5_k(rows, tile),
        TensorType::Q6_K => k_quants::unpack_q6_k(rows, tile),
        _ => unpack_rows(format, rows, tile),
    }
}

/// Any format: rows in scalar code, then the transposition.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_rows(format: &BlockFormat, rows: &Rows<'_>, tile: &mut Tile) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(rows).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    for (part_idx, columns) in tile.codes.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let mut words = [_mm512_setzero_si512(); TILE_ROWS];
        for (word, panel) in words.iter_mut().zip(&panels) {
            *word = load_u8(&panel.codes.as_chunks::<64>().0[part_idx]);
        }
        for (out, column) in columns.iter_mut().zip(transpose_16x16(words)) {
            store_u8(&mut out.0, column);
        }
    }
}

/// `N` bytes of a block. Offsets are constants, so the check is gone once blocks are arrays.
#[inline]
pub(super) fn part<const N: usize>(block: &[u8], offset: usize) -> &[u8; N] {
    block[offset..].first_chunk().expect("because a block is longer than its parts' offsets")
}

/// The same `N` bytes of each row's block.
#[inline]
fn parts<const BLOCK: usize, const N: usize>(
    blocks: [&[u8; BLOCK]; TILE_ROWS],
    offset: usize,
) -> [&[u8; N]; TILE_ROWS] {
    // Loops, here and below: the library's `map` is not always inlined.
    let mut parts = [&[0; N]; TILE_ROWS];
    for (out, block) in parts.iter_mut().zip(blocks) {
        *out = part(block, offset);
    }
    parts
}

/// Loads four 16-byte pieces.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn join(pieces: [&[u8; 16]; 4]) -> __m512i {
    let joined = _mm512_castsi128_si512(load_u8x16(pieces[0]));
    let joined = _mm512_inserti32x4::<1>(joined, load_u8x16(pieces[1]));
    let joined = _mm512_inserti32x4::<2>(joined, load_u8x16(pieces[2]));
    _mm512_inserti32x4::<3>(joined, load_u8x16(pieces[3]))
}

/// Each row's first block.
#[inline]
fn first_blocks<'a, const BLOCK: usize>(rows: &Rows<'a>) -> [&'a [u8; BLOCK]; TILE_ROWS] {
    let mut blocks = [&[0; BLOCK]; TILE_ROWS];
    for (block, row) in blocks.iter_mut().zip(rows) {
        *block = part(row, 0);
    }
    blocks
}

/// 64 bytes of each row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn load_words(bytes: [&[u8; 64]; TILE_ROWS]) -> [__m512i; TILE_ROWS] {
    let mut words = [_mm512_setzero_si512(); TILE_ROWS];
    for (word, bytes) in words.iter_mut().zip(bytes) {
        *word = load_u8(bytes);
    }
    words
}

/// The halves of each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn split(bytes: __m512i) -> (__m512i, __m512i) {
    let low_halves = _mm512_set1_epi8(15);
    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_halves);
    (_mm512_and_si512(bytes, low_halves), high)
}

/// Transposes 16 bytes of each row to four words per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn transpose_heads(heads: [&[u8; 16]; TILE_ROWS]) -> [__m512i; 4] {
    transpose_16x4([
        join([heads[0], heads[4], heads[8], heads[12]]),
        join([heads[1], heads[5], heads[9], heads[13]]),
        join([heads[2], heads[6], heads[10], heads[14]]),
        join([heads[3], heads[7], heads[11], heads[15]]),
    ])
}

/// One f16 of each row, not yet widened.
///
/// They are gathered well before they are widened: a vector load right after the single stores
/// would have to wait for all of them.
pub(super) type HalfLanes = [u16; TILE_ROWS];

/// Widens one f16 of each row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn widen(halves: &HalfLanes) -> __m512 {
    _mm512_cvtph_ps(load_u16(halves))
}

/// The f16 at `offset`, as bits.
#[inline]
pub(super) fn half_at(block: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([block[offset], block[offset + 1]])
}

/// `x | (y & mask)`, the mask in each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn or_masked(x: __m512i, y: __m512i, mask: i8) -> __m512i {
    // Truth table of a | (b & c).
    _mm512_ternarylogic_epi32::<0b1111_1000>(x, y, _mm512_set1_epi8(mask))
}
