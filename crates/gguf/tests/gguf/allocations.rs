//! Counts what the test's own thread allocates, to prove bounds on memory.

#![expect(unsafe_code, reason = "the allocator is an unsafe trait; all work is passed on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

/// What one thread has allocated since counting began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Calls that asked for memory.
    pub(crate) n_calls: usize,
    /// Bytes held now; memory that came from before counting may make it smaller than it is.
    live: usize,
    /// The most bytes held at once.
    pub(crate) peak: usize,
}

thread_local! {
    static USAGE: Cell<Usage> = const { Cell::new(Usage { n_calls: 0, live: 0, peak: 0 }) };
}

/// Runs `work` and tells what it allocated.
pub(crate) fn count<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    USAGE.set(Usage::default());
    let result = work();
    (result, USAGE.get())
}

fn allocated(n_bytes: usize) {
    // While a thread ends its counter is gone; nobody asks for it any more either.
    let _ = USAGE.try_with(|usage| {
        let Usage { n_calls, live, peak } = usage.get();
        let live = live + n_bytes;
        usage.set(Usage { n_calls: n_calls + 1, live, peak: peak.max(live) });
    });
}

fn freed(n_bytes: usize) {
    let _ = USAGE.try_with(|usage| {
        let before = usage.get();
        usage.set(Usage { live: before.live.saturating_sub(n_bytes), ..before });
    });
}

// SAFETY: every call is the system allocator's, with the same arguments; counting allocates
// nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        // Both blocks may exist while bytes are moved.
        allocated(n_bytes);
        freed(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.realloc(block, layout, n_bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn the_counter_counts() {
    let (block, usage) = count(|| vec![0_u8; 1000]);
    assert_eq!((usage.n_calls, usage.live, usage.peak), (1, 1000, 1000));
    let ((), usage) = count(|| drop((vec![1_u8; 500], vec![1_u8; 300])));
    assert_eq!((usage.n_calls, usage.live, usage.peak), (2, 0, 800));
    drop(block);
}
