//! Products of 14-bit codes; see [`crate::wide`].

use super::quantize::largest;
use crate::activation::GROUP;
use crate::row_span::RowSpan;
use crate::tile::{RowLanes, TILE_ROWS};
use crate::wide::{
    GROUP_BYTES, LEAST_EXPONENT, MANTISSA_BITS, PANEL_BYTES, SHIFT, WidePanel, WideTile, n_groups,
    step,
};

/// Rounds `x`, at most 256 activations, into a panel.
pub(crate) fn quantize_wide(x: &[f32], panel: &mut WidePanel) {
    panel.round(x, largest, |x, inverse, codes| {
        for (code, x) in codes.iter_mut().zip(x) {
            *code = (x * inverse).round_ties_even() as i16;
        }
    });
}

/// Multiplies spans of 16 rows with each token's activations, panel after panel, and adds the
/// products to that token's sums.
///
/// A panel's total begins at 0 and takes, group after group, `step * (2^s * group_sum)`; it is added
/// as `x.step * total`. Each multiplication is fused with its addition. So a token's sums have the
/// same bits whatever else is in the batch, in every kernel row.
///
/// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_spans, n_tokens]`. `tiles` is room to work
/// in.
pub(crate) fn mul_wide(
    spans: &[RowSpan<'_>],
    x: &[WidePanel],
    sums: &mut [RowLanes],
    tiles: &mut [WideTile],
) {
    let (n_tokens, tile) = (sums.len() / spans.len(), &mut tiles[0]);
    for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(n_tokens)) {
        for (panel, x) in span.panels(PANEL_BYTES, x, n_tokens) {
            for (row_idx, row) in panel.rows.iter().enumerate() {
                tile.set_row(row_idx, row, round_group);
            }
            for (x, sums) in x.iter().zip(&mut *sums) {
                add_products(tile, n_groups(panel.n_bytes()), x, sums);
            }
        }
    }
}

/// The step of a group, and its codes.
fn round_group(group: &[u8; GROUP_BYTES]) -> (f32, [i16; GROUP]) {
    let mut bits = [0; GROUP];
    for (bits, bytes) in bits.iter_mut().zip(group.as_chunks().0) {
        *bits = u16::from_le_bytes(*bytes);
    }
    let own_exponent = |bits: u16| u32::from(bits & 0x7fff) >> MANTISSA_BITS;
    let exponent = bits.map(own_exponent).into_iter().fold(LEAST_EXPONENT, u32::max);
    let code = |bits: u16| {
        let one = 1 << MANTISSA_BITS;
        let implicit = if own_exponent(bits) > 0 { one } else { 0 };
        let significand = u32::from(bits) & (one - 1) | implicit;
        let places = exponent - own_exponent(bits).max(1);
        // The last bit is beyond the code and rounds it.
        let magnitude = (significand << SHIFT).unbounded_shr(places).div_ceil(2);
        if bits >> 15 == 0 { magnitude as i16 } else { -(magnitude as i16) }
    };
    (step(exponent), bits.map(code))
}

fn add_products(tile: &WideTile, n_groups: usize, x: &WidePanel, sums: &mut RowLanes) {
    let mut totals = [0.0f32; TILE_ROWS];
    for group_idx in 0..n_groups {
        let group_sums = dot_group(tile, x, group_idx);
        let steps = &tile.steps[group_idx].0;
        for ((total, sum), step) in totals.iter_mut().zip(group_sums).zip(steps) {
            let doubled = (sum as f32).to_bits().wrapping_add(x.exponents[group_idx]);
            *total = f32::from_bits(doubled).mul_add(*step, *total);
        }
    }
    for (sum, total) in sums.0.iter_mut().zip(totals) {
        *sum = total.mul_add(x.step, *sum);
    }
}

fn dot_group(tile: &WideTile, x: &WidePanel, group_idx: usize) -> [i32; TILE_ROWS] {
    let mut sums = [0; TILE_ROWS];
    let first = group_idx * GROUP;
    let x = x.codes[first..first + GROUP].as_chunks::<2>().0;
    for (codes, x) in tile.codes[first / 2..].iter().zip(x) {
        for (sum, codes) in sums.iter_mut().zip(codes.0.as_chunks::<2>().0) {
            for (&code, &x) in codes.iter().zip(x) {
                *sum += i32::from(code) * i32::from(x);
            }
        }
    }
    sums
}
