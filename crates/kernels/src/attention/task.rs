//! A few neighbouring queries of one sequence over one key head.

use std::ops::Range;

use super::{Attention, Query};
use crate::kv_pool::{HeadRows, KvPool};
use crate::scalar::MAX_K;
use crate::table::Kernels;

/// Keys between two updates of the running maximum.
const CHUNK: usize = MAX_K;

/// The queries, and where their results go.
pub(super) struct Task<'a, 'o> {
    kernels: &'a Kernels,
    spec: &'a Attention,
    kv: &'a KvPool,
    queries: &'a [Query<'a>],
    /// Activations of the queries, all heads.
    q: &'a [f32],
    head_kv: usize,
    /// For each query `[n_rep, head_dim]`.
    out: Vec<&'o mut [f32]>,
}

impl<'a, 'o> Task<'a, 'o> {
    /// One task for each key head.
    pub(super) fn split(
        (kernels, spec, kv): (&'a Kernels, &'a Attention, &'a KvPool),
        queries: &'a [Query<'a>],
        q: &'a [f32],
        out: &'o mut [f32],
    ) -> Vec<Self> {
        let new = |head_kv| Self { kernels, spec, kv, queries, q, head_kv, out: Vec::new() };
        let mut tasks: Vec<Self> = (0..spec.n_head_kv).map(new).collect();
        for (part_idx, part) in out.chunks_exact_mut(spec.n_rep() * spec.head_dim).enumerate() {
            tasks[part_idx % spec.n_head_kv].out.push(part);
        }
        tasks
    }

    /// Computes the results.
    pub(super) fn run(mut self) {
        let mut state = State::new(&self);
        let mut chunk = Chunk::new(self.spec.head_dim);
        let keys: Vec<Range<usize>> = self.queries.iter().map(|query| self.keys(query)).collect();
        let first = keys.iter().map(|keys| keys.start).min().unwrap_or(0);
        let last = keys.iter().map(|keys| keys.end).max().unwrap_or(0);
        for start in (first / CHUNK * CHUNK..last).step_by(CHUNK) {
            let end = last.min(start + CHUNK);
            chunk.load(&self, start..end);
            if keys.iter().all(|keys| keys.start <= start && end <= keys.end) {
                state.attend(&self, &chunk, 0..self.queries.len(), start..end);
                continue;
            }
            // Some query sees a part of this chunk only.
            for (query_idx, keys) in keys.iter().enumerate() {
                let seen = keys.start.max(start)..keys.end.min(end);
                if !seen.is_empty() {
                    state.attend(&self, &chunk, query_idx..query_idx + 1, seen);
                }
            }
        }
        state.finish(&mut self);
    }

    /// The keys a query sees.
    fn keys(&self, query: &Query<'_>) -> Range<usize> {
        let last = query.n_visible;
        self.spec.window.map_or(0, |window| last.saturating_sub(window))..last
    }

    /// The query head behind a row of the state.
    fn head(&self, row: usize) -> usize {
        self.head_kv * self.spec.n_rep() + row % self.spec.n_rep()
    }
}

/// Width to which heads are padded with zeros: whole steps of the small products.
fn padded(head_dim: usize) -> usize {
    head_dim.next_multiple_of(MAX_K)
}

/// Keys and values of a chunk, as floats.
struct Chunk {
    head_dim: usize,
    /// Position of the first key.
    start: usize,
    /// `[CHUNK, padded_dim]`.
    rows: Vec<f32>,
    /// Keys by lane: `[padded_dim, CHUNK]`.
    k: Vec<f32>,
    /// `[CHUNK, padded_dim]`.
    v: Vec<f32>,
}

impl Chunk {
    fn new(head_dim: usize) -> Self {
        let zeros = vec![0.0; padded(head_dim) * CHUNK];
        Self { head_dim, start: 0, rows: zeros.clone(), k: zeros.clone(), v: zeros }
    }

    /// Widens the keys and values of some positions, and transposes the keys.
    fn load(&mut self, task: &Task<'_, '_>, positions: Range<usize>) {
        let (kv, pages) = (task.kv, task.queries[task.queries.len() - 1].pages);
        let padded_dim = padded(self.head_dim);
        self.start = positions.start;
        let mut pos = positions.start;
        while pos < positions.end {
            // As many tokens as lie side by side.
            let offset = pos % kv.page_len();
            let n_tokens = (kv.page_len() - offset).min(positions.end - pos);
            let slot = pages[pos / kv.page_len()] as usize * kv.page_len() + offset;
            let rows = (pos - self.start) * padded_dim..;
            let k = kv.k_rows(slot, n_tokens, task.head_kv);
            let v = kv.v_rows(slot, n_tokens, task.head_kv);
            widen(task.kernels, k, self.head_dim, &mut self.rows[rows.clone()]);
            widen(task.kernels, v, self.head_dim, &mut self.v[rows]);
            pos += n_tokens;
        }
        task.kernels.transpose(padded_dim, &self.rows, &mut self.k);
    }
}

/// Writes rows of `head_dim` as padded rows of floats.
fn widen(kernels: &Kernels, rows: HeadRows<'_>, head_dim: usize, out: &mut [f32]) {
    let padded_dim = padded(head_dim);
    if padded_dim == head_dim {
        // No gaps: as one piece.
        return match rows {
            HeadRows::F32(rows) => out[..rows.len()].copy_from_slice(rows),
            HeadRows::F16(rows) => kernels.f16_to_f32(rows, &mut out[..rows.len()]),
        };
    }
    let out = out.chunks_exact_mut(padded_dim).map(|out| &mut out[..head_dim]);
    match rows {
        HeadRows::F32(rows) => {
            rows.chunks_exact(head_dim).zip(out).for_each(|(row, out)| out.copy_from_slice(row));
        }
        HeadRows::F16(rows) => {
            rows.chunks_exact(head_dim)
                .zip(out)
                .for_each(|(row, out)| kernels.f16_to_f32(row, out));
        }
    }
}

/// What is known so far; a row for each query and each of its heads.
struct State {
    padded_dim: usize,
    /// Query heads in steps of [`MAX_K`] lanes: `[padded_dim / MAX_K, n_rows]`.
    q: Vec<[f32; MAX_K]>,
    /// Weighted values, `[n_rows, padded_dim]`.
    acc: Vec<f32>,
    /// Running maximum, `[n_rows]`.
    max: Vec<f32>,
    /// Running sum, `[n_rows]`.
    sum: Vec<f32>,
    /// Of the chunk's keys, `[n_rows]`; then the weights of the keys seen.
    scores: Vec<[f32; CHUNK]>,
}

impl State {
    fn new(task: &Task<'_, '_>) -> Self {
        let (n_rep, head_dim) = (task.spec.n_rep(), task.spec.head_dim);
        let padded_dim = padded(head_dim);
        let n_rows = task.queries.len() * n_rep;
        let mut q = vec![[0.0; MAX_K]; padded_dim / MAX_K * n_rows];
        let tokens = task.q.chunks_exact(task.spec.n_head * head_dim);
        let heads = tokens.flat_map(|token| {
            token[task.head_kv * n_rep * head_dim..].chunks_exact(head_dim).take(n_rep)
        });
        for (row, head) in heads.enumerate() {
            for (step, lanes) in head.chunks(MAX_K).enumerate() {
                q[step * n_rows + row][..lanes.len()].copy_from_slice(lanes);
            }
        }
        Self {
            padded_dim,
            q,
            acc: vec![0.0; n_rows * padded_dim],
            max: vec![f32::NEG_INFINITY; n_rows],
            sum: vec![0.0; n_rows],
            scores: vec![[0.0; CHUNK]; n_rows],
        }
    }

    /// Takes in the keys at positions `seen` of a chunk, for some of the queries.
    fn attend(
        &mut self,
        task: &Task<'_, '_>,
        chunk: &Chunk,
        queries: Range<usize>,
        seen: Range<usize>,
    ) {
        let (n_rep, padded_dim) = (task.spec.n_rep(), self.padded_dim);
        let rows = queries.start * n_rep..queries.end * n_rep;
        let lanes = seen.start - chunk.start..seen.end - chunk.start;
        self.score(task.kernels, chunk, rows.clone());
        for row in rows.clone() {
            let scores = &mut self.scores[row];
            scores.copy_within(lanes.clone(), 0);
            let scores = &mut scores[..lanes.len()];
            task.adjust(row, seen.clone(), scores);
            let max = scores.iter().copied().fold(self.max[row], f32::max);
            let factor = (self.max[row] - max).exp();
            self.max[row] = max;
            self.sum[row] = self.sum[row] * factor + task.kernels.exp_sum(scores, max);
            if factor != 1.0 {
                let acc = &mut self.acc[row * padded_dim..][..padded_dim];
                acc.iter_mut().for_each(|x| *x *= factor);
            }
        }
        let values = &chunk.v[lanes.start * padded_dim..lanes.end * padded_dim];
        let acc = &mut self.acc[rows.start * padded_dim..rows.end * padded_dim];
        task.kernels.gemm((lanes.len(), padded_dim), &self.scores[rows], values, acc);
    }

    /// Dot products of some rows with all keys of a chunk.
    fn score(&mut self, kernels: &Kernels, chunk: &Chunk, rows: Range<usize>) {
        let scores = &mut self.scores[rows.clone()];
        scores.fill([0.0; CHUNK]);
        let steps = self.q.chunks_exact(self.max.len()).zip(chunk.k.chunks_exact(MAX_K * CHUNK));
        for (q, k) in steps {
            kernels.gemm((MAX_K, CHUNK), &q[rows.clone()], k, scores.as_flattened_mut());
        }
    }

    /// Lets the sinks take part, and writes the results.
    fn finish(mut self, task: &mut Task<'_, '_>) {
        let (n_rep, head_dim) = (task.spec.n_rep(), task.spec.head_dim);
        for row in 0..self.max.len() {
            let acc = &mut self.acc[row * self.padded_dim..][..head_dim];
            let mut sum = self.sum[row];
            if let Some(sinks) = &task.spec.sinks {
                let sink = sinks[task.head(row)];
                let max = self.max[row].max(sink);
                let factor = (self.max[row] - max).exp();
                sum = sum * factor + (sink - max).exp();
                acc.iter_mut().for_each(|x| *x *= factor);
            }
            let out = &mut task.out[row / n_rep][row % n_rep * head_dim..][..head_dim];
            for (out, acc) in out.iter_mut().zip(acc) {
                // A query that sees no key has nothing to divide by.
                *out = if sum == 0.0 { 0.0 } else { *acc / sum };
            }
        }
    }
}

impl Task<'_, '_> {
    /// Scales, caps and slopes the dot products of one row.
    fn adjust(&self, row: usize, seen: Range<usize>, scores: &mut [f32]) {
        scores.iter_mut().for_each(|score| *score *= self.spec.scale);
        if let Some(cap) = self.spec.softcap {
            scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
        }
        if let Some(slopes) = &self.spec.alibi_slopes {
            let slope = slopes[self.head(row)];
            let own = self.queries[row / self.spec.n_rep()].n_visible - 1;
            for (score, pos) in scores.iter_mut().zip(seen) {
                *score -= slope * (own - pos) as f32;
            }
        }
    }
}
