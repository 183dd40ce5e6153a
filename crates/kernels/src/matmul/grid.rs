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

use std::array;
use std::cell::Cell;
use std::ops::Range;

use super::Band;
use crate::matrix::Matrix;
use crate::row_span::{RowSpan, Strided};
use crate::table::Kernels;
use crate::tile::{RowLanes, TILE_ROWS};

/// From so many tokens on, the grid is walked panel by panel.
const MANY_TOKENS: usize = 32;
/// Tokens for which a tile is unpacked once: their panel is 256 or 288 KiB.
const MAX_TOKENS: usize = 512;
/// So many are multiplied with one row of tiles at a time.
const FEW_TOKENS: usize = 8;
/// Rows of tiles that more tokens meet together: kernels that load activations once for several rows
/// want more than one.
const GROUP_ROWS: usize = 2;
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

    /// Multiplies spans of 16 rows with each token's activations and adds the products to that
    /// token's sums.
    ///
    /// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_spans, n_tokens]`. `tiles` is room to
    /// work in, one for each span.
    fn mul_rows(
        &self,
        kernels: &Kernels,
        spans: &[RowSpan<'_>],
        x: &[Self::Panel],
        sums: &mut [RowLanes],
        tiles: &mut [Self::Tile],
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
        let mut tiles: [T::Tile; GROUP_ROWS] = Default::default();
        let n_rows = if self.n_tokens > FEW_TOKENS { GROUP_ROWS } else { 1 };
        let groups = groups(tile_rows, n_rows).zip(sums.chunks_mut(n_rows * self.n_tokens));
        for (group, sums) in groups {
            let mut spans = [RowSpan::EMPTY; GROUP_ROWS];
            for (span, tile_row) in spans.iter_mut().zip(group.clone()) {
                *span = self.span(tile_row, n_rows);
            }
            let (spans, tiles) = (&spans[..group.len()], &mut tiles[..group.len()]);
            self.tiling.mul_rows(self.kernels, spans, self.activations, sums, tiles);
        }
    }

    /// Multiplies panel by panel with some tokens.
    fn add_panels(&self, tile_rows: Range<usize>, tokens: Range<usize>, sums: &mut [RowLanes]) {
        let Self { kernels, tiling, activations, .. } = self;
        let n_panels = activations.len() / self.n_tokens;
        let panels = |panel_idx: usize, tile_rows: Range<usize>| {
            let first = panel_idx * tiling.panel_bytes();
            let mut panels = [RowSpan::EMPTY; GROUP_ROWS];
            for (panel, tile_row) in panels.iter_mut().zip(tile_rows.clone()) {
                let span = self.span(tile_row, GROUP_ROWS);
                *panel = RowSpan { ahead: &[], ..span.slice(first, first + tiling.panel_bytes()) };
            }
            (panel_idx, tile_rows, panels)
        };
        let mut tiles: [T::Tile; GROUP_ROWS] = Default::default();
        let mut steps = (0..n_panels)
            .flat_map(|panel_idx| {
                groups(tile_rows.clone(), GROUP_ROWS).map(move |group| (panel_idx, group))
            })
            .map(|(panel_idx, group)| panels(panel_idx, group))
            .peekable();
        while let Some((panel_idx, group, panels)) = steps.next() {
            // The next tiles' pieces of rows come while these are multiplied.
            if let Some((.., next)) = steps.peek() {
                next.iter().flat_map(|panel| panel.rows).for_each(|row| kernels.prefetch(row));
            }
            let x = &activations[panel_idx * self.n_tokens..][tokens.clone()];
            let first = (group.start - tile_rows.start) * x.len();
            let sums = &mut sums[first..][..group.len() * x.len()];
            let (panels, tiles) = (&panels[..group.len()], &mut tiles[..group.len()]);
            tiling.mul_rows(kernels, panels, x, sums, tiles);
        }
    }

    /// A row of tiles, and the one that lies `distance` behind it.
    fn span(&self, tile_row: usize, distance: usize) -> RowSpan<'_> {
        let Self { weights, ahead, .. } = self;
        let n_bytes = TILE_ROWS * weights.row_bytes();
        let ahead = ahead.get((tile_row + distance) * n_bytes..).unwrap_or_default();
        let ahead = &ahead[..ahead.len().min(n_bytes)];
        if let Some(bytes) = weights.data().get(tile_row * n_bytes..(tile_row + 1) * n_bytes) {
            let strided = Strided { bytes, stride: weights.row_bytes() };
            return RowSpan::strided(strided, weights.row_bytes(), ahead);
        }
        // Lanes beyond the last row repeat it; their sums are dropped.
        let row =
            |lane: usize| weights.row((tile_row * TILE_ROWS + lane).min(weights.n_rows() - 1));
        RowSpan::new(array::from_fn(row), ahead)
    }
}

/// Cuts rows of tiles into groups of `len` or less.
fn groups(tile_rows: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    tile_rows.clone().step_by(len).map(move |first| first..tile_rows.end.min(first + len))
}
