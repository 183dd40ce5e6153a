//! Linear attention: each head folds its past into a matrix.
//!
//! ```text
//! S   = decay * S                      S is [k_dim, v_dim]
//! u   = write * (v - S^T k)            with the delta rule; without it, write * v
//! S   = S + k u^T
//! out = S^T q + skip * v
//! ```
//!
//! `step = softplus(dt + dt_bias)` says how fast time goes for a head and a token:
//! `decay = exp(a * step)`. Without the delta rule `write` is `step` too, which makes this the
//! state space model of Mamba-2 (there `k`, `q` and `v` are called B, C and x); with it, `write`
//! is the sigmoid of a number of its own, which makes it a gated delta net.
//!
//! Heads are worked on in parallel, tokens one after the other; sums run in the order of `k_dim`.
//! Computed in f32.

use super::{Run, StatePool};
use crate::team::ThreadTeam;

/// What is learned and fixed about a layer.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Number of heads.
    pub n_head: usize,
    /// How many keys and queries there are; each serves `n_head / n_group` heads.
    pub n_group: usize,
    /// Which key and query serve a head.
    pub order: HeadOrder,
    /// Width of keys and queries.
    pub k_dim: usize,
    /// Width of values.
    pub v_dim: usize,
    /// Logarithm of the decay over a step of 1, `[n_head]`, below 0.
    pub a: &'a [f32],
    /// Added to `dt`, `[n_head]`.
    pub dt_bias: &'a [f32],
    /// Share of a head's value in its output, `[n_head]`.
    pub skip: Option<&'a [f32]>,
}

/// Which group's key and query a head takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadOrder {
    /// The first `n_head / n_group` heads the first, the next the second, and so on.
    Blocks,
    /// Groups take turns: head `h` takes `h % n_group`.
    Turns,
}

/// What a batch's tokens bring.
#[derive(Clone, Copy, Debug)]
pub struct ScanInput<'a> {
    /// `[n_tokens, n_group, k_dim]`.
    pub q: &'a [f32],
    /// `[n_tokens, n_group, k_dim]`.
    pub k: &'a [f32],
    /// `[n_tokens, n_head, v_dim]`.
    pub v: &'a [f32],
    /// `[n_tokens, n_head]`.
    pub dt: &'a [f32],
    /// For the delta rule, `[n_tokens, n_head]`: its sigmoid is how much of the difference is
    /// written.
    pub beta: Option<&'a [f32]>,
}

/// See [`crate::Cpu::scan`].
pub(crate) fn scan(
    team: &ThreadTeam,
    states: &mut StatePool,
    runs: &[Run],
    (layer, input): (&Scan<'_>, &ScanInput<'_>),
    out: &mut [f32],
) {
    check(layer, input, runs, out);
    let Scan { n_head, k_dim, v_dim, .. } = *layer;
    let mut first = 0;
    let mut rest = out;
    for run in runs {
        let (out, behind) = rest.split_at_mut(run.n_tokens * n_head * v_dim);
        let state = states.slot_mut(run.slot);
        assert_eq!(state.len(), n_head * k_dim * v_dim, "scan: length of the state");
        let mut heads: Vec<Head<'_>> =
            state.chunks_exact_mut(k_dim * v_dim).map(Head::new).collect();
        for (i, out) in out.chunks_exact_mut(v_dim).enumerate() {
            heads[i % n_head].out.push(out);
        }
        let heads = heads.into_iter().enumerate().collect();
        team.run_each(heads, |(h, head): (usize, Head<'_>)| head.run(layer, input, (h, first)));
        first += run.n_tokens;
        rest = behind;
    }
}

fn check(layer: &Scan<'_>, input: &ScanInput<'_>, runs: &[Run], out: &[f32]) {
    let Scan { n_head, n_group, k_dim, v_dim, .. } = *layer;
    let n_tokens: usize = runs.iter().map(|run| run.n_tokens).sum();
    assert!(n_group > 0 && n_head.is_multiple_of(n_group), "{n_head} heads in {n_group} groups");
    for (len, width) in [
        (input.q.len(), n_group * k_dim),
        (input.k.len(), n_group * k_dim),
        (input.v.len(), n_head * v_dim),
        (out.len(), n_head * v_dim),
        (input.dt.len(), n_head),
        (input.beta.map_or(n_tokens * n_head, <[f32]>::len), n_head),
    ] {
        assert_eq!(len, n_tokens * width, "scan: {n_tokens} tokens of {width}");
    }
    for per_head in [Some(layer.a), Some(layer.dt_bias), layer.skip].into_iter().flatten() {
        assert_eq!(per_head.len(), n_head, "scan: one number per head");
    }
}

/// One head of a run.
struct Head<'a> {
    state: &'a mut [f32],
    /// For each token `[v_dim]`.
    out: Vec<&'a mut [f32]>,
}

impl<'a> Head<'a> {
    fn new(state: &'a mut [f32]) -> Self {
        Self { state, out: Vec::new() }
    }

    /// Works through the tokens, of which the first is number `first` of the batch.
    fn run(self, layer: &Scan<'_>, input: &ScanInput<'_>, (h, first): (usize, usize)) {
        let Scan { n_head, n_group, k_dim, v_dim, .. } = *layer;
        let group = match layer.order {
            HeadOrder::Blocks => h / (n_head / n_group),
            HeadOrder::Turns => h % n_group,
        };
        let mut u = vec![0.0; v_dim];
        for (token, out) in (first..).zip(self.out) {
            let key_at = (token * n_group + group) * k_dim;
            let (q, k) = (&input.q[key_at..][..k_dim], &input.k[key_at..][..k_dim]);
            let v = &input.v[(token * n_head + h) * v_dim..][..v_dim];
            let step = softplus(input.dt[token * n_head + h] + layer.dt_bias[h]);
            let decay = (layer.a[h] * step).exp();
            match input.beta {
                Some(beta) => {
                    let write = 1.0 / (1.0 + (-beta[token * n_head + h]).exp());
                    known(self.state, decay, k, &mut u);
                    u.iter_mut().zip(v).for_each(|(u, v)| *u = write * (v - *u));
                }
                None => u.iter_mut().zip(v).for_each(|(u, v)| *u = step * v),
            }
            write_and_read(self.state, decay, (k, &u), q, out);
            if let Some(skip) = layer.skip {
                out.iter_mut().zip(v).for_each(|(out, v)| *out += skip[h] * v);
            }
        }
    }
}

/// `out = (decay * S)^T k`; `state` is `[k.len(), out.len()]`.
fn known(state: &[f32], decay: f32, k: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (row, k) in state.chunks_exact(out.len()).zip(k) {
        let k = decay * k;
        out.iter_mut().zip(row).for_each(|(out, s)| *out += k * s);
    }
}

/// `S = decay * S + k u^T; out = S^T q`, in one pass over the state, which is what takes time.
fn write_and_read(
    state: &mut [f32],
    decay: f32,
    (k, u): (&[f32], &[f32]),
    q: &[f32],
    out: &mut [f32],
) {
    out.fill(0.0);
    for ((row, k), q) in state.chunks_exact_mut(u.len()).zip(k).zip(q) {
        for ((s, u), out) in row.iter_mut().zip(u).zip(out.iter_mut()) {
            *s = decay * *s + k * u;
            *out += q * *s;
        }
    }
}

/// `ln(1 + exp(x))`.
fn softplus(x: f32) -> f32 {
    // Beyond this the two are the same number.
    if x > 20.0 { x } else { x.exp().ln_1p() }
}
