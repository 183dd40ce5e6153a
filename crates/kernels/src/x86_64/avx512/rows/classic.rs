//! Blocks of 32: eight to a panel, each a unit of its own.
//!
//! Of four-bit codes word `w` of a block holds elements `4 w ..` in its low halves and
//! `16 + 4 w ..` in its high halves.

use std::arch::x86_64::*;

use super::halves::{N_BLOCKS, low_halves, widen, widen_all};
use super::{Codes, Job, half, is_few, split, words, words_32};
use crate::tile::{TILE_ROWS, Tile};
use crate::x86_64::avx512::blocks::Blocks;
use crate::x86_64::avx512::mem::{load_f32, load_u8, load_u8x16, store_f32};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q8_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 34 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales_of_panel::<N, _>(blocks, tile),
        |blocks, (), tile, idx| {
            scales_of_block::<N, _>(blocks, tile, idx);
            words_32(blocks, 34 * idx + 2)
        },
        |columns, _, quad| {
            let sign = _mm512_set1_epi8(i8::MIN);
            Codes::plain(_mm512_xor_si512(columns[quad], sign))
        },
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 18 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales_of_panel::<N, _>(blocks, tile),
        |blocks, (), tile, idx| {
            scales_of_block::<N, _>(blocks, tile, idx);
            words(blocks, 18 * idx + 2)
        },
        |columns, _, quad| half::<N>(columns[quad % 4], quad / 4),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_1<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 20 }, 1, 8, true, false, _, _>(
        |blocks, tile| {
            scales_of_panel::<N, _>(blocks, tile);
            mins_of_panel::<N, _>(blocks, tile);
        },
        |blocks, (), tile, idx| {
            let [head, ..] = words(blocks, 20 * idx);
            scale_and_min_of_block::<N>(head, tile, idx);
            words(blocks, 20 * idx + 4)
        },
        |columns, _, quad| half::<N>(columns[quad % 4], quad / 4),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 22 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales_of_panel::<N, _>(blocks, tile),
        |blocks, (), tile, idx| {
            scales_of_block::<N, _>(blocks, tile, idx);
            (words(blocks, 22 * idx + 6), fifth_bits(blocks, 22 * idx + 2))
        },
        |(columns, bits), _, quad| add_fifth_bits(*bits, nibbles(columns, quad), quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_1<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 24 }, 1, 8, true, false, _, _>(
        |blocks, tile| {
            scales_of_panel::<N, _>(blocks, tile);
            mins_of_panel::<N, _>(blocks, tile);
        },
        |blocks, (), tile, idx| {
            let [head, fifth_bits, ..] = words(blocks, 24 * idx);
            scale_and_min_of_block::<N>(head, tile, idx);
            (words(blocks, 24 * idx + 8), fifth_bits)
        },
        |(columns, bits), _, quad| add_fifth_bits(*bits, nibbles(columns, quad), quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_nl<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<{ 8 * 18 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales_of_panel::<N, _>(blocks, tile),
        |blocks, (), tile, idx| {
            scales_of_block::<N, _>(blocks, tile, idx);
            words(blocks, 18 * idx + 2)
        },
        |columns, _, quad| look_up(table, columns, quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_mxfp4<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<{ 8 * 17 }, 1, 8, false, false, _, _>(
        |_, _| (),
        |blocks, (), tile, idx| {
            let mut exponents = [0; TILE_ROWS];
            for (row_idx, exponent) in exponents.iter_mut().enumerate() {
                [*exponent] = *blocks.part(row_idx, 17 * idx);
            }
            store_f32(&mut tile.scales[idx].0, half_e8m0(&exponents));
            words(blocks, 17 * idx + 1)
        },
        |columns, _, quad| look_up(table, columns, quad),
    );
}

/// IQ4_XS: one block of 256, whose codes lie as those of eight small blocks without a gap.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_xs<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<136, 1, 8, false, true, _, _>(
        |blocks, tile| scales_iq4_xs(blocks, tile),
        |blocks, (), _, idx| words(blocks, 8 + 16 * idx),
        |columns, _, quad| look_up(table, columns, quad),
    );
}

/// The f16 each block begins with, of all blocks at once if many tokens share the work.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_of_panel<const N: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    tile: &mut Tile,
) {
    if !is_few(N) {
        widen_all(blocks, 0, &mut tile.scales);
    }
}

/// The f16 a block begins with, if it was not yet read. It comes with the block's codes then: a
/// panel's scales at once would leave the products waiting.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_of_block<const N: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    tile: &mut Tile,
    idx: usize,
) {
    if is_few(N) {
        store_f32(&mut tile.scales[idx].0, widen(blocks, PANEL_BYTES / N_BLOCKS * idx));
    }
}

/// The f16 behind them, which Q4_1 and Q5_1 add.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn mins_of_panel<const N: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    tile: &mut Tile,
) {
    if !is_few(N) {
        widen_all(blocks, 2, &mut tile.mins);
        for mins in tile.mins.iter_mut().take(N_BLOCKS) {
            let negative = negate(load_f32(&mins.0));
            store_f32(&mut mins.0, negative);
        }
    }
}

/// The two f16 a block of Q4_1 or Q5_1 begins with, from a word of each row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scale_and_min_of_block<const N: usize>(words: __m512i, tile: &mut Tile, idx: usize) {
    if is_few(N) {
        store_f32(&mut tile.scales[idx].0, low_halves(words));
        let min = low_halves(_mm512_srli_epi32::<16>(words));
        store_f32(&mut tile.mins[idx].0, negate(min));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn negate(x: __m512) -> __m512 {
    _mm512_xor_ps(x, _mm512_set1_ps(-0.0))
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_iq4_xs(blocks: &Blocks<'_, 136>, tile: &mut Tile) {
    // A head is d, the upper two bits of eight scales, and their low four bits.
    let [halves, low, ..] = words(blocks, 0);
    let d = low_halves(halves);
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

/// Low halves of the bytes, then high halves.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn nibbles(words: &[__m512i; 4], quad: usize) -> __m512i {
    split(words[quad % 4])[quad / 4]
}

/// `2^(exponent - 128)`, with the bits of the scalar form.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn half_e8m0(exponents: &[u8; TILE_ROWS]) -> __m512 {
    let exponents = _mm512_cvtepu8_epi32(load_u8x16(exponents));
    let normal = _mm512_slli_epi32::<23>(_mm512_sub_epi32(exponents, _mm512_set1_epi32(1)));
    // The two smallest have no exponent of their own.
    let is_tiny = _mm512_cmplt_epi32_mask(exponents, _mm512_set1_epi32(2));
    let tiny = _mm512_sllv_epi32(_mm512_set1_epi32(0x20_0000), exponents);
    _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, is_tiny, tiny))
}

/// The table's entries at the nibbles.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn look_up(table: __m512i, words: &[__m512i; 4], quad: usize) -> Codes {
    Codes::plain(_mm512_shuffle_epi8(table, nibbles(words, quad)))
}

/// The word of fifth bits at an offset of each row's panel, one lane per row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn fifth_bits<const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    offset: usize,
) -> __m512i {
    let mut bits = [0; 64];
    for (row_idx, word) in bits.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *word = *blocks.part(row_idx, offset);
    }
    load_u8(&bits)
}

/// Adds 16 to each element whose bit is set.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn add_fifth_bits(bits: __m512i, codes: __m512i, quad: usize) -> Codes {
    // Each lane's byte with the quad's four bits, four times; then one bit of each.
    let replicate = _mm512_set4_epi32(0x0c0c_0c0c, 0x0808_0808, 0x0404_0404, 0);
    let at_quad = _mm512_add_epi8(replicate, _mm512_set1_epi8((quad / 2) as i8));
    let ours =
        _mm512_set1_epi32(if quad.is_multiple_of(2) { 0x0804_0201 } else { 0x8040_2010u32 as i32 });
    let set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, at_quad), ours);
    Codes::plain(_mm512_mask_add_epi8(codes, set, codes, _mm512_set1_epi8(16)))
}
