//! Rounding activations to 8 bits.

use crate::activation::{ActivationPanel, GROUP, PanelSpec, TINY};

/// Rounds `x`, whole groups of 32 and at most 256 elements, into a panel.
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    quantize_by(quantize_group, x, spec, panel);
}

/// As [`quantize`], with a routine that rounds one group and returns its scale.
#[inline]
pub(crate) fn quantize_by(
    quantize_group: impl Fn(&[f32; GROUP], &mut [i8; GROUP]) -> f32,
    x: &[f32],
    spec: PanelSpec,
    panel: &mut ActivationPanel,
) {
    let per_group = GROUP / spec.group;
    let groups = x.as_chunks().0.iter().zip(panel.codes.as_chunks_mut().0);
    for (group_idx, (x, codes)) in groups.enumerate() {
        let scale = quantize_group(x, codes);
        for (sub_idx, codes) in codes.chunks_exact(spec.group).enumerate() {
            let sum: i32 = codes.iter().map(|&code| i32::from(code)).sum();
            let idx = group_idx * per_group + sub_idx;
            panel.scales[idx] = scale;
            panel.starts[idx] = -i32::from(spec.zero) * sum;
            panel.sums[idx] = scale * sum as f32;
        }
    }
}

/// Rounds one group, ties to even, and returns its scale.
fn quantize_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> f32 {
    // Magnitudes compare as their bits do, and NaN above all.
    let max_bits = x.iter().map(|x| x.to_bits() & i32::MAX as u32).max().unwrap_or(0);
    let max = f32::from_bits(max_bits);
    if !max.is_finite() {
        codes.fill(0);
        return f32::NAN;
    }
    if max < TINY {
        codes.fill(0);
        return 0.0;
    }
    let inverse = 127.0 / max;
    for (code, x) in codes.iter_mut().zip(x) {
        *code = (x * inverse).round_ties_even() as i8;
    }
    max / 127.0
}
