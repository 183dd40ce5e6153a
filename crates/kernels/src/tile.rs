//! The common form of all block formats: a tile of 16 rows by 256 columns.
//!
//! The integer dot instructions multiply four neighbouring bytes per 32-bit lane. With one matrix
//! row per lane, four columns of 16 rows make one 64-byte vector, a broadcast of four activations
//! meets all 16 rows at once, and sums stay in their lane: no horizontal additions. So a tile
//! holds
//!
//! ```text
//! codes   [64][16][4]u8   column / 4, row, column % 4
//! scales  [16][16]f32     group, row
//! mins    [16][16]f32     group, row
//! ```
//!
//! A tile is unpacked once and used for every token of the batch. 6 KiB, it stays in the first
//! cache level.

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 16;
/// Columns of a tile.
pub(crate) const PANEL: usize = 256;
/// Most scale groups a panel can have: [`PANEL`] over the smallest group.
pub(crate) const MAX_GROUPS: usize = PANEL / 16;

/// One row's part of a tile, in column order.
///
/// Shapes: `codes` is `[PANEL]`, `scales` and `mins` are `[n_groups]`; what lies beyond the row's
/// end is of no meaning.
pub(crate) struct RowPanel {
    pub(crate) codes: [u8; PANEL],
    pub(crate) scales: [f32; MAX_GROUPS],
    pub(crate) mins: [f32; MAX_GROUPS],
}

impl RowPanel {
    /// All zeros.
    pub(crate) const EMPTY: Self =
        Self { codes: [0; PANEL], scales: [0.0; MAX_GROUPS], mins: [0.0; MAX_GROUPS] };
}

/// One f32 per row of a tile.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct RowLanes(pub(crate) [f32; TILE_ROWS]);

/// Four columns of all rows: `[row][column % 4]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct CodeLanes(pub(crate) [u8; 4 * TILE_ROWS]);

/// An unpacked piece of a weight matrix; the layout is at the module's head.
pub(crate) struct Tile {
    pub(crate) codes: [CodeLanes; PANEL / 4],
    pub(crate) scales: [RowLanes; MAX_GROUPS],
    pub(crate) mins: [RowLanes; MAX_GROUPS],
}

impl Default for Tile {
    fn default() -> Self {
        Self {
            codes: [CodeLanes([0; 4 * TILE_ROWS]); PANEL / 4],
            scales: [RowLanes([0.0; TILE_ROWS]); MAX_GROUPS],
            mins: [RowLanes([0.0; TILE_ROWS]); MAX_GROUPS],
        }
    }
}

impl Tile {
    /// Puts a row in its lane.
    pub(crate) fn set_row(&mut self, row_idx: usize, panel: &RowPanel) {
        for (lanes, codes) in self.codes.iter_mut().zip(panel.codes.as_chunks::<4>().0) {
            lanes.0[4 * row_idx..][..4].copy_from_slice(codes);
        }
        self.set_scales(row_idx, panel);
    }

    /// Puts a row's scales and minimums in its lane.
    pub(crate) fn set_scales(&mut self, row_idx: usize, panel: &RowPanel) {
        for (lanes, &scale) in self.scales.iter_mut().zip(&panel.scales) {
            lanes.0[row_idx] = scale;
        }
        for (lanes, &min) in self.mins.iter_mut().zip(&panel.mins) {
            lanes.0[row_idx] = min;
        }
    }
}
