//! Products with quantised weights: 8-bit activations, integer dot products.

use std::cell::Cell;
use std::thread::LocalKey;

use super::grid::Tiling;
use super::rounded::Panel;
use crate::activation::{ActivationPanel, PanelSpec};
use crate::block::BlockFormat;
use crate::row_span::RowSpan;
use crate::table::Kernels;
use crate::tile::{RowLanes, Tile};

impl Tiling for BlockFormat {
    type Panel = ActivationPanel;
    type Tile = Tile;

    fn panel_bytes(&self) -> usize {
        BlockFormat::panel_bytes(self)
    }

    fn mul_rows(
        &self,
        kernels: &Kernels,
        spans: &[RowSpan<'_>],
        x: &[ActivationPanel],
        sums: &mut [RowLanes],
        tiles: &mut [Tile],
    ) {
        kernels.mul_rows(self, spans, x, sums, tiles);
    }
}

impl Panel for ActivationPanel {
    type Spec = PanelSpec;

    fn round(&mut self, kernels: &Kernels, x: &[f32], spec: PanelSpec) {
        kernels.quantize(x, spec, self);
    }

    fn room() -> &'static LocalKey<Cell<Vec<Self>>> {
        thread_local! {
            static ROOM: Cell<Vec<ActivationPanel>> = const { Cell::new(Vec::new()) };
        }
        &ROOM
    }
}
