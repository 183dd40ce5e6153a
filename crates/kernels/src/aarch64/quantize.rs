//! Rounding activations to 8 bits.

use std::arch::aarch64::*;

use super::mem::{load_f32, store_i8};
use crate::activation::{ActivationPanel, GROUP, PanelSpec, sums_of_16};

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "neon")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    let round_group = |x: &_, inverse, codes: &mut _| round(x, inverse, codes);
    panel.round(x, spec, |x| largest(x), round_group, sums_of_16);
}

/// The largest magnitude, as bits: they compare as magnitudes do, and NaN above all.
#[target_feature(enable = "neon")]
#[inline]
fn largest(x: &[f32; GROUP]) -> u32 {
    let mut max = vdupq_n_u32(0);
    for x in x.as_chunks().0 {
        max = vmaxq_u32(max, vreinterpretq_u32_f32(vabsq_f32(load_f32(x))));
    }
    vmaxvq_u32(max)
}

/// Rounds `x * inverse`, ties to even.
#[target_feature(enable = "neon")]
#[inline]
fn round(x: &[f32; GROUP], inverse: f32, codes: &mut [i8; GROUP]) {
    let round = |x| vcvtnq_s32_f32(vmulq_n_f32(load_f32(x), inverse));
    for (x, codes) in x.as_chunks::<16>().0.iter().zip(codes.as_chunks_mut().0) {
        let x = x.as_chunks().0;
        let pair = |i: usize| vcombine_s16(vmovn_s32(round(&x[i])), vmovn_s32(round(&x[i + 1])));
        store_i8(codes, vcombine_s8(vmovn_s16(pair(0)), vmovn_s16(pair(2))));
    }
}
