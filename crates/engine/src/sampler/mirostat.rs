//! Mirostat: keeps the surprise of a text near a target by feedback.
//!
//! Source: Basu et al., "Mirostat: A Neural Text Decoding Algorithm that Directly Controls
//! Perplexity" (2021), algorithms 1 and 2. Surprise is in bits.

use super::candidates::Candidates;

/// Candidates from which version 1 estimates the exponent of Zipf's law.
const N_ESTIMATE: usize = 100;

/// Which algorithm, and its target.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MirostatOptions {
    /// Version 1 or 2.
    pub version: MirostatVersion,
    /// The surprise to keep to, in bits.
    pub tau: f32,
    /// How much of the error is corrected at each token.
    pub eta: f32,
}

/// The two published forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirostatVersion {
    /// Chooses how many of the best to keep, by an estimate of Zipf's law.
    V1,
    /// Keeps those whose surprise is at most the bound.
    V2,
}

impl MirostatOptions {
    /// The usual target: 5 bits, a tenth of the error.
    #[must_use]
    pub fn new(version: MirostatVersion) -> Self {
        Self { version, tau: 5.0, eta: 0.1 }
    }
}

/// The feedback of one sequence.
#[derive(Debug, Clone)]
pub(super) struct Mirostat {
    options: MirostatOptions,
    /// The bound on surprise, in bits; begins at twice the target.
    mu: f32,
}

impl Mirostat {
    pub(super) fn new(options: MirostatOptions) -> Self {
        Self { options, mu: 2.0 * options.tau }
    }

    /// Drops what is too surprising. Needs the probabilities; leaves them to be made anew.
    pub(super) fn truncate(&self, candidates: &mut Candidates) {
        let n = match self.options.version {
            MirostatVersion::V1 => self.n_keep_v1(candidates),
            MirostatVersion::V2 => {
                let is_expected = |p: f32| -p.log2() <= self.mu;
                candidates.iter().filter(|c| is_expected(c.p)).count()
            }
        };
        candidates.keep_first(n);
    }

    fn n_keep_v1(&self, candidates: &mut Candidates) -> usize {
        let n_all = candidates.len();
        let sorted = candidates.best(N_ESTIMATE);
        // Slope of the logarithms of probability over rank, least squares through the origin.
        let (mut num, mut den) = (0.0f32, 0.0f32);
        for (i, pair) in sorted.windows(2).enumerate() {
            let t = ((i + 2) as f32 / (i + 1) as f32).ln();
            let b = (pair[0].p / pair[1].p).ln();
            if b.is_finite() {
                num += t * b;
                den += t * t;
            }
        }
        let s = if den > 0.0 { num / den } else { 1.0 };
        let eps = s - 1.0;
        let n = n_all as f32;
        let k = ((eps * self.mu.exp2()) / (1.0 - n.powf(-eps))).powf(1.0 / s);
        if k.is_finite() { k.max(1.0) as usize } else { n_all }
    }

    /// Notes the probability of the choice.
    pub(super) fn observe(&mut self, p: f32) {
        let surprise = -p.max(f32::MIN_POSITIVE).log2();
        self.mu -= self.options.eta * (surprise - self.options.tau);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(probabilities: &[f32]) -> Candidates {
        let mut candidates = Candidates::default();
        candidates.load(&probabilities.iter().map(|p| p.ln()).collect::<Vec<_>>());
        candidates.select(0);
        candidates.softmax(1.0);
        candidates
    }

    #[test]
    fn version_2_keeps_what_is_not_too_surprising() {
        let mut options = MirostatOptions::new(MirostatVersion::V2);
        options.tau = 1.0; // the bound begins at 2 bits
        let mut c = candidates(&[0.5, 0.25, 0.15, 0.1]);
        Mirostat::new(options).truncate(&mut c);
        assert_eq!(c.len(), 2);
    }

    #[test]
    fn the_best_is_never_dropped() {
        for version in [MirostatVersion::V1, MirostatVersion::V2] {
            let mut mirostat = Mirostat::new(MirostatOptions::new(version));
            mirostat.mu = -50.0;
            let mut c = candidates(&[0.5, 0.3, 0.2]);
            mirostat.truncate(&mut c);
            assert_eq!(c.len(), 1);
        }
    }

    #[test]
    fn the_bound_follows_the_error() {
        let mut mirostat = Mirostat::new(MirostatOptions::new(MirostatVersion::V2));
        mirostat.observe(0.5); // 1 bit, 4 below the target
        assert!((mirostat.mu - 10.4).abs() < 1e-5);
        mirostat.observe(2f32.powi(-9)); // 4 above
        assert!((mirostat.mu - 10.0).abs() < 1e-5);
    }

    /// With Zipf probabilities p(k) ~ 1/k^s the estimate is s itself, and the number kept is what
    /// the paper's formula gives.
    #[test]
    fn version_1_reads_zipfs_law() {
        let s = 1.5f32;
        let weights: Vec<f32> = (1..=1000).map(|k| (k as f32).powf(-s)).collect();
        let mut options = MirostatOptions::new(MirostatVersion::V1);
        options.tau = 2.0;
        let mirostat = Mirostat::new(options);
        let n = mirostat.n_keep_v1(&mut candidates(&weights));
        let want = ((0.5 * 16.0) / (1.0 - 1000f32.powf(-0.5))).powf(1.0 / s);
        assert!((n as f32 - want).abs() <= 1.0, "{n} against {want}");
    }
}
