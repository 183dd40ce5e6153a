//! Rounding activations to 8 bits.

use std::arch::x86_64::*;

use super::mem::{load_f32, store_i8};
use crate::activation::{ActivationPanel, GROUP, PanelSpec, sums_of_16};

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    let round_group = |x: &_, inverse, codes: &mut _| round(x, inverse, codes);
    panel.round(x, spec, |x| largest(x), round_group, sums_of_16);
}

/// The largest magnitude, as bits: they compare as magnitudes do, and NaN above all.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn largest(x: &[f32; GROUP]) -> u32 {
    let magnitude = _mm256_set1_epi32(i32::MAX);
    let mut max = _mm256_setzero_si256();
    for x in x.as_chunks().0 {
        let bits = _mm256_castps_si256(load_f32(x));
        max = _mm256_max_epu32(max, _mm256_and_si256(bits, magnitude));
    }
    max_lane(max)
}

/// Rounds `x * inverse`, ties to even.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn round(x: &[f32; GROUP], inverse: f32, codes: &mut [i8; GROUP]) {
    let [low, high] = round_to_words(x, inverse);
    // Packing works within 128-bit parts; this puts the bytes of eight back in order.
    let packed = _mm256_packs_epi16(low, high);
    store_i8(codes, _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
}

/// Rounds `x * inverse`, ties to even, to 16 bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn round_to_words(x: &[f32; GROUP], inverse: f32) -> [__m256i; 2] {
    let inverse = _mm256_set1_ps(inverse);
    let mut rounded = [_mm256_setzero_si256(); GROUP / 8];
    for (rounded, x) in rounded.iter_mut().zip(x.as_chunks().0) {
        *rounded = _mm256_cvtps_epi32(_mm256_mul_ps(load_f32(x), inverse));
    }
    let [a, b, c, d] = rounded;
    // Packing works within 128-bit parts; this puts the words of four back in order.
    [_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)]
        .map(|packed| _mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn max_lane(x: __m256i) -> u32 {
    let x = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let x = _mm_max_epu32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
    let x = _mm_max_epu32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x));
    _mm_cvtsi128_si32(x).cast_unsigned()
}
