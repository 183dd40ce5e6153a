//! Products of many tokens with F16 weights: 14-bit codes, integer dot products.

use std::cell::Cell;
use std::thread::LocalKey;

use super::grid::Tiling;
use super::rounded::Panel;
use crate::row_span::RowSpan;
use crate::table::Kernels;
use crate::tile::RowLanes;
use crate::wide::{PANEL_BYTES, WidePanel, WideTile};

/// F16 weights that many tokens meet.
pub(super) struct Halves;

impl Tiling for Halves {
    type Panel = WidePanel;
    type Tile = WideTile;

    fn panel_bytes(&self) -> usize {
        PANEL_BYTES
    }

    fn mul_rows(
        &self,
        kernels: &Kernels,
        spans: &[RowSpan<'_>],
        x: &[WidePanel],
        sums: &mut [RowLanes],
        tiles: &mut [WideTile],
    ) {
        kernels.mul_wide(spans, x, sums, tiles);
    }
}

impl Panel for WidePanel {
    type Spec = ();

    fn round(&mut self, kernels: &Kernels, x: &[f32], (): ()) {
        kernels.quantize_wide(x, self);
    }

    fn room() -> &'static LocalKey<Cell<Vec<Self>>> {
        thread_local! {
            static ROOM: Cell<Vec<WidePanel>> = const { Cell::new(Vec::new()) };
        }
        &ROOM
    }
}
