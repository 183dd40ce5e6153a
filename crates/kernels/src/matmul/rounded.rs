//! A product's activations in 8 bits, rounded once for all weights that they meet.
//!
//! Panels are panel-major, `[n_panels, n_tokens]`, so that the tokens which meet a tile lie side by
//! side. Formats that want different things beside the codes have panels of their own.
//!
//! The panels live in memory that a thread keeps: fresh memory would come in cleared pages, one
//! fault each, and take longer than rounding the activations.

use std::cell::Cell;

use crate::activation::{ActivationPanel, PanelSpec};
use crate::table::Kernels;
use crate::team::ThreadTeam;
use crate::tile::PANEL;

/// Fewer elements are rounded in less time than it takes to share them out.
const MIN_SHARED: usize = 1 << 13;

thread_local! {
    /// Of the last product that this thread has started.
    static ROOM: Cell<Vec<ActivationPanel>> = const { Cell::new(Vec::new()) };
}

/// Rounded activations.
pub(super) struct Rounded {
    /// The ways in which they are rounded.
    specs: Vec<PanelSpec>,
    /// Panels of one way.
    n_panels: usize,
    /// At least `[specs.len(), n_panels]`.
    room: Vec<ActivationPanel>,
}

impl Rounded {
    /// Rounds activations `[n_tokens, n_cols]`, of which there are some, in each of the ways.
    pub(super) fn new(
        (kernels, team): (&Kernels, &ThreadTeam),
        (x, n_cols): (&[f32], usize),
        wanted: impl Iterator<Item = PanelSpec>,
    ) -> Self {
        let mut specs = Vec::new();
        for spec in wanted {
            if !specs.contains(&spec) {
                specs.push(spec);
            }
        }
        let n_tokens = x.len() / n_cols;
        let n_panels = n_cols.div_ceil(PANEL) * n_tokens;
        let mut room = ROOM.take();
        if room.len() < specs.len() * n_panels {
            room.resize_with(specs.len() * n_panels, ActivationPanel::default);
        }
        let columns = specs.iter().zip(room.chunks_mut(n_panels)).flat_map(|(&spec, panels)| {
            let columns = panels.chunks_mut(n_tokens).enumerate();
            columns.map(move |(panel_idx, panels)| (spec, panel_idx * PANEL, panels))
        });
        let round = |(spec, first, panels): (PanelSpec, usize, &mut [ActivationPanel])| {
            let last = n_cols.min(first + PANEL);
            for (x, panel) in x.chunks_exact(n_cols).zip(panels) {
                kernels.quantize(&x[first..last], spec, panel);
            }
        };
        if specs.len() * x.len() < MIN_SHARED {
            columns.for_each(round);
        } else {
            team.run_each(columns.collect(), round);
        }
        Self { specs, n_panels, room }
    }

    /// The panels that are rounded in one of the ways, `[n_panels, n_tokens]`.
    pub(super) fn panels(&self, spec: PanelSpec) -> &[ActivationPanel] {
        let way = self.specs.iter().position(|&own| own == spec);
        let way = way.expect("because every product's way was asked for");
        &self.room[way * self.n_panels..][..self.n_panels]
    }
}

impl Drop for Rounded {
    fn drop(&mut self) {
        ROOM.set(std::mem::take(&mut self.room));
    }
}
