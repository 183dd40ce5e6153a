//! Attention over a paged cache, without a score matrix.
//!
//! Keys are taken in chunks of 32, in order. For each query head the running maximum `m`, sum `l`
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
//! A task is a few queries of one sequence and one key head: the query heads that share a key
//! head, and neighbouring queries, share the reading, widening and transposing of a chunk. Chunks
//! begin at multiples of 32 of the sequence, and each query's sums run over its own keys alone, so
//! a result depends neither on the batch nor on how tokens were put in pages.

mod task;

use crate::kv_pool::KvPool;
use crate::table::Kernels;
use crate::team::ThreadTeam;
use task::Task;

/// Query heads of a task, where there are enough: a few kilobytes of queries and sums beside a
/// chunk of keys and values in the first cache level.
const MAX_ROWS: usize = 32;

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
    /// Sees only the last so many keys, the query's own among them.
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
    /// The pages of its sequence: token `i` lies in `pages[i / page_len]` at `i % page_len`.
    pub pages: &'a [u32],
    /// How many tokens of the sequence, from its start, the query sees; its own is the last.
    pub n_visible: usize,
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
    let mut tasks = Vec::new();
    let mut first = 0;
    let mut rest = out;
    for queries in runs(queries, (MAX_ROWS / spec.n_rep()).max(1)) {
        let (out, behind) = rest.split_at_mut(queries.len() * token_len);
        let q = &q[first * token_len..][..queries.len() * token_len];
        tasks.extend(Task::split((kernels, spec, kv), queries, q, out));
        first += queries.len();
        rest = behind;
    }
    team.run_each(tasks, Task::run);
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
            query.n_visible.div_ceil(kv.page_len()) <= query.pages.len(),
            "query sees {} tokens in {} pages of {}",
            query.n_visible,
            query.pages.len(),
            kv.page_len()
        );
    }
}

#[cfg(test)]
mod tests;
