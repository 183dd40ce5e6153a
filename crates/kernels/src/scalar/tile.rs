//! Tiles: unpacking, and the integer dot product with activations.

use crate::activation::{ActivationPanel, Steps};
use crate::block::BlockFormat;
use crate::row_span::RowSpan;
use crate::tile::{RowLanes, RowPanel, TILE_ROWS, Tile};

/// Multiplies spans of 16 rows with each token's activations, panel after panel, and adds the
/// products to that token's sums.
///
/// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_spans, n_tokens]`; each of the spans' rows
/// is as many whole blocks. `tiles` is room to work in.
pub(crate) fn mul_rows(
    format: &BlockFormat,
    spans: &[RowSpan<'_>],
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tiles: &mut [Tile],
) {
    let n_tokens = sums.len() / spans.len();
    for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(n_tokens)) {
        for (panel, x) in span.panels(format.panel_bytes(), x, n_tokens) {
            unpack_tile(format, &panel.rows, &mut tiles[0]);
            mul_tile(&tiles[0], format.tile_shape(panel.n_bytes()), x, sums);
        }
    }
}

/// Unpacks the same panel of 16 rows.
fn unpack_tile(format: &BlockFormat, blocks: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
    let mut panel = RowPanel::EMPTY;
    for (row_idx, blocks) in blocks.iter().enumerate() {
        (format.unpack_panel)(blocks, &mut panel);
        tile.set_row(row_idx, &panel);
    }
}

/// Adds the products of tiles with each token's activations to that token's sums.
///
/// Per group, in order, an exact 32-bit sum. Where groups have steps of their own, then
/// `sum += (scale * d) * group_sum` and, with minimums, `sum -= min * (d * sum(q))`, each operation
/// rounded to f32. Where steps double, a total of the panel begins at 0, takes
/// `scale * (2^s * group_sum)` and `-min * (2^s * sum(q))`, and is added as `step * total`, each
/// multiplication fused with its addition. So a token's sums have the same bits whatever else is in
/// the batch, in every kernel row.
///
/// Shapes: `x` is `[n_tokens]`, `sums` is `[n_tiles, n_tokens]`, both with at least one token.
pub(crate) fn mul_tiles(
    tiles: &[Tile],
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    for (tile, sums) in tiles.iter().zip(sums.chunks_exact_mut(x.len())) {
        mul_tile(tile, shape, x, sums);
    }
}

/// The same of one tile.
fn mul_tile(tile: &Tile, shape: TileShape, x: &[ActivationPanel], sums: &mut [RowLanes]) {
    for (x, sums) in x.iter().zip(sums) {
        match shape.steps {
            Steps::Own => add_own(tile, shape, x, sums),
            Steps::Doubling => add_doubling(tile, shape, x, sums),
        }
    }
}

fn add_own(tile: &Tile, shape: TileShape, x: &ActivationPanel, sums: &mut RowLanes) {
    for group_idx in 0..shape.n_groups {
        let group_sums = dot_group(tile, x, group_idx, shape.group);
        let (scales, mins) = (&tile.scales[group_idx].0, &tile.mins[group_idx].0);
        for (row_idx, sum) in sums.0.iter_mut().enumerate() {
            let factor = scales[row_idx] * x.scale(group_idx);
            *sum += group_sums[row_idx] as f32 * factor;
            if shape.has_mins {
                *sum -= mins[row_idx] * x.sums[group_idx];
            }
        }
    }
}

fn add_doubling(tile: &Tile, shape: TileShape, x: &ActivationPanel, sums: &mut RowLanes) {
    let mut totals = [0.0f32; TILE_ROWS];
    for group_idx in 0..shape.n_groups {
        let group_sums = dot_group(tile, x, group_idx, shape.group);
        let (scales, mins) = (&tile.scales[group_idx].0, &tile.mins[group_idx].0);
        for (row_idx, total) in totals.iter_mut().enumerate() {
            let bits = (group_sums[row_idx] as f32).to_bits().cast_signed();
            let doubled = bits.wrapping_add(x.exponent(group_idx)).cast_unsigned();
            *total = f32::from_bits(doubled).mul_add(scales[row_idx], *total);
            if shape.has_mins {
                *total = (-mins[row_idx]).mul_add(x.sums[group_idx], *total);
            }
        }
    }
    for (sum, total) in sums.0.iter_mut().zip(totals) {
        *sum = total.mul_add(x.step, *sum);
    }
}

/// What part of a tile is filled, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileShape {
    pub(crate) n_groups: usize,
    pub(crate) group: usize,
    pub(crate) has_mins: bool,
    /// Whether codes go beyond 127; their zero is 128 then.
    pub(crate) wide_codes: bool,
    /// How the activations are scaled.
    pub(crate) steps: Steps,
}

fn dot_group(tile: &Tile, x: &ActivationPanel, group_idx: usize, group: usize) -> [i32; TILE_ROWS] {
    let mut sums = [x.starts[group_idx]; TILE_ROWS];
    let first = group_idx * group;
    for (codes, x) in
        tile.codes[first / 4..].iter().zip(x.codes[first..first + group].as_chunks::<4>().0)
    {
        for (sum, codes) in sums.iter_mut().zip(codes.0.as_chunks::<4>().0) {
            for (&code, &x) in codes.iter().zip(x) {
                *sum += i32::from(code) * i32::from(x);
            }
        }
    }
    sums
}
