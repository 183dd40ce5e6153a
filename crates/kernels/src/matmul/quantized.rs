//! Products with quantised weights: 8-bit activations, integer dot products.
//!
//! Activations are rounded once per product, panel-major (`[n_panels, n_tokens]`), so that the
//! tokens which meet a tile lie side by side. Then, for each tile of a band: unpack, and multiply
//! with every token, sums per token and row.

use super::Band;
use crate::activation::{ActivationPanel, PanelSpec};
use crate::block::BlockFormat;
use crate::scalar::TileShape;
use crate::table::Kernels;
use crate::team::ThreadTeam;
use crate::tile::{PANEL, RowLanes, TILE_ROWS, Tile};

/// `(x, n_cols)` are the activations and their row length.
pub(super) fn matmul(
    kernels: &Kernels,
    team: &ThreadTeam,
    format: &BlockFormat,
    bands: Vec<Band<'_, '_>>,
    (x, n_cols): (&[f32], usize),
) {
    let activations = quantize(team, x, n_cols, PanelSpec { group: format.group, zero: format.zero });
    team.run_each(bands, |band| mul_band(kernels, format, band, &activations));
}

/// Rounds activations `[n_tokens, n_cols]` to panels `[n_panels, n_tokens]`.
fn quantize(team: &ThreadTeam, x: &[f32], n_cols: usize, spec: PanelSpec) -> Vec<ActivationPanel> {
    let n_tokens = x.len() / n_cols;
    let mut panels = vec![ActivationPanel::default(); n_cols.div_ceil(PANEL) * n_tokens];
    let columns = panels.chunks_mut(n_tokens).enumerate().collect();
    team.run_each(columns, |(panel_idx, panels): (usize, &mut [ActivationPanel])| {
        let first = panel_idx * PANEL;
        let last = n_cols.min(first + PANEL);
        for (token_idx, panel) in panels.iter_mut().enumerate() {
            panel.quantize(&x[token_idx * n_cols + first..token_idx * n_cols + last], spec);
        }
    });
    panels
}

/// Computes one band, tile by tile.
fn mul_band(
    kernels: &Kernels,
    format: &BlockFormat,
    mut band: Band<'_, '_>,
    activations: &[ActivationPanel],
) {
    let n_tokens = band.out.len();
    let n_rows = band.weights.n_rows();
    let mut tile = Tile::default();
    let mut sums = vec![RowLanes([0.0; TILE_ROWS]); n_tokens];
    for first_row in (0..n_rows).step_by(TILE_ROWS) {
        // Lanes beyond the last row repeat it; their sums are dropped.
        let rows: [&[u8]; TILE_ROWS] =
            std::array::from_fn(|lane| band.weights.row((first_row + lane).min(n_rows - 1)));
        sums.fill(RowLanes([0.0; TILE_ROWS]));
        for (panel_idx, x) in activations.chunks(n_tokens).enumerate() {
            let n_cols = (band.weights.n_cols() - panel_idx * PANEL).min(PANEL);
            let shape = TileShape {
                n_groups: n_cols / format.group,
                group: format.group,
                has_mins: format.has_mins,
            };
            let first_byte = panel_idx * format.panel_bytes();
            let n_bytes = n_cols / format.len * format.bytes;
            let blocks = rows.map(|row| &row[first_byte..first_byte + n_bytes]);
            kernels.unpack_tile(format, &blocks, &mut tile);
            kernels.mul_tile(&tile, shape, x, &mut sums);
        }
        for (out, sums) in band.out.iter_mut().zip(&sums) {
            let out = &mut out[first_row..];
            let n_out = out.len().min(TILE_ROWS);
            out[..n_out].copy_from_slice(&sums.0[..n_out]);
        }
    }
}
