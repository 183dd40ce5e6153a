//! SIMD kernels for x86-64.
//!
//! Inside a `#[target_feature]` function the intrinsics that touch only registers are safe; loads
//! and stores go through array references in the `mem` modules, so that nearly all code here is
//! safe code, callable only where the features are known to be there.

pub(crate) mod avx2;
pub(crate) mod avx512;

use std::arch::x86_64::*;

/// Bytes that one request brings.
pub(crate) const LINE: usize = 64;

/// Asks the second cache level for so many bytes.
#[expect(unsafe_code, reason = "prefetching takes a pointer")]
pub(crate) fn prefetch(start: *const u8, n_bytes: usize) {
    for offset in (0..n_bytes).step_by(LINE) {
        // SAFETY: prefetching reads nothing architecturally, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(offset).cast()) };
    }
}

/// Asks the first cache level for the line of an address.
#[expect(unsafe_code, reason = "prefetching takes a pointer")]
#[inline(always)]
pub(crate) fn prefetch_line(at: *const u8) {
    // SAFETY: prefetching reads nothing architecturally, wherever it points.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}
