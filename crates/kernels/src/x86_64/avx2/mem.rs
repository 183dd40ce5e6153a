//! Loads and stores, each of exactly what its array reference covers.
#![expect(unsafe_code, reason = "vector loads and stores take pointers")]

use std::arch::x86_64::*;

use half::{bf16, f16};

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_f32(x: &[f32; 8]) -> __m256 {
    // SAFETY: reads the 8 floats of the array.
    unsafe { _mm256_loadu_ps(x.as_ptr()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn store_f32(out: &mut [f32; 8], x: __m256) {
    // SAFETY: writes the 8 floats of the array.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), x) }
}

/// The first `x.len()` lanes, at most 8; zeros beyond.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_f32_tail(x: &[f32]) -> __m256 {
    let mut padded = [0.0; 8];
    padded[..x.len()].copy_from_slice(x);
    load_f32(&padded)
}

/// Writes the first `out.len()` lanes, at most 8.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn store_f32_tail(out: &mut [f32], x: __m256) {
    let mut padded = [0.0; 8];
    store_f32(&mut padded, x);
    out.copy_from_slice(&padded[..out.len()]);
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_u8(x: &[u8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn store_i8(out: &mut [i8; 32], x: __m256i) {
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_i16(x: &[i16; 16]) -> __m256i {
    // SAFETY: reads the 16 words of the array.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn store_i16(out: &mut [i16; 16], x: __m256i) {
    // SAFETY: writes the 16 words of the array.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_u8x16(x: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn store_u8x16(out: &mut [u8; 16], x: __m128i) {
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_i8x16(x: &[i8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

/// Widens eight f16, given as bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_halves(x: &[u16; 8]) -> __m256 {
    // SAFETY: reads the 8 words of the array.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_f16(x: &[f16; 8]) -> __m256 {
    // SAFETY: reads the 8 words of the array; `f16` is a transparent `u16`.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_bf16(x: &[bf16; 8]) -> __m256 {
    // SAFETY: reads the 8 words of the array; `bf16` is a transparent `u16`.
    let x = _mm256_cvtepu16_epi32(unsafe { _mm_loadu_si128(x.as_ptr().cast()) });
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(x))
}
