//! How much memory a model needs, and how much there is.

use std::fmt;

use camelid_engine::{CacheOptions, ModelSpec};
use camelid_gguf::GgufFile;

/// What a model needs in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The file, which is mapped.
    pub(crate) weights: u64,
    /// Keys and values, and states, of all requests at work.
    pub(crate) cache: u64,
}

impl Estimate {
    /// What a model needs at most for sequences of `n_ctx` tokens.
    pub(crate) fn new(
        file: &GgufFile,
        spec: &ModelSpec,
        cache: CacheOptions,
        n_ctx: usize,
    ) -> Self {
        Self { weights: file.n_bytes(), cache: cache.n_bytes(spec, n_ctx) }
    }

    /// Counts a second model that guesses for it, with a cache for the same sequences.
    pub(crate) fn add_draft(
        &mut self,
        file: &GgufFile,
        spec: Option<&ModelSpec>,
        cache: CacheOptions,
        n_ctx: usize,
    ) {
        self.weights = self.weights.saturating_add(file.n_bytes());
        let more = spec.map_or(0, |spec| cache.n_bytes(spec, n_ctx));
        self.cache = self.cache.saturating_add(more);
    }

    pub(crate) fn total(self) -> u64 {
        self.weights.saturating_add(self.cache)
    }
}

/// A number of bytes for people: `5.8 GiB`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} B", self.0),
            _ => write!(f, "{value:.1} {}", UNITS[unit]),
        }
    }
}

/// Bytes of memory that a new model could take; `None` where the system does not tell.
///
/// On Linux what programs can have without others being swapped out, and free swap, within the
/// limit of the control group.
pub(crate) fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let free = available_in(&meminfo)?;
    let limit = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let of_group = limit("memory.max").map(|max| {
        // What is only cached for the group can be taken back at any time.
        max.saturating_sub(limit("memory.current").unwrap_or(0).saturating_sub(cached_by_group()))
    });
    Some(of_group.map_or(free, |of_group| of_group.min(free)))
}

/// Bytes of files that the control group has in the cache.
fn cached_by_group() -> u64 {
    let Ok(stat) = std::fs::read_to_string("/sys/fs/cgroup/memory.stat") else { return 0 };
    let line = stat.lines().find_map(|line| line.strip_prefix("file "));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// Bytes available by the text of `/proc/meminfo`.
fn available_in(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let available = kib("MemAvailable")?.saturating_add(kib("SwapFree").unwrap_or(0));
    available.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_off_the_kernel_s_list() {
        let text = "MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable:   60 kB\nSwapFree: 4 kB\n";
        assert_eq!(available_in(text), Some(64 * 1024));
        assert_eq!(available_in("MemAvailable: 60 kB"), Some(60 * 1024));
        assert_eq!(available_in("MemFree: 60 kB"), None);
        assert_eq!(available_in("MemAvailable: lots"), None);
    }

    #[test]
    fn bytes_are_told_in_units() {
        for (n, want) in [(17, "17 B"), (1536, "1.5 KiB"), (6_228_000_000, "5.8 GiB")] {
            assert_eq!(Bytes(n).to_string(), want);
        }
    }
}
