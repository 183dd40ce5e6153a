//! Formats without a routine of their own, and rows that do not end with a step: taken apart in
//! scalar code.

use std::arch::x86_64::*;

use super::{BLOCKS, Codes, IN_ORDER, Product, Rows, STEP, join};
use crate::block::BlockFormat;
use crate::tile::{RowPanel, TILE_ROWS, Tile};

/// Multiplies rows of any format.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn multiply(format: &BlockFormat, rows: &Rows<'_>, product: Product<'_>) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (panel, row) in panels.iter_mut().zip(rows) {
        (format.unpack_panel)(row, panel);
    }
    let factors = |tile: &mut Tile| {
        for (row_idx, panel) in panels.iter().enumerate() {
            tile.set_scales(row_idx, panel);
        }
    };
    let in_order = |row: usize, step| pieces(&panels[row], step, [0, 1, 2, 3, 4, 5, 6, 7]);
    let blocks = |row: usize, step| pieces(&panels[row], step, [0, 2, 1, 3, 4, 6, 5, 7]);
    match (product.shape.group, product.shape.wide_codes) {
        (16, _) => product.multiply::<16, false, 127>(&IN_ORDER, in_order, factors),
        (_, false) => product.multiply::<32, false, 127>(&BLOCKS, blocks, factors),
        (_, true) => {
            let sign_bits = _mm256_set1_epi8(i8::MIN);
            let codes = |row, step| {
                let [a, b, c, d] = blocks(row, step);
                [
                    _mm256_xor_si256(a, sign_bits),
                    _mm256_xor_si256(b, sign_bits),
                    _mm256_xor_si256(c, sign_bits),
                    _mm256_xor_si256(d, sign_bits),
                ]
            };
            product.multiply::<32, true, 128>(&BLOCKS, codes, factors);
        }
    }
}

/// A step's codes, as pieces of 16 columns two to a vector.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn pieces(panel: &RowPanel, step: usize, order: [usize; 8]) -> Codes {
    let pieces = panel.codes.as_chunks::<STEP>().0[step].as_chunks::<16>().0;
    let pair = |i: usize| join(&pieces[order[2 * i]], &pieces[order[2 * i + 1]]);
    [pair(0), pair(1), pair(2), pair(3)]
}
