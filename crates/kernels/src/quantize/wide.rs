//! Loops over lanes, compiled for wider registers where the machine has them.

/// Runs `act`, whose loops over eight lanes are compiled for AVX2 where there is AVX2.
///
/// Nothing is fused or reordered for it, so results are the same everywhere. What `act` calls must
/// be inlined into it to gain.
#[inline]
pub(super) fn wide<R>(act: impl FnOnce() -> R) -> R {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, as was just asked.
        #[expect(unsafe_code)]
        return unsafe { with_avx2(act) };
    }
    act()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(act: impl FnOnce() -> R) -> R {
    act()
}
