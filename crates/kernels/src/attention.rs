//! Attention over a paged cache, without a score matrix.
//!
//! Keys are taken a page at a time, in order. For each query head the running maximum `m`, sum `l`
//! and weighted value `acc` are kept:
//!
//! ```text
//! s    = q . k * scale                    (then soft cap, then ALiBi's slope)
//! m'   = max(m, max(s))
//! acc  = acc * exp(m - m') + sum(exp(s - m') * v)
//! l    = l   * exp(m - m') + sum(exp(s - m'))
//! out  = acc / l
//! ```
//!
//! with powers of two in place of `exp`, which only scales the scores.
//!
//! A task is a few queries of one sequence and one key head: the query heads that share a key
//! head, and neighbouring queries, share the reading and widening of a page. Where there are fewer
//! tasks than keep the threads busy (one query, few key heads) they are cut again, over ranges of
//! keys. The sums of each range are always taken apart and put together in order, whoever
//! computes them, and each row's sums are its own: a result depends neither on the batch, nor on
//! the number of threads, nor on where pages lie.

mod page;
mod sums;
mod task;

use std::cell::Cell;
use std::ops::Range;

use crate::kv_pool::{KvPool, PAGE_LEN};
use crate::table::Kernels;
use crate::team::ThreadTeam;
use sums::Sums;
use task::{Scratch, Task};

/// Rows of a task, where there are enough: their queries and sums stay in the first two cache
/// levels beside a page, and are whole blocks of the products.
const MAX_ROWS: usize = 48;
/// Keys whose sums are taken apart; whole pages.
const RANGE: usize = 32 * PAGE_LEN;
/// Tasks per thread below which they are cut over ranges of keys: enough to even out cores of
/// different speed.
const TASKS_PER_THREAD: usize = 8;

/// What kind of attention a layer has.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attention {
    /// Query heads.
    pub n_head: usize,
    /// Key and value heads; divides `n_head`.
    pub n_head_kv: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Multiplies the scores before all else.
    pub scale: f32,
    /// Sees only the last so many keys of those it may see.
    pub window: Option<usize>,
    /// Scores become `softcap * tanh(score / softcap)`.
    pub softcap: Option<f32>,
    /// One score per query head, `[n_head]`, that takes part in the softmax and has no value.
    pub sinks: Option<Vec<f32>>,
    /// ALiBi: one slope per query head, `[n_head]`, times the distance is taken off the score.
    pub alibi_slopes: Option<Vec<f32>>,
}

impl Attention {
    /// Plain attention: scale `1 / sqrt(head_dim)`, and nothing else.
    pub fn new(n_head: usize, n_head_kv: usize, head_dim: usize) -> Self {
        Self {
            n_head,
            n_head_kv,
            head_dim,
            scale: 1.0 / (head_dim as f32).sqrt(),
            window: None,
            softcap: None,
            sinks: None,
            alibi_slopes: None,
        }
    }

    /// Query heads per key head.
    fn n_rep(&self) -> usize {
        self.n_head / self.n_head_kv
    }
}

/// What one query may look at.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The pages of its sequence: token `i` lies in `pages[i / PAGE_LEN]` at `i % PAGE_LEN`.
    pub pages: &'a [u32],
    /// The first token of the sequence that the query sees, if no window hides it.
    pub first: usize,
    /// How many tokens of the sequence, from its start, it sees at most; the last is the end of a
    /// window.
    pub n_visible: usize,
    /// Its own position, from which ALiBi measures.
    pub pos: usize,
}

impl<'a> Query<'a> {
    /// A query that sees the first `n_visible` tokens of its sequence; its own is the last.
    pub fn causal(pages: &'a [u32], n_visible: usize) -> Self {
        Self { pages, first: 0, n_visible, pos: n_visible.saturating_sub(1) }
    }
}

/// See [`crate::Cpu::attention`].
pub(crate) fn attention(
    (kernels, team): (&Kernels, &ThreadTeam),
    spec: &Attention,
    kv: &KvPool,
    queries: &[Query<'_>],
    (q, out): (&[f32], &mut [f32]),
) {
    check(spec, kv, queries, q, out);
    let token_len = spec.n_head * spec.head_dim;
    if token_len == 0 {
        return;
    }
    let mut jobs = Vec::new();
    let mut first = 0;
    let mut rest = out;
    for queries in runs(queries, (MAX_ROWS / spec.n_rep()).max(1)) {
        let (out, behind) = rest.split_at_mut(queries.len() * token_len);
        let q = &q[first * token_len..][..queries.len() * token_len];
        let task = Task { kernels, spec, kv, queries, q, head_kv: 0 };
        Job::split(task, out, &mut jobs);
        first += queries.len();
        rest = behind;
    }
    if jobs.len() < TASKS_PER_THREAD * team.n_threads() && team.n_threads() > 1 {
        run_by_ranges(team, jobs);
    } else {
        team.run_each(jobs, Job::run);
    }
}

/// A task, and where its results go.
struct Job<'a, 'o> {
    task: Task<'a>,
    /// For each query `[n_rep, head_dim]`.
    out: Vec<&'o mut [f32]>,
}

impl<'a, 'o> Job<'a, 'o> {
    /// One job for each key head.
    fn split(task: Task<'a>, out: &'o mut [f32], jobs: &mut Vec<Self>) {
        let (spec, first) = (task.spec, jobs.len());
        for head_kv in 0..spec.n_head_kv {
            let out = Vec::with_capacity(task.queries.len());
            jobs.push(Self { task: Task { head_kv, ..task }, out });
        }
        for (part_idx, part) in out.chunks_exact_mut(spec.n_rep() * spec.head_dim).enumerate() {
            jobs[first + part_idx % spec.n_head_kv].out.push(part);
        }
    }

    /// Computes the results.
    fn run(self) {
        with_memory(|Memory { scratch, sums, later }| {
            self.task.load_queries(scratch);
            sums.reset(self.task.n_rows(), self.task.kv.v_width());
            for keys in ranges(self.task.keys()) {
                self.task.attend(keys, scratch, later);
                sums.absorb(later);
            }
            self.finish(sums);
        });
    }

    /// Lets the sinks take part, and writes the results.
    fn finish(self, sums: &Sums) {
        let Self { task, out } = self;
        let (n_rep, head_dim) = (task.spec.n_rep(), task.spec.head_dim);
        let rows = out.into_iter().flat_map(|out| out.chunks_exact_mut(head_dim).take(n_rep));
        for (row, out) in rows.enumerate() {
            let sinks = task.spec.sinks.as_ref();
            let sink = sinks.map(|sinks| sinks[task.head(row)] * std::f32::consts::LOG2_E);
            sums.finish(row, sink, out);
        }
    }
}

/// Cuts keys at multiples of [`RANGE`], and down to whole pages at the front.
fn ranges(keys: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let first = keys.start / PAGE_LEN * PAGE_LEN;
    let cuts = (keys.start / RANGE..keys.end.div_ceil(RANGE)).map(|i| i * RANGE);
    cuts.map(move |cut| cut.max(first)..(cut + RANGE).min(keys.end))
}

/// Runs jobs with all threads on each, a range of keys at a time.
fn run_by_ranges(team: &ThreadTeam, jobs: Vec<Job<'_, '_>>) {
    let mut parts: Vec<(&Task<'_>, Range<usize>, Sums)> = Vec::new();
    for job in &jobs {
        let keys = ranges(job.task.keys());
        parts.extend(keys.map(|keys| (&job.task, keys, Sums::default())));
    }
    team.run_each(parts.iter_mut().collect(), |(task, keys, sums)| {
        with_memory(|Memory { scratch, .. }| {
            task.load_queries(scratch);
            task.attend(keys.clone(), scratch, sums);
        });
    });
    let mut all: Vec<Sums> = Vec::with_capacity(jobs.len());
    let mut parts = parts.into_iter().map(|(_, keys, sums)| (keys, sums));
    for job in &jobs {
        let mut sums = Sums::default();
        sums.reset(job.task.n_rows(), job.task.kv.v_width());
        for (_, later) in parts.by_ref().take(ranges(job.task.keys()).count()) {
            sums.absorb(&later);
        }
        all.push(sums);
    }
    for (job, sums) in jobs.into_iter().zip(&all) {
        job.finish(sums);
    }
}

/// What a thread keeps from task to task.
#[derive(Default)]
struct Memory {
    scratch: Scratch,
    sums: Sums,
    later: Sums,
}

/// Calls `act` with this thread's memory.
fn with_memory(act: impl FnOnce(&mut Memory)) {
    thread_local! {
        static MEMORY: Cell<Memory> = Cell::default();
    }
    // Taken, not borrowed: an attention inside an attention gets memory of its own.
    let mut memory = MEMORY.take();
    act(&mut memory);
    MEMORY.set(memory);
}

/// Cuts the batch into runs of neighbours over the same pages.
fn runs<'a, 'q>(queries: &'a [Query<'q>], max_len: usize) -> impl Iterator<Item = &'a [Query<'q>]> {
    queries.chunk_by(|a, b| std::ptr::eq(a.pages, b.pages)).flat_map(move |run| run.chunks(max_len))
}

fn check(spec: &Attention, kv: &KvPool, queries: &[Query<'_>], q: &[f32], out: &[f32]) {
    assert!(
        spec.n_head_kv == kv.n_head_kv() && spec.head_dim == kv.head_dim(),
        "attention over {} heads of {}, pool has {} of {}",
        spec.n_head_kv,
        spec.head_dim,
        kv.n_head_kv(),
        kv.head_dim()
    );
    assert!(
        spec.n_head.is_multiple_of(spec.n_head_kv),
        "{} query heads over {} key heads",
        spec.n_head,
        spec.n_head_kv
    );
    for per_head in [&spec.sinks, &spec.alibi_slopes].into_iter().flatten() {
        assert_eq!(per_head.len(), spec.n_head, "one number per query head");
    }
    assert_eq!(q.len(), queries.len() * spec.n_head * spec.head_dim, "attention: queries");
    assert_eq!(out.len(), q.len(), "attention: output");
    for query in queries {
        assert!(
            query.n_visible.div_ceil(PAGE_LEN) <= query.pages.len(),
            "query sees {} tokens in {} pages of {}",
            query.n_visible,
            query.pages.len(),
            PAGE_LEN
        );
    }
}

#[cfg(test)]
mod tests;
