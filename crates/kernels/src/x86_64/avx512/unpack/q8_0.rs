//! Q8_0: two blocks' bytes make a vector.

use std::arch::x86_64::*;

use super::{HalfLanes, Rows, half_at, part, widen};
use crate::tile::{TILE_ROWS, Tile};
use crate::x86_64::avx512::mem::{load_u8x32, store_f32, store_u8};
use crate::x86_64::avx512::transpose::transpose_16x16;

const BLOCK_BYTES: usize = 34;

/// Unpacks rows of an even number of blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn unpack(rows: &Rows<'_>, tile: &mut Tile) {
    let n_pairs = rows[0].len() / (2 * BLOCK_BYTES);
    let mut halves: [HalfLanes; 8] = [[0; TILE_ROWS]; 8];
    let sign_bits = _mm512_set1_epi8(i8::MIN);
    let columns = tile.codes.as_chunks_mut::<16>().0.iter_mut();
    for (pair_idx, columns) in columns.enumerate().take(n_pairs) {
        let mut words = [_mm512_setzero_si512(); TILE_ROWS];
        for (row_idx, row) in rows.iter().enumerate() {
            let pair: &[u8; 2 * BLOCK_BYTES] = part(row, 2 * BLOCK_BYTES * pair_idx);
            halves[2 * pair_idx][row_idx] = half_at(pair, 0);
            halves[2 * pair_idx + 1][row_idx] = half_at(pair, BLOCK_BYTES);
            let first = _mm512_castsi256_si512(load_u8x32(part(pair, 2)));
            let second = load_u8x32(part(pair, BLOCK_BYTES + 2));
            words[row_idx] = _mm512_inserti64x4::<1>(first, second);
        }
        for (out, column) in columns.iter_mut().zip(transpose_16x16(words)) {
            store_u8(&mut out.0, _mm512_xor_si512(column, sign_bits));
        }
    }
    for (out, halves) in tile.scales.iter_mut().zip(&halves).take(2 * n_pairs) {
        store_f32(&mut out.0, widen(halves));
    }
}
