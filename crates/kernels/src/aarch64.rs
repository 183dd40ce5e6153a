//! SIMD kernels for 64-bit ARM.
//!
//! Inside a `#[target_feature]` function the intrinsics that touch only registers are safe; loads
//! and stores go through array references in `mem`. Every such CPU has NEON, so what is compiled
//! for it can be generic over what only some CPUs have. That is the dot product of bytes: the
//! integer products are written over [`bytes::Dot`], and [`neon`] and [`dotprod`] are their
//! entries for its two forms.
//!
//! Tested under emulation; never timed on hardware.

mod bytes;
mod codes;
mod dot;
pub(crate) mod dotprod;
mod factors;
mod gemm;
mod mem;
pub(crate) mod neon;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod transpose;
mod unpack;
mod vector;

pub(crate) use bytes::prefetch;
pub(crate) use dot::{dot_f32, mul_band};
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use vector::{exp_sum, gate, softcap};
