//! Kernels for AVX-512 with byte, word and 8-bit dot-product instructions (VNNI): Intel from Ice
//! Lake, AMD from Zen 4.

mod dot;
mod gemm;
mod mem;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod transpose;
mod vector;
mod wide;

pub(crate) use dot::mul_band;
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use rows::mul_rows;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use tile::mul_tiles;
pub(crate) use vector::{dot_f32, exp_sum, gate, softcap};
pub(crate) use wide::{mul_wide, quantize_wide};

/// Whether this CPU has every instruction that the routines here use.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}
