//! The tokens that may still be chosen, and the ways to have fewer of them.
//!
//! Every way but [`Candidates::load`] and [`Candidates::greedy`] expects and keeps the order of
//! falling logits, equals by rising id, and leaves at least one candidate.

use crate::batch::TokenId;

/// A token that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: TokenId,
    pub(super) logit: f32,
    /// Filled in by [`Candidates::softmax`].
    pub(super) p: f32,
}

/// The tokens left. Keeps its memory between tokens.
#[derive(Debug, Default)]
pub(super) struct Candidates(Vec<Candidate>);

fn best_first(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

impl Candidates {
    /// All logits by id; those that are not numbers count as impossible.
    pub(super) fn load(&mut self, logits: &[f32]) {
        let impossible_if_nan = |x: f32| if x.is_nan() { f32::NEG_INFINITY } else { x };
        self.0.clear();
        self.0.extend((0..).zip(logits).map(|(id, &x)| Candidate {
            id,
            logit: impossible_if_nan(x),
            p: 0.0,
        }));
    }

    /// The logit of a token, as long as nothing has been reordered.
    pub(super) fn logit_mut(&mut self, id: TokenId) -> Option<&mut f32> {
        self.0.get_mut(id as usize).map(|candidate| &mut candidate.logit)
    }

    /// The first of the largest, in any order; `None` if no logit is a finite number.
    pub(super) fn greedy(&self) -> Option<TokenId> {
        let finite = self.0.iter().filter(|c| c.logit.is_finite());
        finite.min_by(|a, b| best_first(a, b)).map(|c| c.id)
    }

    /// Leaves the `k` best, best first; 0 keeps all. Selects before it sorts: a vocabulary is long.
    pub(super) fn sort_top_k(&mut self, k: usize) {
        if 0 < k && k < self.0.len() {
            self.0.select_nth_unstable_by(k - 1, best_first);
            self.0.truncate(k);
        }
        self.0.sort_unstable_by(best_first);
    }

    pub(super) fn as_slice(&self) -> &[Candidate] {
        &self.0
    }

    /// Fills in the probabilities of what is left, at temperature `t`.
    pub(super) fn softmax(&mut self, t: f32) {
        let max = self.0[0].logit;
        let mut sum = 0.0;
        for c in &mut self.0 {
            c.p = ((c.logit - max) / t).exp();
            sum += c.p;
        }
        for c in &mut self.0 {
            c.p /= sum;
        }
    }

    /// The expected surprise in nats. Needs probabilities.
    pub(super) fn entropy(&self) -> f32 {
        -self.0.iter().filter(|c| c.p > 0.0).map(|c| c.p * c.p.ln()).sum::<f32>()
    }

    /// Tail-free: drops what lies behind `z` of the curvature of the sorted probabilities.
    pub(super) fn tail_free(&mut self, z: f32) {
        if z >= 1.0 || self.0.len() <= 2 {
            return;
        }
        self.softmax(1.0);
        let slopes: Vec<f32> = self.0.windows(2).map(|w| w[0].p - w[1].p).collect();
        let mut curvature: Vec<f32> = slopes.windows(2).map(|w| (w[0] - w[1]).abs()).collect();
        let sum: f32 = curvature.iter().sum();
        let even = 1.0 / curvature.len() as f32;
        curvature.iter_mut().for_each(|c| *c = if sum > 1e-6 { *c / sum } else { even });
        let mut reached = 0.0;
        let n_keep = curvature.iter().position(|c| {
            reached += c;
            reached > z
        });
        self.0.truncate(n_keep.unwrap_or(self.0.len()).max(1));
    }

    /// Locally typical: keeps those whose surprise is nearest the expected, up to the sum `p`.
    pub(super) fn typical(&mut self, p: f32) {
        if p >= 1.0 {
            return;
        }
        self.softmax(1.0);
        let entropy = self.entropy();
        let distance = |c: &Candidate| (-c.p.ln() - entropy).abs();
        self.0.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        self.keep_sum(p);
        self.0.sort_unstable_by(best_first);
    }

    /// Nucleus: keeps the fewest that reach the sum `p`.
    pub(super) fn top_p(&mut self, p: f32) {
        if p < 1.0 {
            self.softmax(1.0);
            self.keep_sum(p);
        }
    }

    /// Keeps candidates in their order until their probabilities reach `sum`; at least one.
    fn keep_sum(&mut self, sum: f32) {
        let mut reached = 0.0;
        let enough = self.0.iter().position(|c| {
            reached += c.p;
            reached >= sum
        });
        if let Some(last) = enough {
            self.0.truncate(last + 1);
        }
    }

    /// Keeps those at least the fraction `p` as probable as the best.
    pub(super) fn min_p(&mut self, p: f32) {
        if p > 0.0 {
            // A ratio of probabilities is a difference of logits. At most 1 keeps the best.
            let least = self.0[0].logit + p.min(1.0).ln();
            self.0.retain(|c| c.logit >= least);
        }
    }

    /// Excludes top choices: of those at least `threshold` probable, keeps only the least.
    pub(super) fn exclude_top(&mut self, threshold: f32) {
        self.softmax(1.0);
        let n_top = self.0.iter().take_while(|c| c.p >= threshold).count();
        if n_top >= 2 {
            self.0.drain(..n_top - 1);
        }
    }

    /// Keeps the `n` best; at least one.
    pub(super) fn keep_first(&mut self, n: usize) {
        self.0.truncate(n.max(1));
    }

    /// The place at which the probabilities, summed in order, exceed `x` in `0..1`. Needs
    /// probabilities.
    pub(super) fn at(&self, mut x: f32) -> Candidate {
        for c in &self.0 {
            x -= c.p;
            if x < 0.0 {
                return *c;
            }
        }
        // The probabilities sum to a little under 1 by rounding: the first is the likeliest.
        self.0[0]
    }
}
