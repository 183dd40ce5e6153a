//! Blocks of 32: eight to a panel, each a unit of its own.
//!
//! Of four-bit codes word `w` of a block holds elements `4 w ..` in its low halves and
//! `16 + 4 w ..` in its high halves.

use std::arch::x86_64::*;

use super::halves::{Halves, N_BLOCKS};
use super::{Rows, Tokens, mul_units, panels, part, split, unit, words};
use crate::block::half_e8m0;
use crate::tile::{CodeLanes, TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_u8, load_u8x16, store_f32, store_u8};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q8_0<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
) {
    let rows = &panels::<{ 8 * 34 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<34, 0, _>(rows, 0);
    let sign_bits = _mm512_set1_epi8(i8::MIN);
    mul_units::<8, 8, false, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        scales.collect::<34, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        let out: &mut [CodeLanes; 8] = unit(tile, block_idx);
        for (half, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let words = words(rows, 34 * block_idx + 2 + 16 * half);
            for (out, word) in out.iter_mut().zip(words) {
                store_u8(&mut out.0, _mm512_xor_si512(word, sign_bits));
            }
        }
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_0<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
) {
    let rows = &panels::<{ 8 * 18 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<18, 0, _>(rows, 0);
    mul_units::<8, 8, false, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        scales.collect::<18, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        let out = unit(tile, block_idx);
        store_nibbles(words(rows, 18 * block_idx + 2), out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_1<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
) {
    let rows = &panels::<{ 8 * 20 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<20, 0, _>(rows, 0);
    let mut mins = Halves::default();
    mins.collect::<20, 2, _>(rows, 0);
    mul_units::<8, 8, true, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        mins.collect::<20, 2, _>(rows, block_idx + 1);
        scales.collect::<20, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        // Q4_1 and Q5_1 add their minimum.
        let min = _mm512_xor_ps(mins.widen(block_idx), _mm512_set1_ps(-0.0));
        store_f32(&mut tile.mins[block_idx].0, min);
        let out = unit(tile, block_idx);
        store_nibbles(words(rows, 20 * block_idx + 4), out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_0<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
) {
    let rows = &panels::<{ 8 * 22 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<22, 0, _>(rows, 0);
    let bits = fifth_bits::<22, 2, _>(rows);
    mul_units::<8, 8, false, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        scales.collect::<22, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        let out = unit(tile, block_idx);
        store_nibbles(words(rows, 22 * block_idx + 6), out);
        add_fifth_bits(&bits[block_idx], out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_1<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
) {
    let rows = &panels::<{ 8 * 24 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<24, 0, _>(rows, 0);
    let mut mins = Halves::default();
    mins.collect::<24, 2, _>(rows, 0);
    let bits = fifth_bits::<24, 4, _>(rows);
    mul_units::<8, 8, true, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        mins.collect::<24, 2, _>(rows, block_idx + 1);
        scales.collect::<24, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        // Q4_1 and Q5_1 add their minimum.
        let min = _mm512_xor_ps(mins.widen(block_idx), _mm512_set1_ps(-0.0));
        store_f32(&mut tile.mins[block_idx].0, min);
        let out = unit(tile, block_idx);
        store_nibbles(words(rows, 24 * block_idx + 8), out);
        add_fifth_bits(&bits[block_idx], out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_nl<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let rows = &panels::<{ 8 * 18 }>(rows);
    let mut scales = Halves::default();
    scales.collect::<18, 0, _>(rows, 0);
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    mul_units::<8, 8, false, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        scales.collect::<18, 0, _>(rows, block_idx + 1);
        store_f32(&mut tile.scales[block_idx].0, scales.widen(block_idx));
        let out = unit(tile, block_idx);
        store_looked_up(table, words(rows, 18 * block_idx + 2), out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_mxfp4<const N: usize>(
    rows: &Rows<'_>,
    (tokens, n_groups): (Tokens<'_, N>, usize),
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let rows = &panels::<{ 8 * 17 }>(rows);
    for (row_idx, row) in rows.iter().enumerate() {
        for (scales, block) in tile.scales.iter_mut().zip(row.as_chunks::<17>().0) {
            scales.0[row_idx] = half_e8m0(block[0]);
        }
    }
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    mul_units::<8, 8, false, false, N, _>(tile, n_groups, tokens, |block_idx, tile| {
        let out = unit(tile, block_idx);
        store_looked_up(table, words(rows, 17 * block_idx + 1), out);
    });
}

/// IQ4_XS: one block of 256, whose codes lie as those of eight small blocks without a gap.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_xs<const N: usize>(
    rows: &Rows<'_>,
    tokens: Tokens<'_, N>,
    tile: &mut Tile,
    table: &[u8; 16],
) {
    let rows = &panels::<136>(rows);
    scales_iq4_xs(rows, tile);
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    mul_units::<8, 8, false, true, N, _>(tile, 8, tokens, |block_idx, tile| {
        let out = unit(tile, block_idx);
        store_looked_up(table, words(rows, 8 + 16 * block_idx), out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(in crate::x86_64::avx512) fn scales_iq4_xs(rows: &[&[u8; 136]; TILE_ROWS], tile: &mut Tile) {
    // A head is d, the upper two bits of eight scales, and their low four bits.
    let [halves, low, ..] = words(rows, 0);
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

/// The halves of a block's bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn store_nibbles(words: [__m512i; 4], out: &mut [CodeLanes; 8]) {
    for (w, word) in words.into_iter().enumerate() {
        let (low, high) = split(word);
        store_u8(&mut out[w].0, low);
        store_u8(&mut out[4 + w].0, high);
    }
}

/// Codes by way of a table.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn store_looked_up(table: __m512i, words: [__m512i; 4], out: &mut [CodeLanes; 8]) {
    for (w, word) in words.into_iter().enumerate() {
        let (low, high) = split(word);
        store_u8(&mut out[w].0, _mm512_shuffle_epi8(table, low));
        store_u8(&mut out[4 + w].0, _mm512_shuffle_epi8(table, high));
    }
}

/// The word of fifth bits at `AT` of each block, one lane per row.
#[inline]
fn fifth_bits<const BYTES: usize, const AT: usize, const PANEL_BYTES: usize>(
    rows: &[&[u8; PANEL_BYTES]; TILE_ROWS],
) -> [CodeLanes; N_BLOCKS] {
    let mut bits = [CodeLanes([0; 64]); N_BLOCKS];
    for (block_idx, bits) in bits.iter_mut().enumerate() {
        for (word, row) in bits.0.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
            *word = *part(*row, block_idx * BYTES + AT);
        }
    }
    bits
}

/// Adds 16 to each element whose bit is set.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn add_fifth_bits(bits: &CodeLanes, codes: &mut [CodeLanes; 8]) {
    let sixteen = _mm512_set1_epi8(16);
    let words = load_u8(&bits.0);
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
