//! A few neighbouring queries of one sequence over one key head.

use std::ops::Range;

use super::page::{PageCopy, score_codes, value_codes, values_of_keys};
use super::sums::Sums;
use super::{Attention, Query};
use crate::activation::{ActivationPanel, PanelSpec, Steps};
use crate::kv_pool::{BLOCK, HeadPage, KvPool, PAGE_LEN};
use crate::scalar::{FloatRows, MAX_K};
use crate::table::Kernels;
use crate::tile::PANEL;

/// Up to so many rows, keys and values are widened as they are multiplied: more rows would widen
/// them more than once.
const FEW_ROWS: usize = 6;

/// The queries and what they look at.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) kernels: &'a Kernels,
    pub(super) spec: &'a Attention,
    pub(super) kv: &'a KvPool,
    /// Of one sequence.
    pub(super) queries: &'a [Query<'a>],
    /// Activations of the queries, all heads: `[n_queries, n_head, head_dim]`.
    pub(super) q: &'a [f32],
    pub(super) head_kv: usize,
}

/// What a task needs memory for; kept by a thread from task to task.
#[derive(Default)]
pub(super) struct Scratch {
    /// Query heads in steps of [`MAX_K`] lanes, `[n_steps, n_rows]`, times the scale.
    q: Vec<[f32; MAX_K]>,
    /// The same in 8 bits, in panels: `[n_panels, n_rows]`.
    q_codes: Vec<ActivationPanel>,
    /// Of a page's keys, `[n_rows]`; then their weights.
    scores: Vec<[f32; MAX_K]>,
    page: PageCopy,
}

impl Task<'_> {
    /// A row for each query and each of the heads that share the key head.
    pub(super) fn n_rows(&self) -> usize {
        self.queries.len() * self.spec.n_rep()
    }

    /// The query head behind a row.
    pub(super) fn head(&self, row: usize) -> usize {
        self.head_kv * self.spec.n_rep() + row % self.spec.n_rep()
    }

    /// From the first key that any of the queries sees to the last.
    pub(super) fn keys(&self) -> Range<usize> {
        let keys = self.queries.iter().map(|query| self.keys_of(query));
        let span = |all: Range<usize>, keys: Range<usize>| {
            all.start.min(keys.start)..all.end.max(keys.end)
        };
        keys.reduce(span).unwrap_or(0..0)
    }

    /// The keys a query sees.
    fn keys_of(&self, query: &Query<'_>) -> Range<usize> {
        let last = query.n_visible;
        let start = self.spec.window.map_or(0, |window| last.saturating_sub(window));
        start.max(query.first).min(last)..last
    }

    /// Attends to the keys of a range that begins with a page.
    pub(super) fn attend(&self, keys: Range<usize>, scratch: &mut Scratch, sums: &mut Sums) {
        debug_assert!(keys.start.is_multiple_of(PAGE_LEN));
        sums.reset(self.n_rows(), self.kv.v_width());
        for first in keys.clone().step_by(PAGE_LEN) {
            self.attend_page(first..keys.end.min(first + PAGE_LEN), scratch, sums);
        }
    }

    /// Attends to the keys of one page.
    fn attend_page(&self, keys: Range<usize>, scratch: &mut Scratch, sums: &mut Sums) {
        let Some(longest) = self.queries.last() else { return };
        let page = longest.pages[keys.start / PAGE_LEN] as usize;
        let next = longest.pages.get(keys.start / PAGE_LEN + 1);
        let next = next.map(|&next| next as usize).filter(|&next| next < self.kv.n_pages());
        if let Some(next) = next {
            self.kv.k_page(next, self.head_kv).prefetch(self.kernels);
        }
        self.score(self.kv.k_page(page, self.head_kv), scratch);
        self.adjust(keys.clone(), &mut scratch.scores);
        self.hide(keys.clone(), &mut scratch.scores);
        self.kernels.soften(&mut scratch.scores, &mut sums.rows);
        sums.rescale();
        if let Some(values) = next.and_then(|next| self.kv.v_page(next, self.head_kv)) {
            values.prefetch(self.kernels);
        }
        let n_keys = keys.len();
        let width = self.kv.v_width();
        let values = match self.kv.v_page(page, self.head_kv) {
            None => {
                let place = (page, self.head_kv);
                FloatRows::F32(values_of_keys(self.kernels, self.kv, place, &mut scratch.page))
            }
            Some(HeadPage::Floats(values)) if self.n_rows() <= FEW_ROWS => values,
            Some(HeadPage::Floats(values)) => {
                FloatRows::F32(scratch.page.widen(self.kernels, values))
            }
            Some(HeadPage::Codes { bits, codes, scales }) => {
                let block = (bits, codes, scales);
                FloatRows::F32(value_codes(self.kernels, block, width, &mut scratch.page))
            }
        };
        let values = values.slice(0..n_keys * width);
        self.kernels.gemm(width, &scratch.scores, values, &mut sums.acc);
    }

    /// Dot products of all rows with all keys of a page, those beyond the last among them.
    fn score(&self, keys: HeadPage<'_>, scratch: &mut Scratch) {
        let Scratch { q, q_codes, scores, page } = scratch;
        scores.resize(self.n_rows(), [0.0; MAX_K]);
        scores.as_flattened_mut().fill(0.0);
        let keys = match keys {
            HeadPage::Floats(keys) if self.n_rows() <= FEW_ROWS => keys,
            HeadPage::Floats(keys) => FloatRows::F32(page.widen(self.kernels, keys)),
            HeadPage::Codes { bits, codes, scales } => {
                return score_codes(self.kernels, (bits, codes, scales), q_codes, (page, scores));
            }
        };
        self.kernels.gemm(PAGE_LEN, q, keys, scores.as_flattened_mut());
    }

    /// Brings the queries in the form that meets the keys. Scores count in powers of two, except
    /// where a cap comes first.
    pub(super) fn load_queries(&self, scratch: &mut Scratch) {
        let (spec, n_rows) = (self.spec, self.n_rows());
        let scale =
            if spec.softcap.is_some() { spec.scale } else { spec.scale * std::f32::consts::LOG2_E };
        let n_steps = spec.head_dim.div_ceil(MAX_K);
        let Scratch { q, q_codes, .. } = scratch;
        q.clear();
        q.resize(n_steps * n_rows, [0.0; MAX_K]);
        let tokens = self.q.chunks_exact(spec.n_head * spec.head_dim);
        let heads = tokens.flat_map(|token| {
            let own = &token[self.head_kv * spec.n_rep() * spec.head_dim..];
            own.chunks_exact(spec.head_dim).take(spec.n_rep())
        });
        for (row, head) in heads.enumerate() {
            for (step, lanes) in head.chunks(MAX_K).enumerate() {
                for (q, lane) in q[step * n_rows + row].iter_mut().zip(lanes) {
                    *q = lane * scale;
                }
            }
        }
        if let HeadPage::Codes { bits, .. } = self.kv.k_page(0, self.head_kv) {
            let spec = PanelSpec { group: BLOCK, zero: bits.zero(), steps: Steps::Own };
            round_queries((self.kernels, spec), q, n_rows, q_codes);
        }
    }

    /// Caps and slopes the scores, where the attention does.
    fn adjust(&self, keys: Range<usize>, scores: &mut [[f32; MAX_K]]) {
        if let Some(cap) = self.spec.softcap {
            let log2_e = std::f32::consts::LOG2_E;
            self.kernels.softcap(scores.as_flattened_mut(), cap, log2_e);
        }
        if let Some(slopes) = &self.spec.alibi_slopes {
            for (row, scores) in scores.iter_mut().enumerate() {
                let slope = slopes[self.head(row)] * std::f32::consts::LOG2_E;
                let own = self.queries[row / self.spec.n_rep()].pos;
                for (score, pos) in scores.iter_mut().zip(keys.start..) {
                    *score -= slope * own.abs_diff(pos) as f32;
                }
            }
        }
    }

    /// Gives keys that a row does not see no weight.
    fn hide(&self, keys: Range<usize>, scores: &mut [[f32; MAX_K]]) {
        let n_rep = self.spec.n_rep();
        for (query, scores) in self.queries.iter().zip(scores.chunks_exact_mut(n_rep)) {
            let seen = self.keys_of(query);
            if seen.start <= keys.start && keys.start + PAGE_LEN <= seen.end {
                continue;
            }
            for (i, pos) in (keys.start..keys.start + PAGE_LEN).enumerate() {
                if !seen.contains(&pos) {
                    scores.iter_mut().for_each(|scores| scores[i] = f32::NEG_INFINITY);
                }
            }
        }
    }
}

/// Rounds queries `[n_steps, n_rows]` of 32 lanes to panels of 256.
fn round_queries(
    (kernels, spec): (&Kernels, PanelSpec),
    q: &[[f32; MAX_K]],
    n_rows: usize,
    out: &mut Vec<ActivationPanel>,
) {
    const STEPS: usize = PANEL / MAX_K;
    out.clear();
    out.resize(q.len().div_ceil(STEPS * n_rows) * n_rows, ActivationPanel::default());
    for (q, out) in q.chunks(STEPS * n_rows).zip(out.chunks_exact_mut(n_rows)) {
        for (row, out) in out.iter_mut().enumerate() {
            let mut lanes = [[0.0; MAX_K]; STEPS];
            let steps = q.iter().skip(row).step_by(n_rows);
            let n_steps = steps.len();
            lanes.iter_mut().zip(steps).for_each(|(lanes, q)| *lanes = *q);
            kernels.quantize(lanes[..n_steps].as_flattened(), spec, out);
        }
    }
}
