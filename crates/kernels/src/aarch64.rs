//! SIMD kernels for 64-bit ARM.
//!
//! Inside a `#[target_feature]` function the intrinsics that touch only registers are safe; loads
//! and stores go through array references in `mem`. Every such CPU has NEON, so what is compiled
//! for it can be generic over what only some CPUs have. Those are the products of bytes: the
//! integer products are written over [`bytes::Dot`], and [`entries`] has them for each of its forms.
//!
//! Tested under emulation; never timed on hardware.

mod bytes;
mod codes;
mod dot;
mod entries;
mod factors;
mod gemm;
mod mem;
mod pairs;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod transpose;
mod unpack;
mod vector;

pub(crate) use bytes::prefetch;
pub(crate) use dot::{dot_f32, mul_band};
pub(crate) use entries::{dotprod, i8mm, neon};
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use vector::{exp_sum, gate, softcap};
