//! From file layout to tiles.

use std::arch::aarch64::*;

use super::codes::Codes;
use super::mem::{load_u8, store_u8};
use super::transpose::transpose_4x4;
use crate::block::BlockFormat;
use crate::tile::{RowPanel, TILE_ROWS, Tile};

/// The same panel of each row of a tile.
pub(super) type Rows<'a> = [&'a [u8]; TILE_ROWS];

/// Any format: rows in scalar code, then the transposition.
#[target_feature(enable = "neon")]
pub(super) fn unpack_any(format: &BlockFormat, rows: &Rows<'_>, tile: &mut Tile) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(rows).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    unpack_codes(tile, |row_idx, quarter| {
        let mut codes = [vdupq_n_u8(0); 4];
        let bytes = &panels[row_idx].codes.as_chunks::<64>().0[quarter];
        for (codes, bytes) in codes.iter_mut().zip(bytes.as_chunks().0) {
            *codes = load_u8(bytes);
        }
        codes
    });
}

/// Turns rows of codes, which `codes` takes by number and quarter, to columns.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn unpack_codes(tile: &mut Tile, codes: impl Fn(usize, usize) -> Codes) {
    for (quarter, out) in tile.codes.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        for quad in 0..TILE_ROWS / 4 {
            let mut rows = [[vdupq_n_u8(0); 4]; 4];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = codes(4 * quad + i, quarter);
            }
            let [a, b, c, d] = rows;
            for (step, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let columns = transpose_4x4([a[step], b[step], c[step], d[step]]);
                for (out, column) in out.iter_mut().zip(columns) {
                    store_u8(&mut out.0.as_chunks_mut().0[quad], column);
                }
            }
        }
    }
}

/// `N` bytes of a block. Offsets are constants, so the check is gone once blocks are arrays.
#[inline]
pub(super) fn part<const N: usize>(block: &[u8], offset: usize) -> &[u8; N] {
    block[offset..].first_chunk().expect("because a block is longer than its parts' offsets")
}
