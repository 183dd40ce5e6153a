//! Attention over a paged cache, without a score matrix.
//!
//! Keys are taken in chunks of [`CHUNK`], in order. For each query head the running maximum `m`,
//! sum `l` and weighted value `acc` are kept:
//!
//! ```text
//! s    = q . k * scale                    (then soft cap)
//! m'   = max(m, max(s))
//! acc  = acc * exp(m - m') + sum(exp(s - m') * v)
//! l    = l   * exp(m - m') + sum(exp(s - m'))
//! out  = acc / l
//! ```
//!
//! A task is one query and one key head, so the query heads that share a key head share its read.
//! Chunks begin at multiples of [`CHUNK`] of the sequence: a result depends neither on the batch
//! nor on how tokens were put in pages.

use crate::kv_pool::{HeadRow, KvPool};
use crate::table::Kernels;
use crate::team::ThreadTeam;

/// Keys between two updates of the running maximum.
const CHUNK: usize = 32;

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
}

impl Attention {
    /// Plain attention: scale `1 / sqrt(head_dim)`, no window, no soft cap.
    pub fn new(n_head: usize, n_head_kv: usize, head_dim: usize) -> Self {
        let scale = 1.0 / (head_dim as f32).sqrt();
        Self { n_head, n_head_kv, head_dim, scale, window: None, softcap: None }
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
    let task_len = spec.n_rep() * spec.head_dim;
    if task_len == 0 {
        return;
    }
    let parts = q.chunks_exact(task_len).zip(out.chunks_exact_mut(task_len)).enumerate().collect();
    team.run_each(parts, |(part_idx, (q, out)): (usize, (&[f32], &mut [f32]))| {
        let query = &queries[part_idx / spec.n_head_kv];
        Heads::new(kernels, spec, q, out).attend(kv, query, part_idx % spec.n_head_kv);
    });
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

/// The query heads of one query that share a key head.
struct Heads<'a> {
    kernels: &'a Kernels,
    spec: &'a Attention,
    /// `[n_rep, head_dim]`.
    q: &'a [f32],
    /// Weighted values so far, `[n_rep, head_dim]`.
    acc: &'a mut [f32],
    /// Running maximum and sum per head.
    state: Vec<(f32, f32)>,
    /// `[n_rep, CHUNK]`.
    scores: Vec<f32>,
    /// A stored row as floats, `[head_dim]`.
    row: Vec<f32>,
}

impl<'a> Heads<'a> {
    fn new(kernels: &'a Kernels, spec: &'a Attention, q: &'a [f32], acc: &'a mut [f32]) -> Self {
        acc.fill(0.0);
        Self {
            kernels,
            spec,
            q,
            acc,
            state: vec![(f32::NEG_INFINITY, 0.0); spec.n_rep()],
            scores: vec![0.0; spec.n_rep() * CHUNK],
            row: vec![0.0; spec.head_dim],
        }
    }

    fn attend(mut self, kv: &KvPool, query: &Query<'_>, head_kv: usize) {
        let last = query.n_visible;
        let first = self.spec.window.map_or(0, |window| last.saturating_sub(window));
        let mut slots = Vec::with_capacity(CHUNK);
        let mut pos = first;
        while pos < last {
            let chunk_end = last.min((pos / CHUNK + 1) * CHUNK);
            slots.clear();
            slots.extend((pos..chunk_end).map(|pos| {
                query.pages[pos / kv.page_len()] as usize * kv.page_len() + pos % kv.page_len()
            }));
            self.score(kv, head_kv, &slots);
            self.rescale(slots.len());
            self.accumulate(kv, head_kv, &slots);
            pos = chunk_end;
        }
        for (acc, (_, sum)) in self.acc.chunks_exact_mut(self.spec.head_dim).zip(&self.state) {
            if *sum != 0.0 {
                acc.iter_mut().for_each(|x| *x /= sum);
            }
        }
    }

    /// Scores of a chunk's keys for every head.
    fn score(&mut self, kv: &KvPool, head_kv: usize, slots: &[usize]) {
        for (key_idx, &slot) in slots.iter().enumerate() {
            let key = as_floats(self.kernels, kv.k_head(slot, head_kv), &mut self.row);
            let heads = self.q.chunks_exact(self.spec.head_dim);
            for (q, scores) in heads.zip(self.scores.chunks_exact_mut(CHUNK)) {
                let score = self.kernels.dot_f32(q, key) * self.spec.scale;
                scores[key_idx] = match self.spec.softcap {
                    Some(cap) => cap * (score / cap).tanh(),
                    None => score,
                };
            }
        }
    }

    /// Turns scores into weights under the new maximum, and brings sums and values to it.
    fn rescale(&mut self, n_keys: usize) {
        let heads = self.acc.chunks_exact_mut(self.spec.head_dim).zip(&mut self.state);
        for ((acc, (max, sum)), scores) in heads.zip(self.scores.chunks_exact_mut(CHUNK)) {
            let scores = &mut scores[..n_keys];
            let new_max = scores.iter().copied().fold(*max, f32::max);
            let factor = (*max - new_max).exp();
            *max = new_max;
            *sum *= factor;
            acc.iter_mut().for_each(|x| *x *= factor);
            for score in scores {
                *score = (*score - new_max).exp();
                *sum += *score;
            }
        }
    }

    /// Adds a chunk's weighted values.
    fn accumulate(&mut self, kv: &KvPool, head_kv: usize, slots: &[usize]) {
        for (key_idx, &slot) in slots.iter().enumerate() {
            let value = as_floats(self.kernels, kv.v_head(slot, head_kv), &mut self.row);
            let heads = self.acc.chunks_exact_mut(self.spec.head_dim);
            for (acc, scores) in heads.zip(self.scores.chunks_exact(CHUNK)) {
                self.kernels.axpy(scores[key_idx], value, acc);
            }
        }
    }
}

fn as_floats<'a>(kernels: &Kernels, row: HeadRow<'a>, scratch: &'a mut [f32]) -> &'a [f32] {
    match row {
        HeadRow::F32(row) => row,
        HeadRow::F16(row) => {
            kernels.f16_to_f32(row, scratch);
            scratch
        }
    }
}

#[cfg(test)]
mod tests;
