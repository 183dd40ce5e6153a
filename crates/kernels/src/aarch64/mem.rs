//! Loads and stores, each of exactly what its array reference covers.
#![expect(unsafe_code, reason = "vector loads and stores take pointers")]

use std::arch::aarch64::*;

use half::{bf16, f16};

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_f32(x: &[f32; 4]) -> float32x4_t {
    // SAFETY: reads the 4 floats of the array.
    unsafe { vld1q_f32(x.as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_f32(out: &mut [f32; 4], x: float32x4_t) {
    // SAFETY: writes the 4 floats of the array.
    unsafe { vst1q_f32(out.as_mut_ptr(), x) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_u8(x: &[u8; 16]) -> uint8x16_t {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { vld1q_u8(x.as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_i8(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { vld1q_s8(x.as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_i8(out: &mut [i8; 16], x: int8x16_t) {
    // SAFETY: writes the 16 bytes of the array.
    unsafe { vst1q_s8(out.as_mut_ptr(), x) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_u8(out: &mut [u8; 16], x: uint8x16_t) {
    // SAFETY: writes the 16 bytes of the array.
    unsafe { vst1q_u8(out.as_mut_ptr(), x) }
}

/// The first `x.len()` lanes, at most 4; zeros beyond.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_f32_tail(x: &[f32]) -> float32x4_t {
    let mut padded = [0.0; 4];
    padded[..x.len()].copy_from_slice(x);
    load_f32(&padded)
}

/// Writes the first `out.len()` lanes, at most 4.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_f32_tail(out: &mut [f32], x: float32x4_t) {
    let mut padded = [0.0; 4];
    store_f32(&mut padded, x);
    out.copy_from_slice(&padded[..out.len()]);
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_f16(x: &[f16; 4]) -> float32x4_t {
    // SAFETY: reads the 4 words of the array; `f16` is a transparent `u16`.
    widen_f16(unsafe { vld1_u16(x.as_ptr().cast()) })
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_bf16(x: &[bf16; 4]) -> float32x4_t {
    // SAFETY: reads the 4 words of the array; `bf16` is a transparent `u16`.
    widen_bf16(unsafe { vld1_u16(x.as_ptr().cast()) })
}

/// Floats as they lie in a file.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_f32_bytes(x: &[[u8; 4]; 4]) -> float32x4_t {
    // SAFETY: reads the 16 bytes of the array; no alignment is asked for.
    unsafe { vld1q_f32(x.as_ptr().cast()) }
}

/// f16s as they lie in a file.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_f16_bytes(x: &[[u8; 2]; 4]) -> float32x4_t {
    // SAFETY: reads the 8 bytes of the array; no alignment is asked for.
    widen_f16(unsafe { vld1_u16(x.as_ptr().cast()) })
}

/// bf16s as they lie in a file.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_bf16_bytes(x: &[[u8; 2]; 4]) -> float32x4_t {
    // SAFETY: reads the 8 bytes of the array; no alignment is asked for.
    widen_bf16(unsafe { vld1_u16(x.as_ptr().cast()) })
}

#[target_feature(enable = "neon")]
#[inline]
fn widen_f16(x: uint16x4_t) -> float32x4_t {
    vcvt_f32_f16(vreinterpret_f16_u16(x))
}

#[target_feature(enable = "neon")]
#[inline]
fn widen_bf16(x: uint16x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vshll_n_u16::<16>(x))
}
