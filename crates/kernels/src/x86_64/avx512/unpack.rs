//! From file layout to tiles.
//!
//! Packed words of 16 rows are transposed first, so that each lane holds one row, and split into
//! codes after: fewer shuffles than the other way round, and splitting is the same for all lanes.
//! Formats without a routine of their own are unpacked row by row in scalar code and transposed.

use std::arch::x86_64::*;

use super::mem::{load_u8, store_u8};
use super::transpose::transpose_16x16;
use crate::block::BlockFormat;
use crate::tile::{CodeLanes, RowPanel, TILE_ROWS, Tile};

/// Unpacks the same panel of 16 rows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
pub(crate) fn unpack_tile(format: &BlockFormat, blocks: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
    unpack_rows(format, blocks, tile);
}

/// Any format: rows in scalar code, then the transposition.
#[target_feature(enable = "avx512f")]
fn unpack_rows(format: &BlockFormat, blocks: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
    let mut panels: [RowPanel; TILE_ROWS] = std::array::from_fn(|_| RowPanel::default());
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(blocks).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    for (part_idx, columns) in tile.codes.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let mut rows = [_mm512_setzero_si512(); TILE_ROWS];
        for (row, panel) in rows.iter_mut().zip(&panels) {
            *row = load_u8(&panel.codes.as_chunks::<64>().0[part_idx]);
        }
        store_columns(columns, transpose_16x16(rows));
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_columns(out: &mut [CodeLanes; 16], columns: [__m512i; 16]) {
    for (out, column) in out.iter_mut().zip(columns) {
        store_u8(&mut out.0, column);
    }
}
