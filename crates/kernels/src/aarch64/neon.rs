//! Integer products for CPUs without instructions of their own for them: ARMv8.0, as the
//! Cortex-A53 and A72.

use super::bytes::Baseline;
use super::{rows, tile};
use crate::activation::ActivationPanel;
use crate::block::BlockFormat;
use crate::scalar::TileShape;
use crate::tile::{RowLanes, TILE_ROWS, Tile};

/// See [`crate::scalar::mul_rows`]; the same bits.
#[target_feature(enable = "neon")]
pub(crate) fn mul_rows(
    format: &BlockFormat,
    rows: &[&[u8]; TILE_ROWS],
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tile: &mut Tile,
) {
    rows::mul_rows(Baseline, (format, rows), (x, sums), tile);
}

/// See [`crate::scalar::mul_tile`]; the same bits.
#[target_feature(enable = "neon")]
pub(crate) fn mul_tile(
    tile: &Tile,
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    tile::mul_tile(Baseline, (tile, shape), (x, sums));
}
