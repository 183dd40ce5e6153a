//! Rounding activations to 8 bits.

use crate::activation::{ActivationPanel, GROUP, PanelSpec, sums_of_16};

/// Rounds `x`, whole groups of 32 and at most 256 elements, into a panel.
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    panel.round(
        x,
        spec,
        largest,
        |x, inverse, codes| {
            for (code, x) in codes.iter_mut().zip(x) {
                *code = (x * inverse).round_ties_even() as i8;
            }
        },
        sums_of_16,
    );
}

/// The largest magnitude, as bits: they compare as magnitudes do, and NaN above all.
pub(super) fn largest(x: &[f32; GROUP]) -> u32 {
    x.iter().map(|x| x.to_bits() & i32::MAX as u32).max().unwrap_or(0)
}
