//! Loads and stores, each of exactly what its array reference covers.
#![expect(unsafe_code, reason = "vector loads and stores take pointers")]

use std::arch::aarch64::*;

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
