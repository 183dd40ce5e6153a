//! A panel of rows at equal distances.
#![expect(unsafe_code, reason = "rows are found from each other's addresses")]

use std::hint::black_box;
use std::marker::PhantomData;

use crate::row_span::Strided;
use crate::tile::TILE_ROWS;

/// The same panel of each row, of a length the compiler knows: offsets into it need no check.
///
/// Sixteen addresses would not fit the CPU's registers, and each would be read from memory before
/// each use. Four and two distances do: an operand may be an address and one, two, four or eight
/// times a distance.
pub(super) struct Blocks<'a, const PANEL_BYTES: usize> {
    /// Of rows 0, 4, 8 and 12.
    fourths: [*const u8; TILE_ROWS / 4],
    stride: usize,
    stride_3: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a, const PANEL_BYTES: usize> Blocks<'a, PANEL_BYTES> {
    /// The panels that begin `first` bytes behind their rows.
    ///
    /// # Panics
    /// If the last row's ends beyond the bytes.
    #[inline]
    pub(super) fn new(Strided { bytes, stride }: Strided<'a>, first: usize) -> Self {
        let last = stride.checked_mul(TILE_ROWS - 1).and_then(|at| at.checked_add(first));
        let end = last.and_then(|last| last.checked_add(PANEL_BYTES));
        assert!(end.is_some_and(|end| end <= bytes.len()), "{TILE_ROWS} rows of a panel");
        let mut fourths = [bytes.as_ptr(); TILE_ROWS / 4];
        for (i, fourth) in fourths.iter_mut().enumerate() {
            // Where it came from is hidden, or the compiler would find all sixteen again.
            *fourth = black_box(fourth.wrapping_add(first + 4 * i * stride));
        }
        let (stride, stride_3) = (black_box(stride), black_box(3 * stride));
        Self { fourths, stride, stride_3, bytes: PhantomData }
    }

    /// `N` bytes of a row's panel.
    #[inline]
    pub(super) fn part<const N: usize>(&self, row_idx: usize, offset: usize) -> &'a [u8; N] {
        assert!(row_idx < TILE_ROWS && N <= PANEL_BYTES && offset <= PANEL_BYTES - N);
        let distance = match row_idx % 4 {
            0 => 0,
            1 => self.stride,
            2 => 2 * self.stride,
            _ => self.stride_3,
        };
        let start = self.fourths[row_idx / 4].wrapping_add(distance + offset);
        // SAFETY: `new` saw that the panel of the last row, and so of every row, lies within the
        // bytes it was given, which live for `'a`; the part lies within the panel.
        unsafe { &*start.cast() }
    }
}
