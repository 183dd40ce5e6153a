//! Rounding activations to 8 bits.

use std::arch::x86_64::*;

use super::mem::{load_f32, store_i8};
use crate::activation::{ActivationPanel, GROUP, PanelSpec, TINY};

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    let ActivationPanel { codes, scales, starts, sums } = panel;
    let groups = x.as_chunks::<GROUP>().0.iter().zip(codes.as_chunks_mut::<GROUP>().0);
    let per_group = GROUP / spec.group;
    for (group_idx, (x, codes)) in groups.enumerate() {
        let scale = quantize_group(x, codes);
        for (sub_idx, codes) in codes.chunks_exact(spec.group).enumerate() {
            let sum: i32 = codes.iter().map(|&code| i32::from(code)).sum();
            let idx = group_idx * per_group + sub_idx;
            scales[idx] = scale;
            starts[idx] = -i32::from(spec.zero) * sum;
            sums[idx] = scale * sum as f32;
        }
    }
}

/// Rounds one group, ties to even, and returns its scale.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn quantize_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> f32 {
    let mut parts = [_mm256_setzero_ps(); 4];
    // Magnitudes compare as their bits do, and NaN above all.
    let magnitude = _mm256_set1_epi32(i32::MAX);
    let mut max_bits = _mm256_setzero_si256();
    for (part, x) in parts.iter_mut().zip(x.as_chunks::<8>().0) {
        *part = load_f32(x);
        let bits = _mm256_and_si256(_mm256_castps_si256(*part), magnitude);
        max_bits = _mm256_max_epu32(max_bits, bits);
    }
    let max = f32::from_bits(max_lane(max_bits));
    if !max.is_finite() || max < TINY {
        codes.fill(0);
        return if max.is_finite() { 0.0 } else { f32::NAN };
    }
    let inverse = _mm256_set1_ps(127.0 / max);
    let round = |x| _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    let low = _mm256_packs_epi32(round(parts[0]), round(parts[1]));
    let high = _mm256_packs_epi32(round(parts[2]), round(parts[3]));
    // Packing works within 128-bit parts; this puts the words of four back in order.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    store_i8(codes, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
    max / 127.0
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn max_lane(x: __m256i) -> u32 {
    let x = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let x = _mm_max_epu32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
    let x = _mm_max_epu32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x));
    _mm_cvtsi128_si32(x).cast_unsigned()
}
