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
pub(crate) mod dotprod;
mod mem;
pub(crate) mod neon;
mod quantize;
mod tile;
mod transpose;
mod unpack;

pub(crate) use bytes::prefetch;
pub(crate) use quantize::quantize;
