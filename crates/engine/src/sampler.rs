//! From logits to a token.
//!
//! The stages run in this order, each on what the one before left: repetition, frequency and
//! presence penalties; top-k; typical-p; top-p; min-p; temperature; a draw. At temperature 0 the
//! token with the largest logit after penalties is taken, and the first of equals.
//!
//! The draw uses xoshiro256++ seeded by `seed_from_u64`, one 53-bit number per token, so the same
//! seed gives the same text whatever else runs in the batch. Probabilities are summed in f32 in
//! order of falling logit, ties in order of rising token id.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    batch::TokenId,
    error::{Error, Result},
};

/// How to choose a token. [`Default`] is greedy with every other stage off.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SamplerOptions {
    /// Divides the logits; 0 takes the largest.
    pub temperature: f32,
    /// Keeps the `top_k` largest logits; 0 keeps all.
    pub top_k: usize,
    /// Keeps the fewest tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens at least this fraction as probable as the most probable; 0 keeps all.
    pub min_p: f32,
    /// Keeps the tokens whose surprise is nearest the expected, up to this sum; 1 keeps all.
    pub typical_p: f32,
    /// How many of the latest tokens the penalties look at.
    pub repeat_last_n: usize,
    /// Divides positive and multiplies negative logits of tokens seen; 1 is off.
    pub repeat_penalty: f32,
    /// Subtracted for each time a token was seen.
    pub frequency_penalty: f32,
    /// Subtracted once if a token was seen.
    pub presence_penalty: f32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            repeat_last_n: 64,
            repeat_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: 0,
        }
    }
}

impl SamplerOptions {
    /// Checks what no stage could work with.
    ///
    /// # Errors
    /// [`Error::Option`] for a number that is not finite, a negative temperature, or a repeat
    /// penalty that is not positive. Probabilities outside 0..=1 are not errors: they switch
    /// their stage off or leave one token.
    pub fn validate(&self) -> Result<()> {
        let numbers = [
            ("temperature", self.temperature),
            ("top_p", self.top_p),
            ("min_p", self.min_p),
            ("typical_p", self.typical_p),
            ("repeat_penalty", self.repeat_penalty),
            ("frequency_penalty", self.frequency_penalty),
            ("presence_penalty", self.presence_penalty),
        ];
        let refuse = |name, found: f32, allowed: &str| {
            Err(Error::Option { name, found: found.to_string(), allowed: allowed.to_owned() })
        };
        if let Some(&(name, found)) = numbers.iter().find(|(_, x)| !x.is_finite()) {
            return refuse(name, found, "a finite number");
        }
        if self.temperature < 0.0 {
            return refuse("temperature", self.temperature, "0 or more");
        }
        if self.repeat_penalty <= 0.0 {
            return refuse("repeat_penalty", self.repeat_penalty, "more than 0");
        }
        Ok(())
    }

    fn penalises(&self) -> bool {
        self.repeat_last_n > 0
            && (self.repeat_penalty != 1.0
                || self.frequency_penalty != 0.0
                || self.presence_penalty != 0.0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    id: TokenId,
    logit: f32,
    p: f32,
}

/// Chooses the tokens of one sequence. Keeps its memory between tokens.
#[derive(Debug)]
pub struct Sampler {
    options: SamplerOptions,
    rng: Xoshiro256PlusPlus,
    candidates: Vec<Candidate>,
}

impl Sampler {
    /// A sampler at the start of its random sequence.
    ///
    /// # Errors
    /// As [`SamplerOptions::validate`].
    pub fn new(options: SamplerOptions) -> Result<Self> {
        options.validate()?;
        let rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
        Ok(Self { options, rng, candidates: Vec::new() })
    }

    /// Chooses the token that follows `history`, or `None` if no logit is a number to choose by.
    ///
    /// Shapes: `logits` is `[n_vocab]`. Tokens of `history` outside it are not penalised.
    pub fn sample(&mut self, logits: &[f32], history: &[TokenId]) -> Option<TokenId> {
        self.load(logits);
        if self.options.penalises() {
            self.penalise(history);
        }
        if self.options.temperature == 0.0 {
            return self.greedy();
        }
        self.sort_top_k();
        if !self.candidates.first()?.logit.is_finite() {
            return None;
        }
        self.typical();
        self.top_p();
        self.min_p();
        Some(self.draw())
    }

    /// All logits; those that are not numbers count as impossible.
    fn load(&mut self, logits: &[f32]) {
        let impossible_if_nan = |x: f32| if x.is_nan() { f32::NEG_INFINITY } else { x };
        self.candidates.clear();
        self.candidates.extend((0..).zip(logits).map(|(id, &x)| Candidate {
            id,
            logit: impossible_if_nan(x),
            p: 0.0,
        }));
    }

    /// Runs before any reordering, while a candidate's index is its id.
    fn penalise(&mut self, history: &[TokenId]) {
        let o = &self.options;
        let mut recent = history[history.len().saturating_sub(o.repeat_last_n)..].to_vec();
        recent.sort_unstable();
        for same in recent.chunk_by(|a, b| a == b) {
            let Some(candidate) = self.candidates.get_mut(same[0] as usize) else { continue };
            let logit = candidate.logit;
            let repeated =
                if logit > 0.0 { logit / o.repeat_penalty } else { logit * o.repeat_penalty };
            let n_seen = same.len() as f32;
            candidate.logit = repeated - n_seen * o.frequency_penalty - o.presence_penalty;
        }
    }

    fn greedy(&self) -> Option<TokenId> {
        let mut best: Option<Candidate> = None;
        for &c in &self.candidates {
            if c.logit.is_finite() && best.is_none_or(|b| c.logit > b.logit) {
                best = Some(c);
            }
        }
        best.map(|c| c.id)
    }

    /// Leaves the `top_k` best, best first. Selects before it sorts: a vocabulary is long.
    fn sort_top_k(&mut self) {
        let best_first =
            |a: &Candidate, b: &Candidate| b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id));
        let k = self.options.top_k;
        if 0 < k && k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(k - 1, best_first);
            self.candidates.truncate(k);
        }
        self.candidates.sort_unstable_by(best_first);
    }

    /// Fills in the probabilities of what is left, at temperature `t`. Needs falling logits.
    fn softmax(&mut self, t: f32) {
        let max = self.candidates[0].logit;
        let mut sum = 0.0;
        for c in &mut self.candidates {
            c.p = ((c.logit - max) / t).exp();
            sum += c.p;
        }
        for c in &mut self.candidates {
            c.p /= sum;
        }
    }

    fn typical(&mut self) {
        if self.options.typical_p >= 1.0 {
            return;
        }
        self.softmax(1.0);
        let plogp = |p: f32| if p > 0.0 { p * p.ln() } else { 0.0 };
        let entropy = -self.candidates.iter().map(|c| plogp(c.p)).sum::<f32>();
        let distance = |c: &Candidate| (-c.p.ln() - entropy).abs();
        self.candidates.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        self.keep_sum(self.options.typical_p);
        self.candidates.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id)));
    }

    fn top_p(&mut self) {
        if self.options.top_p < 1.0 {
            self.softmax(1.0);
            self.keep_sum(self.options.top_p);
        }
    }

    /// Keeps candidates in their order until their probabilities reach `sum`; at least one.
    fn keep_sum(&mut self, sum: f32) {
        let mut reached = 0.0;
        let enough = self.candidates.iter().position(|c| {
            reached += c.p;
            reached >= sum
        });
        if let Some(last) = enough {
            self.candidates.truncate(last + 1);
        }
    }

    fn min_p(&mut self) {
        if self.options.min_p > 0.0 {
            // A ratio of probabilities is a difference of logits. At most 1 keeps the best.
            let least = self.candidates[0].logit + self.options.min_p.min(1.0).ln();
            self.candidates.retain(|c| c.logit >= least);
        }
    }

    fn draw(&mut self) -> TokenId {
        self.softmax(self.options.temperature);
        let mut left = unit_interval(self.rng.next_u64());
        for c in &self.candidates {
            left -= c.p;
            if left < 0.0 {
                return c.id;
            }
        }
        // The probabilities sum to a little under 1 by rounding: the first is the likeliest.
        self.candidates[0].id
    }
}

/// The upper 53 bits as a number in `0..1`, rounded to f32 but kept below 1.
fn unit_interval(bits: u64) -> f32 {
    let x = (bits >> 11) as f64 / (1u64 << 53) as f64;
    (x as f32).min(1.0 - f32::EPSILON / 2.0)
}

#[cfg(test)]
mod tests;
