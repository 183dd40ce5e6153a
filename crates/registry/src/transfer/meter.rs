//! Counts the bytes of a blob and reports them, not more often than anyone can read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::progress::{BlobProgress, Event, Progress};
use crate::digest::Digest;

/// The least time between two reports.
const INTERVAL: Duration = Duration::from_millis(60);

/// Which way the bytes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Pull,
    Push,
}

pub(super) struct Meter<'a> {
    progress: Progress<'a>,
    direction: Direction,
    digest: Digest,
    total: u64,
    completed: AtomicU64,
    next_report: Mutex<Instant>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        progress: Progress<'a>,
        direction: Direction,
        digest: Digest,
        total: u64,
        completed: u64,
    ) -> Self {
        let completed = AtomicU64::new(completed);
        let next_report = Mutex::new(Instant::now() + INTERVAL);
        Self { progress, direction, digest, total, completed, next_report }
    }

    pub(super) fn add(&self, n_bytes: u64) {
        self.completed.fetch_add(n_bytes, Ordering::Relaxed);
        let now = Instant::now();
        let mut next = self.next_report.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= *next {
            *next = now + INTERVAL;
            drop(next);
            self.report();
        }
    }

    pub(super) fn set(&self, completed: u64) {
        self.completed.store(completed, Ordering::Relaxed);
    }

    pub(super) fn restart(&self) {
        self.set(0);
    }

    /// Reports that all is done.
    pub(super) fn finish(&self) {
        self.set(self.total);
        self.report();
    }

    pub(super) fn report(&self) {
        let completed = self.completed.load(Ordering::Relaxed).min(self.total);
        let blob = BlobProgress { digest: self.digest, total: self.total, completed };
        (self.progress)(match self.direction {
            Direction::Pull => Event::Pulling(blob),
            Direction::Push => Event::Pushing(blob),
        });
    }
}
