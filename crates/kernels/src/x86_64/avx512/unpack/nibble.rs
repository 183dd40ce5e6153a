//! Blocks of 32 four-bit codes, plain, with fifth bits, or as indices of a table.
//!
//! Four blocks' 16 bytes make a vector. After the transposition word `w` of block `b` holds
//! elements `4 w ..` in its low halves and `16 + 4 w ..` in its high halves.

use std::arch::x86_64::*;

use super::{
    HalfLanes, Rows, first_blocks, half_at, join, load_words, part, parts, split, transpose_heads,
    widen,
};
use crate::tile::{CodeLanes, RowLanes, TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_f32, load_u8, load_u8x16, store_f32, store_u8};
use crate::x86_64::avx512::transpose::transpose_16x16;

/// Blocks of a panel.
const N_BLOCKS: usize = 8;
/// Blocks whose codes fill a vector.
const BLOCKS_PER_STEP: usize = 4;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q4_0(rows: &Rows<'_>, tile: &mut Tile) {
    unpack_codes::<18, 2>(rows, tile, |low, high| (low, high));
    unpack_halves::<18, 0>(rows, &mut tile.scales);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q4_1(rows: &Rows<'_>, tile: &mut Tile) {
    unpack_codes::<20, 4>(rows, tile, |low, high| (low, high));
    unpack_halves::<20, 0>(rows, &mut tile.scales);
    unpack_negated_halves::<20, 2>(rows, &mut tile.mins);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q5_0(rows: &Rows<'_>, tile: &mut Tile) {
    unpack_codes::<22, 6>(rows, tile, |low, high| (low, high));
    add_fifth_bits::<22, 2>(rows, tile);
    unpack_halves::<22, 0>(rows, &mut tile.scales);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_q5_1(rows: &Rows<'_>, tile: &mut Tile) {
    unpack_codes::<24, 8>(rows, tile, |low, high| (low, high));
    add_fifth_bits::<24, 4>(rows, tile);
    unpack_halves::<24, 0>(rows, &mut tile.scales);
    unpack_negated_halves::<24, 2>(rows, &mut tile.mins);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_iq4_nl(rows: &Rows<'_>, tile: &mut Tile, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    unpack_codes::<18, 2>(rows, tile, |low, high| {
        (_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high))
    });
    unpack_halves::<18, 0>(rows, &mut tile.scales);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_mxfp4(rows: &Rows<'_>, tile: &mut Tile, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    unpack_codes::<17, 1>(rows, tile, |low, high| {
        (_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high))
    });
    for (block_idx, scales) in tile.scales.iter_mut().enumerate().take(rows[0].len() / 17) {
        for (scale, row) in scales.0.iter_mut().zip(rows) {
            *scale = crate::block::half_e8m0(row[17 * block_idx]);
        }
    }
}

/// IQ4_XS: one block of 256, whose codes lie as those of eight small blocks without a gap.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack_iq4_xs(rows: &Rows<'_>, tile: &mut Tile, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    let blocks = first_blocks::<136>(rows);
    for (step, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let words = load_words(parts(blocks, 8 + 64 * step));
        split_columns(transpose_16x16(words), out, |low, high| {
            (_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high))
        });
    }
    scales_iq4_xs(rows, tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_iq4_xs(rows: &Rows<'_>, tile: &mut Tile) {
    let blocks = first_blocks::<136>(rows);
    // A head is d, the upper two bits of eight scales, and their low four bits.
    let [halves, low, ..] = transpose_heads(parts(blocks, 0));
    let d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(halves));
    let high = _mm512_srli_epi32::<16>(halves);
    for (i, out) in tile.scales.iter_mut().enumerate().take(N_BLOCKS) {
        let shift = |x, n: usize| _mm512_srlv_epi32(x, _mm512_set1_epi32(n as i32));
        let low = _mm512_and_si512(shift(low, 4 * i), _mm512_set1_epi32(15));
        let high = _mm512_and_si512(shift(high, 2 * i), _mm512_set1_epi32(3));
        let scale = _mm512_or_si512(low, _mm512_slli_epi32::<4>(high));
        let scale = _mm512_sub_epi32(scale, _mm512_set1_epi32(32));
        store_f32(&mut out.0, _mm512_mul_ps(d, _mm512_cvtepi32_ps(scale)));
    }
}

/// Splits the 16 bytes at `CODES` of each block; `map` makes codes of the halves.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn unpack_codes<const BYTES: usize, const CODES: usize>(
    rows: &Rows<'_>,
    tile: &mut Tile,
    map: impl Fn(__m512i, __m512i) -> (__m512i, __m512i),
) {
    let n_steps = rows[0].len() / (BLOCKS_PER_STEP * BYTES);
    for (step, out) in tile.codes.as_chunks_mut::<32>().0.iter_mut().enumerate().take(n_steps) {
        let mut words = [_mm512_setzero_si512(); TILE_ROWS];
        for (word, row) in words.iter_mut().zip(rows) {
            let blocks = &row[step * BLOCKS_PER_STEP * BYTES..][..BLOCKS_PER_STEP * BYTES];
            *word = join([
                part(blocks, CODES),
                part(blocks, BYTES + CODES),
                part(blocks, 2 * BYTES + CODES),
                part(blocks, 3 * BYTES + CODES),
            ]);
        }
        split_columns(transpose_16x16(words), out, &map);
    }
}

/// Splits the bytes of four blocks, four columns each; `map` makes codes of the halves.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn split_columns(
    columns: [__m512i; 16],
    out: &mut [CodeLanes; 32],
    map: impl Fn(__m512i, __m512i) -> (__m512i, __m512i),
) {
    let (columns, _) = columns.as_chunks::<4>();
    for (out, columns) in out.as_chunks_mut::<8>().0.iter_mut().zip(columns) {
        for (w, &column) in columns.iter().enumerate() {
            let (low, high) = split(column);
            let (low, high) = map(low, high);
            store_u8(&mut out[w].0, low);
            store_u8(&mut out[4 + w].0, high);
        }
    }
}

/// Adds 16 to each element whose bit is set in the word at `BITS` of its block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn add_fifth_bits<const BYTES: usize, const BITS: usize>(rows: &Rows<'_>, tile: &mut Tile) {
    let n_blocks = rows[0].len() / BYTES;
    let mut words = [CodeLanes([0; 64]); N_BLOCKS];
    for (block_idx, words) in words.iter_mut().enumerate().take(n_blocks) {
        for (word, row) in words.0.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
            *word = *part(row, block_idx * BYTES + BITS);
        }
    }
    let sixteen = _mm512_set1_epi8(16);
    for (codes, words) in tile.codes.as_chunks_mut::<8>().0.iter_mut().zip(&words).take(n_blocks) {
        let words = load_u8(&words.0);
        for (quad, codes) in codes.iter_mut().enumerate() {
            // Each lane's byte with the quad's four bits, four times; then one bit of each.
            let replicate = _mm512_set4_epi32(0x0c0c_0c0c, 0x0808_0808, 0x0404_0404, 0);
            let at_quad = _mm512_add_epi8(replicate, _mm512_set1_epi8((quad / 2) as i8));
            let bits =
                _mm512_set1_epi32(if quad % 2 == 0 { 0x0804_0201 } else { 0x8040_2010u32 as i32 });
            let set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(words, at_quad), bits);
            let code = load_u8(&codes.0);
            store_u8(&mut codes.0, _mm512_mask_add_epi8(code, set, code, sixteen));
        }
    }
}

/// Widens the f16 at `AT` of each block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn unpack_halves<const BYTES: usize, const AT: usize>(rows: &Rows<'_>, out: &mut [RowLanes]) {
    let n_blocks = rows[0].len() / BYTES;
    let mut halves: [HalfLanes; N_BLOCKS] = [[0; TILE_ROWS]; N_BLOCKS];
    for (row_idx, row) in rows.iter().enumerate() {
        for (halves, block) in halves.iter_mut().zip(row.as_chunks::<BYTES>().0) {
            halves[row_idx] = half_at(block, AT);
        }
    }
    for (out, halves) in out.iter_mut().zip(&halves).take(n_blocks) {
        store_f32(&mut out.0, widen(halves));
    }
}

/// As [`unpack_halves`], with the other sign: Q4_1 and Q5_1 add their minimum.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn unpack_negated_halves<const BYTES: usize, const AT: usize>(
    rows: &Rows<'_>,
    out: &mut [RowLanes],
) {
    unpack_halves::<BYTES, AT>(rows, out);
    for out in out.iter_mut().take(rows[0].len() / BYTES) {
        let negated = _mm512_xor_ps(load_f32(&out.0), _mm512_set1_ps(-0.0));
        store_f32(&mut out.0, negated);
    }
}
