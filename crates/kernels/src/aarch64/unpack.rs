//! From file layout to tiles: rows in scalar code, then the transposition.

use super::mem::{load_u8, store_u8};
use super::transpose::transpose_4x4;
use crate::block::BlockFormat;
use crate::tile::{RowPanel, TILE_ROWS, Tile};

/// Unpacks the same panel of 16 rows.
#[target_feature(enable = "neon")]
pub(super) fn unpack_tile(format: &BlockFormat, rows: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(rows).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    for (quad, panels) in panels.as_chunks::<4>().0.iter().enumerate() {
        for (step, columns) in tile.codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let words = panels.each_ref().map(|panel| load_u8(&panel.codes.as_chunks().0[step]));
            for (out, column) in columns.iter_mut().zip(transpose_4x4(words)) {
                store_u8(&mut out.0.as_chunks_mut().0[quad], column);
            }
        }
    }
}
