//! Blocks of 32: eight to a panel, each a unit of its own.
//!
//! Of four-bit codes word `w` of a block holds elements `4 w ..` in its low halves and
//! `16 + 4 w ..` in its high halves.

use std::arch::x86_64::*;

use super::halves::{Halves, N_BLOCKS};
use super::{Blocks, Job, part, split, words, words_32};
use crate::block::half_e8m0;
use crate::tile::{CodeLanes, Tile};
use crate::x86_64::avx512::mem::{load_u8, load_u8x16, store_f32};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q8_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 34 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales::<34, _>(blocks, tile),
        |blocks, (), block_idx| words_32(blocks, 34 * block_idx + 2),
        |columns, _, quad| _mm512_xor_si512(columns[quad], _mm512_set1_epi8(i8::MIN)),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 18 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales::<18, _>(blocks, tile),
        |blocks, (), block_idx| words(blocks, 18 * block_idx + 2),
        |columns, _, quad| nibbles(columns, quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q4_1<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 20 }, 1, 8, true, false, _, _>(
        |blocks, tile| {
            scales::<20, _>(blocks, tile);
            mins::<20, _>(blocks, tile);
        },
        |blocks, (), block_idx| words(blocks, 20 * block_idx + 4),
        |columns, _, quad| nibbles(columns, quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_0<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 22 }, 1, 8, false, false, _, _>(
        |blocks, tile| {
            scales::<22, _>(blocks, tile);
            fifth_bits::<22, 2, _>(blocks)
        },
        |blocks, bits, block_idx| (words(blocks, 22 * block_idx + 6), load_u8(&bits[block_idx].0)),
        |(columns, bits), _, quad| add_fifth_bits(*bits, nibbles(columns, quad), quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_q5_1<const N: usize>(job: Job<'_, N>) {
    job.run::<{ 8 * 24 }, 1, 8, true, false, _, _>(
        |blocks, tile| {
            scales::<24, _>(blocks, tile);
            mins::<24, _>(blocks, tile);
            fifth_bits::<24, 4, _>(blocks)
        },
        |blocks, bits, block_idx| (words(blocks, 24 * block_idx + 8), load_u8(&bits[block_idx].0)),
        |(columns, bits), _, quad| add_fifth_bits(*bits, nibbles(columns, quad), quad),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_nl<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<{ 8 * 18 }, 1, 8, false, false, _, _>(
        |blocks, tile| scales::<18, _>(blocks, tile),
        |blocks, (), block_idx| words(blocks, 18 * block_idx + 2),
        |columns, _, quad| _mm512_shuffle_epi8(table, nibbles(columns, quad)),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_mxfp4<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<{ 8 * 17 }, 1, 8, false, false, _, _>(
        |blocks, tile| {
            for (row_idx, row) in blocks.iter().enumerate() {
                for (scales, block) in tile.scales.iter_mut().zip(row.as_chunks::<17>().0) {
                    scales.0[row_idx] = half_e8m0(block[0]);
                }
            }
        },
        |blocks, (), block_idx| words(blocks, 17 * block_idx + 1),
        |columns, _, quad| _mm512_shuffle_epi8(table, nibbles(columns, quad)),
    );
}

/// IQ4_XS: one block of 256, whose codes lie as those of eight small blocks without a gap.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_iq4_xs<const N: usize>(job: Job<'_, N>, table: &[u8; 16]) {
    let table = _mm512_broadcast_i32x4(load_u8x16(table));
    job.run::<136, 1, 8, false, true, _, _>(
        |blocks, tile| scales_iq4_xs(blocks, tile),
        |blocks, (), block_idx| words(blocks, 8 + 16 * block_idx),
        |columns, _, quad| _mm512_shuffle_epi8(table, nibbles(columns, quad)),
    );
}

/// The f16 each block begins with.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales<const BYTES: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    tile: &mut Tile,
) {
    let halves = Halves::collect::<BYTES, 0, _>(blocks);
    for (block_idx, out) in tile.scales.iter_mut().enumerate().take(N_BLOCKS) {
        store_f32(&mut out.0, halves.widen(block_idx));
    }
}

/// The f16 behind it, which Q4_1 and Q5_1 add.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn mins<const BYTES: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    tile: &mut Tile,
) {
    let halves = Halves::collect::<BYTES, 2, _>(blocks);
    for (block_idx, out) in tile.mins.iter_mut().enumerate().take(N_BLOCKS) {
        store_f32(&mut out.0, _mm512_xor_ps(halves.widen(block_idx), _mm512_set1_ps(-0.0)));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn scales_iq4_xs(blocks: &Blocks<'_, 136>, tile: &mut Tile) {
    // A head is d, the upper two bits of eight scales, and their low four bits.
    let [halves, low, ..] = words(blocks, 0);
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

/// Low halves of the bytes, then high halves.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn nibbles(words: &[__m512i; 4], quad: usize) -> __m512i {
    split(words[quad % 4])[quad / 4]
}

/// The word of fifth bits at `AT` of each block, one lane per row.
#[inline]
fn fifth_bits<const BYTES: usize, const AT: usize, const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
) -> [CodeLanes; N_BLOCKS] {
    let mut bits = [CodeLanes([0; 64]); N_BLOCKS];
    for (block_idx, bits) in bits.iter_mut().enumerate() {
        for (word, row) in bits.0.as_chunks_mut::<4>().0.iter_mut().zip(blocks) {
            *word = *part(*row, block_idx * BYTES + AT);
        }
    }
    bits
}

/// Adds 16 to each element whose bit is set.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn add_fifth_bits(bits: __m512i, codes: __m512i, quad: usize) -> __m512i {
    // Each lane's byte with the quad's four bits, four times; then one bit of each.
    let replicate = _mm512_set4_epi32(0x0c0c_0c0c, 0x0808_0808, 0x0404_0404, 0);
    let at_quad = _mm512_add_epi8(replicate, _mm512_set1_epi8((quad / 2) as i8));
    let ours =
        _mm512_set1_epi32(if quad.is_multiple_of(2) { 0x0804_0201 } else { 0x8040_2010u32 as i32 });
    let set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, at_quad), ours);
    _mm512_mask_add_epi8(codes, set, codes, _mm512_set1_epi8(16))
}
