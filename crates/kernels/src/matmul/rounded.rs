//! A product's activations as integers, rounded once for all weights that they meet.
//!
//! Panels are panel-major, `[n_panels, n_tokens]`, so that the tokens which meet a tile lie side by
//! side. Formats that want different things beside the codes have panels of their own.
//!
//! The panels live in memory that a thread keeps: fresh memory would come in cleared pages, one
//! fault each, and take longer than rounding the activations.

use std::cell::Cell;
use std::thread::LocalKey;

use crate::table::Kernels;
use crate::team::ThreadTeam;
use crate::tile::PANEL;

/// Fewer elements are rounded in less time than it takes to share them out.
const MIN_SHARED: usize = 1 << 13;
/// The activations of so many tokens later are asked for: they lie too far apart for a CPU to
/// foretell them.
const AHEAD: usize = 2;

/// Up to [`PANEL`] rounded activations of one token.
pub(super) trait Panel: Clone + Default + Send + 'static {
    /// What there is to choose in rounding.
    type Spec: Copy + PartialEq + Send + Sync;

    /// Rounds `x`, at most [`PANEL`] activations.
    fn round(&mut self, kernels: &Kernels, x: &[f32], spec: Self::Spec);

    /// The panels of the last product that this thread has started.
    fn room() -> &'static LocalKey<Cell<Vec<Self>>>;
}

/// Rounded activations.
pub(super) struct Rounded<P: Panel> {
    /// The ways in which they are rounded.
    specs: Vec<P::Spec>,
    /// Panels of one way.
    n_panels: usize,
    /// At least `[specs.len(), n_panels]`.
    room: Vec<P>,
}

impl<P: Panel> Rounded<P> {
    /// Rounds activations `[n_tokens, n_cols]`, of which there are some, in each of the ways.
    pub(super) fn new(
        (kernels, team): (&Kernels, &ThreadTeam),
        (x, n_cols): (&[f32], usize),
        wanted: impl Iterator<Item = P::Spec>,
    ) -> Self {
        let mut specs = Vec::new();
        for spec in wanted {
            if !specs.contains(&spec) {
                specs.push(spec);
            }
        }
        let n_tokens = x.len() / n_cols;
        let n_panels = n_cols.div_ceil(PANEL) * n_tokens;
        let mut room = P::room().take();
        if room.len() < specs.len() * n_panels {
            room.resize_with(specs.len() * n_panels, P::default);
        }
        let columns = specs.iter().zip(room.chunks_mut(n_panels)).flat_map(|(&spec, panels)| {
            let columns = panels.chunks_mut(n_tokens).enumerate();
            columns.map(move |(panel_idx, panels)| (spec, panel_idx * PANEL, panels))
        });
        let round = |(spec, first, panels): (P::Spec, usize, &mut [P])| {
            let last = n_cols.min(first + PANEL);
            let piece = |token_idx: usize| &x[token_idx * n_cols..][first..last];
            for (token_idx, panel) in panels.iter_mut().enumerate() {
                if token_idx + AHEAD < n_tokens {
                    kernels.prefetch(piece(token_idx + AHEAD));
                }
                panel.round(kernels, piece(token_idx), spec);
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
    pub(super) fn panels(&self, spec: P::Spec) -> &[P] {
        let way = self.specs.iter().position(|&own| own == spec);
        let way = way.expect("because every product's way was asked for");
        &self.room[way * self.n_panels..][..self.n_panels]
    }
}

impl<P: Panel> Drop for Rounded<P> {
    fn drop(&mut self) {
        P::room().set(std::mem::take(&mut self.room));
    }
}
