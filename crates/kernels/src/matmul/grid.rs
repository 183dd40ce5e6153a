//! Products by tiles: integer codes of weights and activations.
//!
//! Activations come rounded ([`rounded`](super::rounded)). A band is a grid of tiles, 16 rows by
//! one panel each; a tile is unpacked, then multiplied with every token into the sums of its rows.
//! What a tile holds is told by its [`Tiling`].
//!
//! With few tokens the work is reading weights: the grid is walked row by row, in the order of
//! the file, and the next row of tiles is asked for ahead. With many it is arithmetic: the grid
//! is walked panel by panel, so that a panel's activations and the sums of a few rows of tiles stay in
//! the second cache level. The order of additions is the same.
//!
//! Sums live in memory that each thread keeps: fresh memory would come in cleared pages, one fault
//! each.

use std::cell::Cell;
use std::ops::Range;

use super::Band;
use crate::matrix::Matrix;
use crate::row_span::RowSpan;
use crate::table::Kernels;
use crate::tile::{RowLanes, TILE_ROWS};

/// From so many tokens on, the grid is walked panel by panel.
const MANY_TOKENS: usize = 32;
/// Tokens for which a tile is unpacked once: their panel is 256 or 288 KiB.
const MAX_TOKENS: usize = 512;
/// Rows of tiles that many tokens meet before the next: their sums are 256 KiB.
const MAX_TILE_ROWS: usize = 8;

thread_local! {
    /// Sums of some rows of tiles, on each thread that multiplies.
    static SUMS: Cell<Vec<RowLanes>> = const { Cell::new(Vec::new()) };
}

/// How weights are stored, and the form in which they meet activations.
pub(super) trait Tiling {
    /// A token's activations of one panel.
    type Panel;
    /// Room for an unpacked tile.
    type Tile: Default;

    /// Bytes of a row's whole panel.
    fn panel_bytes(&self) -> usize;

    /// Multiplies a span of 16 rows with each token's activations and adds the products to that
    /// token's sums.
    ///
    /// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_tokens]`. `tile` is room to work in.
    fn mul_rows(
        &self,
        kernels: &Kernels,
        span: &RowSpan<'_>,
        x: &[Self::Panel],
        sums: &mut [RowLanes],
        tile: &mut Self::Tile,
    );
}

/// Multiplies a band with activations `[n_panels, n_tokens]`.
pub(super) fn multiply<T: Tiling>(
    kernels: &Kernels,
    tiling: &T,
    Band { weights, ahead, mut out }: Band<'_, '_>,
    activations: &[T::Panel],
) {
    let grid = Grid { kernels, tiling, weights, ahead, activations, n_tokens: out.len() };
    for (block_idx, out) in out.chunks_mut(MAX_TOKENS).enumerate() {
        grid.multiply(block_idx * MAX_TOKENS, out);
    }
}

/// A band as a grid of tiles.
struct Grid<'a, T: Tiling> {
    kernels: &'a Kernels,
    tiling: &'a T,
    weights: Matrix<'a>,
    /// The weights, and what follows them in the matrix.
    ahead: &'a [u8],
    /// `[n_panels, n_tokens]`.
    activations: &'a [T::Panel],
    n_tokens: usize,
}

impl<T: Tiling> Grid<'_, T> {
    /// Multiplies with the tokens from `first_token` on; one slice of `out` each.
    fn multiply(&self, first_token: usize, out: &mut [&mut [f32]]) {
        let n_tile_rows = self.weights.n_rows().div_ceil(TILE_ROWS);
        if out.len() < MANY_TOKENS {
            return self.multiply_strip(0..n_tile_rows, first_token, out);
        }
        for first in (0..n_tile_rows).step_by(MAX_TILE_ROWS) {
            let last = n_tile_rows.min(first + MAX_TILE_ROWS);
            self.multiply_strip(first..last, first_token, out);
        }
    }

    /// The same with some rows of tiles.
    fn multiply_strip(&self, tile_rows: Range<usize>, first_token: usize, out: &mut [&mut [f32]]) {
        let n_tokens = out.len();
        let mut sums = SUMS.take();
        sums.clear();
        sums.resize(tile_rows.len() * n_tokens, RowLanes([0.0; TILE_ROWS]));
        if n_tokens == self.n_tokens && n_tokens < MANY_TOKENS {
            self.add_rows(tile_rows.clone(), &mut sums);
        } else {
            self.add_panels(tile_rows.clone(), first_token..first_token + n_tokens, &mut sums);
        }
        for (token_idx, out) in out.iter_mut().enumerate() {
            let out = &mut out[tile_rows.start * TILE_ROWS..];
            for (sums, out) in sums.chunks_exact(n_tokens).zip(out.chunks_mut(TILE_ROWS)) {
                let sums = &sums[token_idx].0;
                match out.first_chunk_mut() {
                    Some(out) => *out = *sums,
                    None => out.copy_from_slice(&sums[..out.len()]),
                }
            }
        }
        SUMS.set(sums);
    }

    /// Multiplies row by row with all tokens.
    fn add_rows(&self, tile_rows: Range<usize>, sums: &mut [RowLanes]) {
        let mut tile = T::Tile::default();
        for (tile_row, sums) in tile_rows.zip(sums.chunks_exact_mut(self.n_tokens)) {
            let span = self.span(tile_row);
            self.tiling.mul_rows(self.kernels, &span, self.activations, sums, &mut tile);
        }
    }

    /// Multiplies panel by panel with some tokens.
    fn add_panels(&self, tile_rows: Range<usize>, tokens: Range<usize>, sums: &mut [RowLanes]) {
        let Self { kernels, tiling, activations, .. } = self;
        let n_panels = activations.len() / self.n_tokens;
        let panel = |panel_idx: usize, tile_row: usize| {
            let first = panel_idx * tiling.panel_bytes();
            let span = self.span(tile_row).slice(first, first + tiling.panel_bytes());
            RowSpan { ahead: &[], ..span }
        };
        let mut tile = T::Tile::default();
        let mut tiles = (0..n_panels)
            .flat_map(|panel_idx| tile_rows.clone().map(move |tile_row| (panel_idx, tile_row)))
            .map(|(panel_idx, tile_row)| (panel_idx, tile_row, panel(panel_idx, tile_row)))
            .peekable();
        while let Some((panel_idx, tile_row, panel)) = tiles.next() {
            // The next tile's pieces of rows come while this one is multiplied.
            if let Some((.., next)) = tiles.peek() {
                next.rows.iter().for_each(|row| kernels.prefetch(row));
            }
            let x = &activations[panel_idx * self.n_tokens..][tokens.clone()];
            let sums = &mut sums[(tile_row - tile_rows.start) * x.len()..][..x.len()];
            tiling.mul_rows(kernels, &panel, x, sums, &mut tile);
        }
    }

    /// A row of tiles; the next lies behind it.
    fn span(&self, tile_row: usize) -> RowSpan<'_> {
        let Self { weights, ahead, .. } = self;
        let first_row = tile_row * TILE_ROWS;
        // Lanes beyond the last row repeat it; their sums are dropped.
        let mut rows: [&[u8]; TILE_ROWS] = [&[]; TILE_ROWS];
        for (lane, row) in rows.iter_mut().enumerate() {
            *row = weights.row((first_row + lane).min(weights.n_rows() - 1));
        }
        let n_bytes = TILE_ROWS * weights.row_bytes();
        let ahead = ahead.get((tile_row + 1) * n_bytes..).unwrap_or_default();
        RowSpan { rows, ahead: &ahead[..ahead.len().min(n_bytes)] }
    }
}
