//! Loads and stores, each of exactly what its array reference covers.
#![expect(unsafe_code, reason = "vector loads and stores take pointers, an anchor is assembly")]

use std::arch::asm;
use std::arch::x86_64::*;

use half::{bf16, f16};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_f32(x: &[f32; 16]) -> __m512 {
    // SAFETY: reads the 16 floats of the array.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_f32(out: &mut [f32; 16], x: __m512) {
    // SAFETY: writes the 16 floats of the array.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), x) }
}

/// The first `x.len()` lanes, at most 16; zeros beyond.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_f32_tail(x: &[f32]) -> __m512 {
    let mask = tail_mask(x.len());
    // SAFETY: reads only the lanes of the mask, which are those of the slice.
    unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr()) }
}

/// Writes the first `out.len()` lanes, at most 16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_f32_tail(out: &mut [f32], x: __m512) {
    let mask = tail_mask(out.len());
    // SAFETY: writes only the lanes of the mask, which are those of the slice.
    unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_u8(x: &[u8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_u8(out: &mut [u8; 64], x: __m512i) {
    // SAFETY: writes the 64 bytes of the array.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_i8(out: &mut [i8; 16], x: __m128i) {
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_u8x32(x: &[u8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_u8x16(x: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_i8(x: &[i8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_i32(out: &mut [i32; 16], x: __m512i) {
    // SAFETY: writes the 16 words of the array.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_i16(x: &[i16; 32]) -> __m512i {
    // SAFETY: reads the 32 words of the array.
    unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_i16(out: &mut [i16; 32], x: __m512i) {
    // SAFETY: writes the 32 words of the array.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn store_i16x16(out: &mut [i16; 16], x: __m256i) {
    // SAFETY: writes the 16 words of the array.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_u16(x: &[u16; 16]) -> __m256i {
    // SAFETY: reads the 16 words of the array.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_f16(x: &[f16; 16]) -> __m512 {
    // SAFETY: reads the 16 words of the array; `f16` is a transparent `u16`.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(x.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn load_bf16(x: &[bf16; 16]) -> __m512 {
    // SAFETY: reads the 16 words of the array; `bf16` is a transparent `u16`.
    let x = _mm512_cvtepu16_epi32(unsafe { _mm256_loadu_si256(x.as_ptr().cast()) });
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(x))
}

#[inline]
fn tail_mask(n: usize) -> __mmask16 {
    debug_assert!(n <= 16);
    if n >= 16 { !0 } else { (1 << n) - 1 }
}

/// Has the compiler compute a vector here, before requests for memory that follow.
///
/// It may put off what is not used until later, and keep what that is made of in memory meanwhile.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn anchor(x: &mut __m512i) {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {} */", inout(zmm_reg) * x, options(nomem, nostack, preserves_flags)) }
}
