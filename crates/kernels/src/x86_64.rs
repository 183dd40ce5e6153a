//! SIMD kernels for x86-64.
//!
//! Inside a `#[target_feature]` function the intrinsics that touch only registers are safe; loads
//! and stores go through array references in the `mem` modules, so that nearly all code here is
//! safe code, callable only where the features are known to be there.

pub(crate) mod avx512;
