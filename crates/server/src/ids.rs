//! Names for answers and requests. Nothing depends on their being hard to guess.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that is not given twice.
fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // The standard library's hasher is keyed by the system's randomness.
    RandomState::new().hash_one(count)
}

/// `prefix` and a number.
pub(crate) fn numbered(prefix: &str) -> String {
    format!("{prefix}{}", unique() % 1_000_000_000)
}

/// `prefix` and 24 hex digits.
pub(crate) fn hex(prefix: &str) -> String {
    format!("{prefix}{:016x}{:08x}", unique(), unique() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        assert_ne!(numbered("a-"), numbered("a-"));
        let id = hex("req_");
        assert_eq!((id.len(), &id[..4]), (28, "req_"));
    }
}
