//! Sixteen rows of a matrix, as kernels walk them.

use std::array;

use crate::tile::TILE_ROWS;

/// The same stretch of 16 rows: some panels, the last perhaps not whole.
#[derive(Clone, Copy)]
pub(crate) struct RowSpan<'a> {
    /// All of one length.
    pub(crate) rows: [&'a [u8]; TILE_ROWS],
    /// The memory they lie in, if they lie at equal distances.
    pub(crate) strided: Option<Strided<'a>>,
    /// What will be read after the span. A kernel asks for it while it multiplies, a share with
    /// each panel.
    pub(crate) ahead: &'a [u8],
}

/// Rows at equal distances. Kernels find all of them from a few addresses.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    /// Begins with the first row, and ends no sooner than the last one.
    pub(crate) bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub(crate) stride: usize,
}

impl<'a> RowSpan<'a> {
    /// Of nothing.
    pub(crate) const EMPTY: Self = Self::new([&[]; TILE_ROWS], &[]);

    /// Rows from anywhere, of one length.
    pub(crate) const fn new(rows: [&'a [u8]; TILE_ROWS], ahead: &'a [u8]) -> Self {
        Self { rows, strided: None, ahead }
    }

    /// Rows of `n_bytes` at equal distances.
    pub(crate) fn strided(strided: Strided<'a>, n_bytes: usize, ahead: &'a [u8]) -> Self {
        let Strided { bytes, stride } = strided;
        let rows = array::from_fn(|row_idx| &bytes[row_idx * stride..][..n_bytes]);
        Self { rows, strided: Some(strided), ahead }
    }

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
        let mut span = Self { ahead: &self.ahead[share(first)..share(last)], ..*self };
        if let Some(strided) = &mut span.strided {
            strided.bytes = &strided.bytes[first..];
        }
        for row in &mut span.rows {
            *row = &row[first..last];
        }
        span
    }
}
