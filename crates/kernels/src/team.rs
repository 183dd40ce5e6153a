//! Threads that stay hot during a forward pass.
//!
//! A forward pass is hundreds of short parallel steps, so starting one must cost about a
//! microsecond. Helper threads therefore spin for a moment after each step and park only when
//! nothing follows; the calling thread always takes part.
//!
//! A step is a [`Job`] on the caller's stack: a closure and a counter that hands out task
//! numbers. The *gate*, one atomic word, says whether a job is open, which one it is, and how
//! many helpers are inside:
//!
//! ```text
//! bit  63      open: helpers may enter
//! bits 16..63  number of the job, so that a helper enters each at most once
//! bits  0..16  helpers inside
//! ```
//!
//! The caller publishes the job, opens the gate, works, closes the gate, and waits until nobody
//! is inside; only then may its stack frame go. Helpers that are still asleep by then are not
//! waited for: a busy machine costs speed, never a stall.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::cpu_count;

/// How long an idle helper spins before it parks: longer than the serial parts of a forward
/// pass, far shorter than the millisecond after which an idle process should be idle.
const SPIN_TIME: Duration = Duration::from_micros(200);

const OPEN: u64 = 1 << 63;
const ONE_JOB: u64 = 1 << 16;
const INSIDE: u64 = ONE_JOB - 1;
/// The gate's count of helpers has 16 bits.
const MAX_THREADS: usize = 1 << 12;

/// A fixed team of threads that runs one parallel step at a time.
pub struct ThreadTeam {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Held while a step runs.
    leader: Mutex<()>,
}

struct Shared {
    gate: AtomicU64,
    job: AtomicPtr<Job<'static>>,
    stop: AtomicBool,
    /// One flag per helper: it is parked, or about to.
    parked: Box<[AtomicBool]>,
}

/// One parallel step.
struct Job<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    n_tasks: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Takes tasks until none is left.  A panic ends the job for everybody.
    fn work(&self) {
        loop {
            let task_idx = self.next.fetch_add(1, Ordering::Relaxed);
            if task_idx >= self.n_tasks {
                return;
            }
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.task)(task_idx))) {
                self.next.store(self.n_tasks, Ordering::Relaxed);
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(payload);
                return;
            }
        }
    }
}

impl ThreadTeam {
    /// A team of `n_threads`, the calling thread among them; 0 counts as 1, and more than 4096
    /// as 4096.
    ///
    /// Where the system refuses a thread, the team is smaller; see [`n_threads`](Self::n_threads).
    pub fn new(n_threads: usize) -> Self {
        let n_helpers = n_threads.clamp(1, MAX_THREADS) - 1;
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            job: AtomicPtr::new(ptr::null_mut()),
            stop: AtomicBool::new(false),
            parked: (0..n_helpers).map(|_| AtomicBool::new(false)).collect(),
        });
        let spawn = |helper_idx: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("camelid-cpu-{}", helper_idx + 1))
                .spawn(move || shared.help(helper_idx))
        };
        let helpers = (0..n_helpers).map_while(|helper_idx| spawn(helper_idx).ok()).collect();
        Self { shared, helpers, leader: Mutex::new(()) }
    }

    /// A team as large as this process may use: physical cores, within its CPU affinity and its
    /// container's quota.
    pub fn with_available() -> Self {
        Self::new(cpu_count::available_cores())
    }

    /// How many threads work on a step, the calling thread included.
    pub fn n_threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `task` once for each number below `n_tasks`, on all threads, and returns when all
    /// calls have returned.
    ///
    /// Tasks are handed out in order, one at a time. A step started while another one runs, from
    /// another thread or from inside a task, runs on its caller's thread alone.
    ///
    /// # Panics
    /// With the first panic of a task; tasks not yet started are skipped then.
    pub fn run(&self, n_tasks: usize, task: impl Fn(usize) + Sync) {
        if n_tasks <= 1 || self.helpers.is_empty() {
            return (0..n_tasks).for_each(task);
        }
        let _leader = match self.leader.try_lock() {
            Ok(guard) => guard,
            // The lock protects no data, so a panic that passed through left nothing half done.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return (0..n_tasks).for_each(task),
        };
        let job = Job { task: &task, n_tasks, next: AtomicUsize::new(0), panic: Mutex::new(None) };
        self.shared.open(&job);
        self.wake(n_tasks - 1);
        job.work();
        self.shared.close();
        if let Some(payload) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
    }

    /// Hands each of `parts` to `task`, on all threads: the way to share out `&mut` slices.
    ///
    /// Each thread starts with neighbouring parts of its own, in order, so that it reads memory in
    /// long runs; then it helps with what is left of the others'.
    ///
    /// # Panics
    /// With the first panic of a task; parts of other threads may be finished before.
    pub(crate) fn run_each<T: Send>(&self, parts: Vec<T>, task: impl Fn(T) + Sync) {
        if parts.len() <= 1 || self.helpers.is_empty() {
            return parts.into_iter().for_each(task);
        }
        let slots: Vec<Mutex<Option<T>>> =
            parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
        let n_runs = self.n_threads().min(slots.len());
        let runs: Vec<Run> = (0..n_runs).map(|i| Run::part(i, n_runs, slots.len())).collect();
        self.run(n_runs, |own| {
            let (before, from_own) = runs.split_at(own);
            for slot_idx in from_own.iter().chain(before).flatten() {
                let slot = slots[slot_idx].lock().unwrap_or_else(PoisonError::into_inner).take();
                task(slot.expect("because a run hands out each number once"));
            }
        });
    }

    /// Unparks up to `n_wanted` helpers that are parked.
    fn wake(&self, n_wanted: usize) {
        for (parked, helper) in self.shared.parked.iter().zip(&self.helpers).take(n_wanted) {
            if parked.swap(false, Ordering::SeqCst) {
                helper.thread().unpark();
            }
        }
    }
}

impl fmt::Debug for ThreadTeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadTeam").field("n_threads", &self.n_threads()).finish_non_exhaustive()
    }
}

/// Neighbouring numbers that any thread may take, first to last.
///
/// On a cache line of its own, as each thread mostly takes from one run.
#[repr(align(64))]
struct Run {
    next: AtomicUsize,
    end: usize,
}

impl Run {
    /// Part `i` of `n_runs` of the numbers below `n`.
    fn part(i: usize, n_runs: usize, n: usize) -> Self {
        Self { next: AtomicUsize::new(i * n / n_runs), end: (i + 1) * n / n_runs }
    }
}

/// Takes what is left of a run.
impl Iterator for &Run {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }
}

impl Drop for ThreadTeam {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.helpers.iter().map(JoinHandle::thread).for_each(Thread::unpark);
        for helper in self.helpers.drain(..) {
            // A helper catches every panic of a task; one that died anyway has nothing to return.
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// Publishes `job` and lets helpers in.
    fn open(&self, job: &Job<'_>) {
        let job = ptr::from_ref(job).cast::<Job<'static>>().cast_mut();
        self.job.store(job, Ordering::Relaxed);
        let gate = self.gate.load(Ordering::Relaxed);
        self.gate.store((gate.wrapping_add(ONE_JOB) & !OPEN) | OPEN, Ordering::SeqCst);
    }

    /// Lets no more helpers in and waits for those inside.
    fn close(&self) {
        self.gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut n_spins = 0u32;
        while self.gate.load(Ordering::Acquire) & INSIDE != 0 {
            n_spins += 1;
            // A helper that lost its core needs ours to finish.
            if n_spins.is_multiple_of(1 << 10) {
                thread::yield_now()
            } else {
                std::hint::spin_loop()
            }
        }
    }

    /// A helper's life.
    fn help(&self, helper_idx: usize) {
        let mut last_job = 0;
        while let Some(gate) = self.next_job(last_job, helper_idx) {
            if self
                .gate
                .compare_exchange(gate, gate + 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                last_job = gate & !INSIDE;
                self.work_inside();
                self.gate.fetch_sub(1, Ordering::Release);
            }
        }
    }

    /// Works on the open job.  Only to be called between entering and leaving the gate.
    #[expect(unsafe_code, reason = "a job borrows its caller's stack; no safe type lends that")]
    fn work_inside(&self) {
        let job = self.job.load(Ordering::Relaxed);
        // SAFETY: we have entered the gate, so `open` stored this pointer before (the gate's
        // acquire saw its release) and `close` does not return, hence `run` does not drop the
        // job, until we leave. The job is only used through shared references, and is `Sync`.
        unsafe { &*job }.work();
    }

    /// Waits for a job that this helper has not seen; `None` when the team ends.
    fn next_job(&self, last_job: u64, helper_idx: usize) -> Option<u64> {
        let fresh = || {
            let gate = self.gate.load(Ordering::SeqCst);
            (gate & OPEN != 0 && gate & !INSIDE != last_job).then_some(gate)
        };
        loop {
            let idle_since = Instant::now();
            while idle_since.elapsed() < SPIN_TIME {
                for _ in 0..64 {
                    if let Some(gate) = fresh() {
                        return Some(gate);
                    }
                    std::hint::spin_loop();
                }
            }
            // Say so, look once more, then sleep: the caller opens the gate before it looks at
            // the flag, so one of the two sees the other.
            self.parked[helper_idx].store(true, Ordering::SeqCst);
            while !self.stop.load(Ordering::SeqCst)
                && fresh().is_none()
                && self.parked[helper_idx].load(Ordering::SeqCst)
            {
                thread::park();
            }
            self.parked[helper_idx].store(false, Ordering::SeqCst);
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
