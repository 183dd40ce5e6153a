//! How much memory of its own this process takes at most.
//!
//! The system keeps a peak only of all resident memory, pages of the model's file included. So the
//! private part is sampled while work runs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// A look costs some 20 us: nothing beside this.
const INTERVAL: Duration = Duration::from_millis(5);

/// The most private memory seen so far, where the system tells.
#[derive(Debug, Default)]
pub(super) struct PeakMemory {
    bytes: Option<u64>,
}

impl PeakMemory {
    /// Runs `act` while another thread looks at the memory in use, at least once at its end.
    pub(super) fn watch<T>(&mut self, act: impl FnOnce() -> T) -> T {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let samples = scope.spawn(|| {
                let mut peak = None;
                while !ended.load(Ordering::Relaxed) {
                    peak = peak.max(private_bytes());
                    thread::park_timeout(INTERVAL);
                }
                peak
            });
            let done = act();
            self.bytes = self.bytes.max(private_bytes());
            ended.store(true, Ordering::Relaxed);
            samples.thread().unpark();
            self.bytes = self.bytes.max(samples.join().expect("sampling does not panic"));
            done
        })
    }

    /// The peak, in bytes.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}

/// Memory that is in use and belongs to no file.
fn private_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_was_given_back_counts() {
        const N_BYTES: u64 = 256 << 20;
        let mut peak = PeakMemory::default();
        peak.watch(|| ());
        let before = peak.bytes().expect("Linux tells");
        peak.watch(|| {
            let memory = vec![1u8; N_BYTES as usize];
            // Longer than some intervals, however busy the machine.
            thread::sleep(40 * INTERVAL);
            drop(std::hint::black_box(memory));
        });
        let after = peak.bytes().expect("Linux tells");
        assert!(after >= before + N_BYTES / 2, "{before} before, {after} after");
    }
}
