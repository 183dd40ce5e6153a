//! Products of 16 rows with each token, from their bytes on.
//!
//! A tile pays when many tokens meet it. For one or two its transposition costs more than the
//! products, so here the codes stay as they are, in vectors of 16 columns of one row, and meet the
//! activations of the same columns; only the sums of four rows change places, as additions of
//! neighbours. From there on all is as in a tile, in the same order.

use std::arch::aarch64::*;

use camelid_gguf::TensorType;

use super::bytes::{Dot, prefetch};
use super::codes::{self, Codes};
use super::factors::{self, RowFactors};
use super::mem::load_i8;
use super::tile::{Factors, add_share, finish, mul_tile, sign, start};
use super::unpack::{Rows, unpack_any, unpack_codes};
use crate::activation::ActivationPanel;
use crate::block::{BlockFormat, IQ4_CODES};
use crate::row_span::RowSpan;
use crate::scalar::TileShape;
use crate::tile::{RowLanes, Tile};

/// Multiplies a span with each token; see [`crate::scalar::mul_rows`].
#[target_feature(enable = "neon")]
pub(super) fn mul_rows<D: Dot>(
    dot: D,
    (format, span): (&BlockFormat, &RowSpan<'_>),
    (x, sums): (&[ActivationPanel], &mut [RowLanes]),
    tile: &mut Tile,
) {
    for (panel, x) in span.panels(format.panel_bytes(), x, sums.len()) {
        // In two parts, as the CPU holds a few dozen requests.
        let (ahead, later) = panel.ahead.split_at(panel.ahead.len() / 2);
        prefetch(ahead.as_ptr(), ahead.len());
        mul_panel(dot, (format, &panel.rows), (x, sums), tile);
        prefetch(later.as_ptr(), later.len());
    }
}

/// Multiplies a panel.
#[target_feature(enable = "neon")]
fn mul_panel<D: Dot>(
    dot: D,
    (format, rows): (&BlockFormat, &Rows<'_>),
    (x, sums): (&[ActivationPanel], &mut [RowLanes]),
    tile: &mut Tile,
) {
    let whole = rows[0].len() == format.panel_bytes();
    let panel = Panel { dot, format, rows, x, sums, tile };
    match format.ty {
        TensorType::Q4_0 if whole => panel.multiply::<2, false>(
            |row, quarter| codes::nibbles::<18, 2>(row, quarter),
            |row, scales, _| factors::halves::<18, 0>(row, scales),
        ),
        TensorType::Q4_1 if whole => panel.multiply::<2, false>(
            |row, quarter| codes::nibbles::<20, 4>(row, quarter),
            |row, scales, mins| factors::q4_1(row, scales, mins),
        ),
        TensorType::Q8_0 if whole => panel.multiply::<2, true>(
            |row, quarter| codes::q8_0(row, quarter),
            |row, scales, _| factors::halves::<34, 0>(row, scales),
        ),
        TensorType::IQ4_NL if whole => panel.multiply::<2, true>(
            |row, quarter| codes::iq4_nl(row, quarter, &IQ4_CODES),
            |row, scales, _| factors::halves::<18, 0>(row, scales),
        ),
        TensorType::Q4_K => panel.multiply::<2, false>(
            |row, quarter| codes::q4_k(row, quarter),
            |row, scales, mins| factors::q4_k(row, scales, mins),
        ),
        TensorType::Q5_K => panel.multiply::<2, false>(
            |row, quarter| codes::q5_k(row, quarter),
            |row, scales, mins| factors::q4_k(row, scales, mins),
        ),
        TensorType::Q6_K => panel.multiply::<1, false>(
            |row, quarter| codes::q6_k(row, quarter),
            |row, scales, _| factors::q6_k(row, scales),
        ),
        _ => {
            unpack_any(format, rows, panel.tile);
            mul_tile(dot, (panel.tile, format.tile_shape(rows[0].len())), (x, panel.sums));
        }
    }
}

/// The same panel of 16 rows, and the tokens it meets.
struct Panel<'a, D> {
    dot: D,
    format: &'a BlockFormat,
    rows: &'a Rows<'a>,
    x: &'a [ActivationPanel],
    sums: &'a mut [RowLanes],
    tile: &'a mut Tile,
}

impl<D: Dot> Panel<'_, D> {
    /// Multiplies whole panels: `codes` takes 64 columns of a row apart, `factors` reads a row's
    /// scales and minimums. A group is `VECS` times 16 columns.
    #[target_feature(enable = "neon")]
    #[inline]
    fn multiply<const VECS: usize, const WIDE: bool>(
        self,
        codes: impl Fn(&[u8], usize) -> Codes,
        factors: impl Fn(&[u8], &mut RowFactors, &mut RowFactors),
    ) {
        let Self { dot, format, rows, x, sums, tile } = self;
        let shape = format.tile_shape(rows[0].len());
        debug_assert!(shape.group == 16 * VECS && shape.wide_codes == WIDE);
        factors::fill((format, rows), tile, factors);
        let few = Few { dot, rows, tile, shape };
        match (x, sums) {
            ([x], [sums]) => few.multiply::<1, VECS, WIDE>([x], [sums], codes),
            ([x, y], [x_sums, y_sums]) => {
                few.multiply::<2, VECS, WIDE>([x, y], [x_sums, y_sums], codes);
            }
            (x, sums) => {
                unpack_codes(tile, |row_idx, quarter| codes(rows[row_idx], quarter));
                mul_tile(dot, (tile, shape), (x, sums));
            }
        }
    }
}

/// A panel that one or two tokens meet.
struct Few<'a, D> {
    dot: D,
    rows: &'a Rows<'a>,
    /// Its scales and minimums are those of the rows.
    tile: &'a Tile,
    shape: TileShape,
}

impl<D: Dot> Few<'_, D> {
    /// Multiplies with `N` tokens.
    #[target_feature(enable = "neon")]
    #[inline]
    fn multiply<const N: usize, const VECS: usize, const WIDE: bool>(
        &self,
        x: [&ActivationPanel; N],
        sums: [&mut RowLanes; N],
        codes: impl Fn(&[u8], usize) -> Codes,
    ) {
        let mut sums = sums.map(|sums| sums.0.as_chunks_mut().0);
        for (quad, rows) in self.rows.as_chunks::<4>().0.iter().enumerate() {
            let mut totals = [vdupq_n_f32(0.0); N];
            for (total, sums) in totals.iter_mut().zip(&sums) {
                *total = start(self.shape.steps, &sums[quad]);
            }
            for quarter in 0..4 {
                let mut four = [[vdupq_n_s8(0); 4]; 4];
                for (signed, row) in four.iter_mut().zip(rows) {
                    *signed = as_signed::<WIDE>(codes(row, quarter));
                }
                for (total, x) in totals.iter_mut().zip(x) {
                    let dots = self.dot_groups::<VECS>(&four, x, quarter);
                    *total = self.add_shares::<VECS, WIDE>(*total, dots, (x, quarter, quad));
                }
            }
            for ((sums, total), x) in sums.iter_mut().zip(totals).zip(x) {
                finish(total, (x, self.shape.steps), &mut sums[quad]);
            }
        }
    }

    /// The integer sums of four rows for each group of a quarter; as many as there are groups.
    #[target_feature(enable = "neon")]
    #[inline]
    fn dot_groups<const VECS: usize>(
        &self,
        rows: &[[int8x16_t; 4]; 4],
        x: &ActivationPanel,
        quarter: usize,
    ) -> [int32x4_t; 4] {
        let (x, _) = x.codes.as_chunks::<64>().0[quarter].as_chunks::<16>();
        let mut groups = [vdupq_n_s32(0); 4];
        for (i, group) in groups.iter_mut().enumerate().take(4 / VECS) {
            let mut dots = [vdupq_n_s32(0); 4];
            for (dot, codes) in dots.iter_mut().zip(rows) {
                for j in VECS * i..VECS * (i + 1) {
                    *dot = self.dot.add(*dot, codes[j], load_i8(&x[j]));
                }
            }
            let [a, b, c, d] = dots;
            *group = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
        }
        groups
    }

    /// Adds the groups' shares to the sums of four rows.
    #[target_feature(enable = "neon")]
    #[inline]
    fn add_shares<const VECS: usize, const WIDE: bool>(
        &self,
        mut total: float32x4_t,
        dots: [int32x4_t; 4],
        (x, quarter, quad): (&ActivationPanel, usize, usize),
    ) -> float32x4_t {
        for (i, dot) in dots.into_iter().enumerate().take(4 / VECS) {
            let group_idx = 4 / VECS * quarter + i;
            let start = if WIDE { 0 } else { x.starts[group_idx] };
            let dot = vaddq_s32(dot, vdupq_n_s32(start));
            let factors = Factors::of(self.tile, group_idx, quad, self.shape);
            total = add_share(total, dot, factors, (x, group_idx));
        }
        total
    }
}

/// Codes as they are multiplied; see the head of [`super::tile`].
#[target_feature(enable = "neon")]
#[inline]
fn as_signed<const WIDE: bool>(codes: Codes) -> [int8x16_t; 4] {
    let mut signed = [vdupq_n_s8(0); 4];
    for (signed, codes) in signed.iter_mut().zip(codes) {
        *signed = sign::<WIDE>(codes);
    }
    signed
}
