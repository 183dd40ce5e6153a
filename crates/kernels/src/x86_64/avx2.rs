//! Kernels for AVX2 with FMA and F16C: Intel from Haswell, AMD from Zen.

mod dot;
mod gemm;
mod mem;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod vector;
mod wide;

pub(crate) use dot::{dot_f32, mul_band};
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use rows::mul_rows;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use tile::mul_tiles;
pub(crate) use vector::{exp_sum, gate, softcap};
pub(crate) use wide::{mul_wide, quantize_wide};

/// Whether this CPU has every instruction that the routines here use.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}
