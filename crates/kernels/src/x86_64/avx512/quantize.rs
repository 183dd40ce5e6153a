//! Rounding activations to 8 bits.

use std::arch::x86_64::*;

use super::mem::{load_f32, store_i8};
use crate::activation::{ActivationPanel, GROUP, PanelSpec, TINY};

/// See [`crate::scalar::quantize`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn quantize(x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
    let groups = x.as_chunks::<GROUP>().0.iter().zip(panel.codes.as_chunks_mut::<GROUP>().0);
    for (group_idx, (x, codes)) in groups.enumerate() {
        let ((low, high), scale) = quantize_group(x);
        let (codes, _) = codes.as_chunks_mut::<16>();
        store_i8(&mut codes[0], _mm512_cvtepi32_epi8(low));
        store_i8(&mut codes[1], _mm512_cvtepi32_epi8(high));
        let mut put = |idx: usize, sum: i32| {
            panel.scales[idx] = scale;
            panel.starts[idx] = -i32::from(spec.zero) * sum;
            panel.sums[idx] = scale * sum as f32;
        };
        if spec.group == GROUP {
            put(group_idx, _mm512_reduce_add_epi32(_mm512_add_epi32(low, high)));
        } else {
            put(2 * group_idx, _mm512_reduce_add_epi32(low));
            put(2 * group_idx + 1, _mm512_reduce_add_epi32(high));
        }
    }
}

/// The rounded halves of a group, ties to even, and its scale.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn quantize_group(x: &[f32; GROUP]) -> ((__m512i, __m512i), f32) {
    let halves = x.as_chunks::<16>().0;
    let (low, high) = (load_f32(&halves[0]), load_f32(&halves[1]));
    // Magnitudes compare as their bits do, and NaN above all.
    let magnitude = _mm512_set1_epi32(i32::MAX);
    let low_bits = _mm512_and_si512(_mm512_castps_si512(low), magnitude);
    let high_bits = _mm512_and_si512(_mm512_castps_si512(high), magnitude);
    let max = _mm512_reduce_max_epu32(_mm512_max_epu32(low_bits, high_bits));
    let max = f32::from_bits(max);
    let zero = _mm512_setzero_si512();
    if !max.is_finite() {
        return ((zero, zero), f32::NAN);
    }
    if max < TINY {
        return ((zero, zero), 0.0);
    }
    let inverse = _mm512_set1_ps(127.0 / max);
    let round = |x| _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse));
    ((round(low), round(high)), max / 127.0)
}
