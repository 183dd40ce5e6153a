//! Integer products with `sdot`: Apple from the M1, Cortex from the A76, Neoverse.

use std::arch::is_aarch64_feature_detected;

use super::bytes::DotProd;
use super::{rows, tile};
use crate::activation::ActivationPanel;
use crate::block::BlockFormat;
use crate::scalar::TileShape;
use crate::tile::{RowLanes, TILE_ROWS, Tile};

/// Whether this CPU has every instruction that the routines here use.
pub(crate) fn is_available() -> bool {
    is_aarch64_feature_detected!("dotprod")
}

/// See [`crate::scalar::mul_rows`]; the same bits.
#[target_feature(enable = "neon,dotprod")]
pub(crate) fn mul_rows(
    format: &BlockFormat,
    rows: &[&[u8]; TILE_ROWS],
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tile: &mut Tile,
) {
    rows::mul_rows(DotProd::new(), (format, rows), (x, sums), tile);
}

/// See [`crate::scalar::mul_tile`]; the same bits.
#[target_feature(enable = "neon,dotprod")]
pub(crate) fn mul_tile(
    tile: &Tile,
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    tile::mul_tile(DotProd::new(), (tile, shape), (x, sums));
}
