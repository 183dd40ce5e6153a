//! Rounding activations to 8 bits.

use std::arch::aarch64::*;

use super::mem::{load_f32, store_i8};
use crate::activation::{ActivationPanel, GROUP, PanelSpec, TINY};
use crate::scalar;

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "neon")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    scalar::quantize_by(|x, codes| quantize_group(x, codes), x, spec, panel);
}

/// Rounds one group, ties to even, and returns its scale.
#[target_feature(enable = "neon")]
#[inline]
fn quantize_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> f32 {
    let mut parts = [vdupq_n_f32(0.0); GROUP / 4];
    // Magnitudes compare as their bits do, and NaN above all.
    let mut max_bits = vdupq_n_u32(0);
    for (part, x) in parts.iter_mut().zip(x.as_chunks::<4>().0) {
        *part = load_f32(x);
        max_bits = vmaxq_u32(max_bits, vreinterpretq_u32_f32(vabsq_f32(*part)));
    }
    let max = f32::from_bits(vmaxvq_u32(max_bits));
    if !max.is_finite() || max < TINY {
        codes.fill(0);
        return if max.is_finite() { 0.0 } else { f32::NAN };
    }
    let inverse = 127.0 / max;
    let round = |x| vcvtnq_s32_f32(vmulq_n_f32(x, inverse));
    let pair = |i: usize| vcombine_s16(vmovn_s32(round(parts[i])), vmovn_s32(round(parts[i + 1])));
    let (first, last) = codes.split_at_mut(16);
    for (half, codes) in [first, last].into_iter().enumerate() {
        let (low, high) = (pair(4 * half), pair(4 * half + 2));
        store_i8(&mut codes.as_chunks_mut().0[0], vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    }
    max / 127.0
}
