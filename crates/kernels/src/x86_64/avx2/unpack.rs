//! From file layout to tiles: rows in scalar code, then the transposition.

use std::arch::x86_64::*;

use super::mem::{load_u8, store_u8};
use super::transpose::transpose_8x8;
use crate::block::BlockFormat;
use crate::tile::{RowPanel, TILE_ROWS, Tile};

/// Unpacks the same panel of 16 rows.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn unpack_tile(format: &BlockFormat, rows: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(rows).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    for (half, panels) in panels.as_chunks::<8>().0.iter().enumerate() {
        for (part_idx, columns) in tile.codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let mut words = [_mm256_setzero_si256(); 8];
            for (word, panel) in words.iter_mut().zip(panels) {
                *word = load_u8(&panel.codes.as_chunks::<32>().0[part_idx]);
            }
            for (out, column) in columns.iter_mut().zip(transpose_8x8(words)) {
                store_u8(&mut out.0.as_chunks_mut().0[half], column);
            }
        }
    }
}
