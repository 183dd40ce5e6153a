//! The tokens that may still be chosen, and the ways to have fewer of them.
//!
//! A vocabulary has hundreds of thousands of tokens and a handful of likely ones, so nothing here
//! sorts all of them unless a stage needs it. Logits are adjusted in place; [`Candidates::select`]
//! makes candidates of the best `k` in one pass, or of all, and [`Candidates::select_nucleus`] of
//! those that may be in a nucleus. The order of falling logits, equals by rising id, is made from
//! the front as far as somebody looks ([`Candidates::order_first`]); where only a sum is looked for,
//! not even that ([`Candidates::reach`]). Every stage leaves at least one candidate. All memory is
//! kept from token to token.

use std::cmp::Ordering;

use camelid_kernels::Kernels;

use crate::batch::TokenId;

/// A token that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: TokenId,
    pub(super) logit: f32,
    /// Filled in by [`Candidates::softmax`].
    pub(super) p: f32,
}

/// The tokens left.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Logits by id, as adjusted: `[n_vocab]`.
    logits: Vec<f32>,
    kept: Vec<Candidate>,
    /// How many of `kept` stand in order; none of the others belongs before them.
    n_ordered: usize,
    curvature: Vec<f32>,
}

/// Logits that are compared with a bar at once.
const CHUNK: usize = 32;

/// Candidates that are rather sorted than divided.
const FEW: usize = 128;

/// How far, in logits, the bound of a nucleus may be off by rounding.
const BOUND_SLACK: f64 = 1e-3;

/// Whether any logit exceeds a bar; what is no number does not. Without a branch, so that it is done
/// for many lanes at a time.
fn any_above(logits: &[f32], bar: f32) -> bool {
    logits.iter().fold(false, |any, &x| any | (x > bar))
}

fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

impl Candidates {
    /// Takes the logits by id, to be adjusted.
    pub(super) fn load(&mut self, logits: &[f32]) {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
    }

    /// The logit of a token.
    pub(super) fn logit_mut(&mut self, id: TokenId) -> Option<&mut f32> {
        self.logits.get_mut(id as usize)
    }

    #[cfg(test)]
    pub(super) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The first of the largest; `None` if no logit is a finite number.
    pub(super) fn greedy(&self) -> Option<TokenId> {
        let (mut best, mut max) = (None, f32::NEG_INFINITY);
        for (ids, chunk) in (0..).step_by(CHUNK).zip(self.logits.chunks(CHUNK)) {
            if !any_above(chunk, max) {
                continue;
            }
            for (id, &x) in (ids..).zip(chunk) {
                if x > max && x < f32::INFINITY {
                    (best, max) = (Some(id), x);
                }
            }
        }
        best
    }

    /// Makes candidates of the `k` best; 0 takes all that are possible.
    pub(super) fn select(&mut self, k: usize) {
        self.kept.clear();
        self.n_ordered = 0;
        if 0 < k && k < self.logits.len() {
            self.select_best(k);
        } else {
            let candidates = (0..).zip(&self.logits).map(candidate);
            self.kept.extend(candidates.filter(|c| c.logit > f32::NEG_INFINITY));
        }
        self.order_first(1);
    }

    /// Makes candidates of those that [`top_p`](Self::top_p) and [`min_p`](Self::min_p) leave of all.
    ///
    /// A token is in a nucleus only if those that are no likelier, `n_vocab` at most, have more
    /// than `1 - top_p` together: with the sum of all weights, from one pass, that is a bar for
    /// logits. `min_p` is another. What is above both is looked at closely.
    pub(super) fn select_nucleus(&mut self, top_p: f32, min_p: f32) {
        let max = self.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !max.is_finite() || (top_p >= 1.0 && min_p <= 0.0) {
            return self.select(0);
        }
        let mut bar = if min_p > 0.0 { max + min_p.min(1.0).ln() } else { f32::NEG_INFINITY };
        let sum = if top_p < 1.0 { self.weight_above(max) } else { f64::INFINITY };
        if top_p < 1.0 {
            let rest = (1.0 - f64::from(top_p.max(0.0))) * sum / self.logits.len() as f64;
            bar = bar.max((f64::from(max) + rest.ln() - BOUND_SLACK) as f32);
        }
        self.select_from(bar);
        if top_p < 1.0 {
            for c in &mut self.kept {
                c.p = (f64::from((c.logit - max).exp()) / sum) as f32;
            }
            self.keep_sum(top_p, best_first);
        }
        self.min_p(min_p);
    }

    /// The sum of all `exp(logit - max)`.
    fn weight_above(&self, max: f32) -> f64 {
        let kernels = Kernels::detect();
        let mut weights = [0.0; 1024];
        let sums = self.logits.chunks(weights.len()).map(|logits| {
            let weights = &mut weights[..logits.len()];
            for (weight, &x) in weights.iter_mut().zip(logits) {
                *weight = if x.is_nan() { f32::NEG_INFINITY } else { x };
            }
            f64::from(kernels.exp_sum(weights, max))
        });
        sums.sum()
    }

    /// Makes candidates of those whose logit is at least `bar`, a finite number.
    fn select_from(&mut self, bar: f32) {
        self.kept.clear();
        self.n_ordered = 0;
        let below = bar.next_down();
        for (ids, chunk) in (0..).step_by(CHUNK).zip(self.logits.chunks(CHUNK)) {
            if any_above(chunk, below) {
                self.kept.extend((ids..).zip(chunk).filter(|(_, x)| **x > below).map(candidate));
            }
        }
    }

    /// One pass with a bar that rises: what does not exceed the worst of `k` others is out.
    fn select_best(&mut self, k: usize) {
        let max_len = 2 * k.max(CHUNK) + CHUNK;
        let mut bar = f32::NEG_INFINITY;
        for (ids, chunk) in (0..).step_by(CHUNK).zip(self.logits.chunks(CHUNK)) {
            if !any_above(chunk, bar) {
                continue;
            }
            self.kept.extend((ids..).zip(chunk).filter(|(_, x)| **x > bar).map(candidate));
            if self.kept.len() + CHUNK > max_len {
                self.kept.select_nth_unstable_by(k - 1, best_first);
                self.kept.truncate(k);
                bar = self.kept[k - 1].logit;
            }
        }
        self.kept.sort_unstable_by(best_first);
        self.kept.truncate(k);
        self.n_ordered = self.kept.len();
    }

    /// Brings the `n` best to the front, best first.
    pub(super) fn order_first(&mut self, n: usize) {
        let n = n.min(self.kept.len());
        if n <= self.n_ordered {
            return;
        }
        // Some more than was asked for: who asks for one more will ask for the next.
        let n = (n.max(64) * 2).min(self.kept.len());
        let rest = &mut self.kept[self.n_ordered..];
        let n_new = n - self.n_ordered;
        if n_new < rest.len() {
            rest.select_nth_unstable_by(n_new, best_first);
        }
        rest[..n_new].sort_unstable_by(best_first);
        self.n_ordered = n;
    }

    /// How many candidates, from the front of an order, have probabilities that reach `sum`;
    /// `None` if all together do not. So many are brought to the front then, the last of them last.
    ///
    /// What cannot hold the place is not sorted: a piece is divided in two, and the sum of its
    /// front tells in which part to go on. The first pieces are small, since most sums are reached
    /// soon.
    fn reach(
        &mut self,
        sum: f32,
        mut order: impl FnMut(&Candidate, &Candidate) -> Ordering,
    ) -> Option<usize> {
        let (mut start, mut end) = (0, self.kept.len());
        let mut reached = 0.0;
        let mut is_bounded = false;
        while end - start > FEW {
            let n = if is_bounded { (end - start) / 2 } else { (8 * start).max(FEW) };
            let piece = &mut self.kept[start..end];
            if n < piece.len() {
                piece.select_nth_unstable_by(n, &mut order);
            }
            let n = n.min(piece.len());
            let front: f32 = piece[..n].iter().map(|c| c.p).sum();
            if reached + front >= sum {
                end = start + n;
                is_bounded = true;
            } else {
                reached += front;
                start += n;
            }
            self.n_ordered = 0;
        }
        let piece = &mut self.kept[start..end];
        piece.sort_unstable_by(order);
        let n = piece.iter().position(|c| {
            reached += c.p;
            reached >= sum
        });
        n.map(|n| start + n + 1)
    }

    /// Number of candidates.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The `n` best, best first; fewer if there are not so many.
    pub(super) fn best(&mut self, n: usize) -> &[Candidate] {
        self.order_first(n);
        &self.kept[..n.min(self.kept.len())]
    }

    /// Candidates in any order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.kept.iter()
    }

    /// Fills in the probabilities of what is left, at temperature `t`; answers the sum of all weights,
    /// the best one's being 1.
    pub(super) fn softmax(&mut self, t: f32) -> f32 {
        self.order_first(1);
        let max = self.kept[0].logit;
        let mut sum = 0.0;
        for c in &mut self.kept {
            c.p = ((c.logit - max) / t).exp();
            sum += c.p;
        }
        for c in &mut self.kept {
            c.p /= sum;
        }
        sum
    }

    /// Fills in the probabilities at temperature 1; answers the expected surprise in nats, and the
    /// logit of a token that has just that.
    pub(super) fn entropy(&mut self) -> (f32, f32) {
        let sum = self.softmax(1.0);
        let max = self.kept[0].logit;
        let mean = max + self.iter().map(|c| c.p * (c.logit - max)).sum::<f32>();
        // A token's surprise is the logarithm of the sum of all weights less its logit.
        (max + sum.ln() - mean, mean)
    }

    /// Tail-free: drops what lies behind `z` of the curvature of the sorted probabilities.
    pub(super) fn tail_free(&mut self, z: f32) {
        if z >= 1.0 || self.len() <= 2 {
            return;
        }
        self.order_first(self.len());
        self.softmax(1.0);
        let slope = |w: &[Candidate]| w[0].p - w[1].p;
        self.curvature.clear();
        self.curvature.extend(self.kept.windows(3).map(|w| (slope(w) - slope(&w[1..])).abs()));
        let sum: f32 = self.curvature.iter().sum();
        let even = 1.0 / self.curvature.len() as f32;
        let share = |c: f32| if sum > 1e-6 { c / sum } else { even };
        let mut reached = 0.0;
        let n_keep = self.curvature.iter().position(|&c| {
            reached += share(c);
            reached > z
        });
        self.keep_first(n_keep.unwrap_or(self.len()));
    }

    /// Locally typical: keeps those whose surprise is nearest the expected, up to the sum `p`.
    pub(super) fn typical(&mut self, p: f32) {
        if p >= 1.0 {
            return;
        }
        let (_, expected) = self.entropy();
        let distance = |c: &Candidate| (c.logit - expected).abs();
        self.keep_sum(p, |a, b| distance(a).total_cmp(&distance(b)).then(best_first(a, b)));
    }

    /// Nucleus: keeps the fewest that reach the sum `p`.
    pub(super) fn top_p(&mut self, p: f32) {
        if p < 1.0 {
            self.softmax(1.0);
            self.keep_sum(p, best_first);
        }
    }

    /// Keeps candidates in an order until their probabilities reach `sum`; at least one.
    fn keep_sum(&mut self, sum: f32, order: impl FnMut(&Candidate, &Candidate) -> Ordering) {
        let n = self.reach(sum, order).unwrap_or(self.len());
        self.kept.truncate(n);
        self.n_ordered = 0;
    }

    /// Keeps those at least the fraction `p` as probable as the best.
    pub(super) fn min_p(&mut self, p: f32) {
        if p > 0.0 {
            self.order_first(1);
            // A ratio of probabilities is a difference of logits. At most 1 keeps the best.
            let least = self.kept[0].logit + p.min(1.0).ln();
            self.n_ordered = self.kept[..self.n_ordered].partition_point(|c| c.logit >= least);
            self.kept.retain(|c| c.logit >= least);
        }
    }

    /// Excludes top choices: of those at least `threshold` probable, keeps only the least.
    pub(super) fn exclude_top(&mut self, threshold: f32) {
        self.softmax(1.0);
        let n_top = self.iter().filter(|c| c.p >= threshold).count();
        if n_top >= 2 {
            self.order_first(n_top);
            self.kept.drain(..n_top - 1);
            self.n_ordered -= n_top - 1;
        }
    }

    /// Keeps the `n` best; at least one.
    pub(super) fn keep_first(&mut self, n: usize) {
        self.order_first(n.max(1));
        self.truncate(n.max(1));
    }

    fn truncate(&mut self, n: usize) {
        self.kept.truncate(n);
        self.n_ordered = self.n_ordered.min(n);
    }

    /// The place at which the probabilities, summed best first, reach `x` in `0..1`. Needs
    /// probabilities.
    pub(super) fn at(&mut self, x: f32) -> Candidate {
        match self.reach(x, best_first) {
            Some(n) => self.kept[n - 1],
            // The probabilities sum to a little under 1 by rounding: the best one has most of it.
            None => {
                self.order_first(1);
                self.kept[0]
            }
        }
    }
}

/// A candidate without a probability; what is no number counts as impossible.
fn candidate((id, &x): (TokenId, &f32)) -> Candidate {
    Candidate { id, logit: if x.is_nan() { f32::NEG_INFINITY } else { x }, p: 0.0 }
}
