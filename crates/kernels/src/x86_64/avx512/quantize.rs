//! Rounding activations to 8 bits.

use std::arch::x86_64::*;

use super::mem::{load_f32, load_i8, store_i8, store_i32};
use crate::activation::{ActivationPanel, GROUP, PanelSpec};
use crate::tile::{MAX_GROUPS, PANEL};

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    let round_group = |x: &_, inverse, codes: &mut _| round(x, inverse, codes);
    panel.round(x, spec, |x| largest(x), round_group, |codes| sums(codes));
}

/// The largest magnitude, as bits: they compare as magnitudes do, and NaN above all.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn largest(x: &[f32; GROUP]) -> u32 {
    let magnitude = _mm512_set1_epi32(i32::MAX);
    let mut max = _mm512_setzero_si512();
    for x in x.as_chunks().0 {
        let bits = _mm512_castps_si512(load_f32(x));
        max = _mm512_max_epu32(max, _mm512_and_si512(bits, magnitude));
    }
    _mm512_reduce_max_epu32(max)
}

/// Rounds `x * inverse`, ties to even.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn round(x: &[f32; GROUP], inverse: f32, codes: &mut [i8; GROUP]) {
    let inverse = _mm512_set1_ps(inverse);
    for (x, codes) in x.as_chunks().0.iter().zip(codes.as_chunks_mut().0) {
        let rounded = _mm512_cvtps_epi32(_mm512_mul_ps(load_f32(x), inverse));
        store_i8(codes, _mm512_cvtepi32_epi8(rounded));
    }
}

/// See [`sums_of_16`](crate::activation::sums_of_16).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn sums(codes: &[i8; PANEL]) -> [i32; MAX_GROUPS] {
    let ones = _mm512_set1_epi8(1);
    let mut fours = [_mm512_setzero_si512(); PANEL / 64];
    for (fours, codes) in fours.iter_mut().zip(codes.as_chunks().0) {
        *fours = _mm512_dpbusd_epi32(*fours, ones, load_i8(codes));
    }
    // Within 128-bit parts, sums of pairs and then of fours: lane `4 * i + j` is part `i` of
    // vector `j`.
    let add = |x, y| _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y));
    let [a, b, c, d] = fours;
    let (ab, cd) = (add(a, b), add(c, d));
    let sums = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let mut out = [0; MAX_GROUPS];
    store_i32(&mut out, _mm512_permutexvar_epi32(in_order, sums));
    out
}
