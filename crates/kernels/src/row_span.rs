//! Sixteen rows of a matrix, as kernels walk them.

use crate::tile::TILE_ROWS;

/// The same stretch of 16 rows: some panels, the last perhaps not whole.
#[derive(Clone, Copy)]
pub(crate) struct RowSpan<'a> {
    /// All of one length.
    pub(crate) rows: [&'a [u8]; TILE_ROWS],
    /// What will be read after the span. A kernel asks for it while it multiplies, a share with
    /// each panel.
    pub(crate) ahead: &'a [u8],
}

impl<'a> RowSpan<'a> {
    /// Of nothing.
    pub(crate) const EMPTY: Self = Self { rows: [&[]; TILE_ROWS], ahead: &[] };

    /// Bytes of each row.
    pub(crate) fn n_bytes(&self) -> usize {
        self.rows[0].len()
    }

    /// The panels, one by one, with the activations that each meets.
    ///
    /// Shapes: `x` is `[n_panels, n_tokens]`.
    pub(crate) fn panels<P>(
        self,
        panel_bytes: usize,
        x: &'a [P],
        n_tokens: usize,
    ) -> impl Iterator<Item = (Self, &'a [P])> {
        let n_panels = self.n_bytes().div_ceil(panel_bytes);
        (0..n_panels).map(move |panel_idx| {
            let panel = self.slice(panel_idx * panel_bytes, (panel_idx + 1) * panel_bytes);
            (panel, &x[panel_idx * n_tokens..][..n_tokens])
        })
    }

    /// The bytes of each row from `first` to `last` or the rows' end, and their share of what is
    /// ahead.
    pub(crate) fn slice(&self, first: usize, last: usize) -> Self {
        let last = last.min(self.n_bytes());
        let share = |at: usize| (at * TILE_ROWS).min(self.ahead.len());
        let mut span = Self { rows: self.rows, ahead: &self.ahead[share(first)..share(last)] };
        for row in &mut span.rows {
            *row = &row[first..last];
        }
        span
    }
}
