//! From logits to a token.
//!
//! The stages run in this order, each on what the one before left: logit bias; repetition,
//! frequency and presence penalties; DRY; top-k; tail-free; typical-p; top-p; min-p; XTC;
//! temperature, fixed or by entropy; a draw. Mirostat takes the place of everything between top-k
//! and the draw. At temperature 0 the token with the largest logit after the penalties is taken,
//! and the first of equals.
//!
//! Draws use xoshiro256++ seeded by `seed_from_u64`, one 53-bit number per token and one more where
//! XTC is on, so the same seed gives the same text whatever else runs in the batch. A draw walks the
//! probabilities in order of falling logit, ties in order of rising token id.
//!
//! Choosing from 128,000 tokens takes a copy of the logits and one pass over them, or a few where
//! there is no top-k, then work on what is left; nothing is allocated after the first token. Without
//! top-k, tail-free and typical-p make candidates of all tokens and take milliseconds.

mod candidates;
mod mirostat;
mod penalties;

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    batch::TokenId,
    error::{Error, Result},
};
use candidates::Candidates;
use mirostat::Mirostat;
use penalties::Penalties;

pub use mirostat::{MirostatOptions, MirostatVersion};

/// How to choose a token. [`Default`] is greedy with every other stage off.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SamplerOptions {
    /// Divides the logits; 0 takes the largest.
    pub temperature: f32,
    /// Keeps the `top_k` largest logits; 0 keeps all.
    pub top_k: usize,
    /// Half the range of a temperature that follows the entropy; 0 keeps it fixed.
    pub temperature_range: f32,
    /// How the temperature follows: the normalised entropy to this power.
    pub temperature_exponent: f32,
    /// Drops the tail behind this share of the curvature of the probabilities; 1 keeps all.
    pub tfs_z: f32,
    /// Keeps the fewest tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens at least this fraction as probable as the most probable; 0 keeps all.
    pub min_p: f32,
    /// Keeps the tokens whose surprise is nearest the expected, up to this sum; 1 keeps all.
    pub typical_p: f32,
    /// How often the likeliest of several good choices are excluded; 0 never.
    pub xtc_probability: f32,
    /// What counts as a good choice for that.
    pub xtc_threshold: f32,
    /// Keeps the surprise near a target, in place of the other ways to have fewer tokens.
    pub mirostat: Option<MirostatOptions>,
    /// Added to the logits of some tokens.
    pub logit_bias: Vec<(TokenId, f32)>,
    /// Against repeating sequences.
    pub dry: DryOptions,
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
            temperature_range: 0.0,
            temperature_exponent: 1.0,
            tfs_z: 1.0,
            xtc_probability: 0.0,
            xtc_threshold: 0.1,
            mirostat: None,
            logit_bias: Vec::new(),
            dry: DryOptions::default(),
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

/// "Don't repeat yourself": a penalty of `multiplier * base ^ (length - allowed_len)` on the token
/// that would lengthen a repetition. [`Default`] is off.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DryOptions {
    /// 0 switches it off.
    pub multiplier: f32,
    /// How steeply the penalty grows.
    pub base: f32,
    /// Repetitions up to this length are free.
    pub allowed_len: usize,
    /// How many of the latest tokens are looked at.
    pub last_n: usize,
    /// Tokens that no repetition reaches across.
    pub breakers: Vec<TokenId>,
}

impl Default for DryOptions {
    fn default() -> Self {
        let last_n = usize::MAX;
        Self { multiplier: 0.0, base: 1.75, allowed_len: 2, last_n, breakers: Vec::new() }
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
        let mirostat = self.mirostat.unwrap_or(MirostatOptions::new(MirostatVersion::V2));
        let numbers = [
            ("temperature", self.temperature),
            ("temperature_range", self.temperature_range),
            ("temperature_exponent", self.temperature_exponent),
            ("tfs_z", self.tfs_z),
            ("xtc_probability", self.xtc_probability),
            ("xtc_threshold", self.xtc_threshold),
            ("mirostat.tau", mirostat.tau),
            ("mirostat.eta", mirostat.eta),
            ("dry.multiplier", self.dry.multiplier),
            ("dry.base", self.dry.base),
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
}

impl SamplerOptions {
    /// Whether nothing but a nucleus and the least probability choose among all tokens.
    fn keeps_a_nucleus(&self) -> bool {
        self.top_k == 0 && self.tfs_z >= 1.0 && self.typical_p >= 1.0 && self.mirostat.is_none()
    }
}

/// Chooses the tokens of one sequence. Keeps its memory between tokens.
#[derive(Debug)]
pub struct Sampler {
    options: SamplerOptions,
    rng: Xoshiro256PlusPlus,
    mirostat: Option<Mirostat>,
    candidates: Candidates,
    penalties: Penalties,
}

impl Sampler {
    /// A sampler at the start of its random sequence.
    ///
    /// # Errors
    /// As [`SamplerOptions::validate`].
    pub fn new(options: SamplerOptions) -> Result<Self> {
        options.validate()?;
        let rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
        let mirostat = options.mirostat.map(Mirostat::new);
        let (candidates, penalties) = (Candidates::default(), Penalties::default());
        Ok(Self { options, rng, mirostat, candidates, penalties })
    }

    /// A sampler with the same options that goes on with the same random numbers.
    pub(crate) fn fork(&self) -> Self {
        let (options, rng, mirostat) =
            (self.options.clone(), self.rng.clone(), self.mirostat.clone());
        let (candidates, penalties) = (Candidates::default(), Penalties::default());
        Self { options, rng, mirostat, candidates, penalties }
    }

    /// Goes on as a sampler with the same options will.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.rng.clone_from(&other.rng);
        self.mirostat.clone_from(&other.mirostat);
    }

    /// Chooses the token that follows `history`, or `None` if no logit is a number to choose by.
    ///
    /// Shapes: `logits` is `[n_vocab]`. Tokens of `history` outside it are not penalised.
    pub fn sample(&mut self, logits: &[f32], history: &[TokenId]) -> Option<TokenId> {
        let Self { options: o, candidates, penalties, .. } = self;
        candidates.load(logits);
        for &(id, bias) in &o.logit_bias {
            candidates.logit_mut(id).into_iter().for_each(|logit| *logit += bias);
        }
        penalties.repetition(candidates, o, history);
        penalties.dry(candidates, &o.dry, history);
        if o.temperature == 0.0 {
            return candidates.greedy();
        }
        if o.keeps_a_nucleus() {
            candidates.select_nucleus(o.top_p, o.min_p);
        } else {
            candidates.select(o.top_k);
        }
        if !candidates.best(1).first()?.logit.is_finite() {
            return None;
        }
        match self.mirostat.take() {
            Some(mirostat) => Some(self.draw_with_feedback(mirostat)),
            None => {
                self.truncate();
                Some(self.draw())
            }
        }
    }

    fn truncate(&mut self) {
        let Self { options: o, candidates, .. } = self;
        if !o.keeps_a_nucleus() {
            candidates.tail_free(o.tfs_z);
            candidates.typical(o.typical_p);
            candidates.top_p(o.top_p);
            candidates.min_p(o.min_p);
        }
        if o.xtc_probability > 0.0 && unit_interval(self.rng.next_u64()) < o.xtc_probability {
            candidates.exclude_top(o.xtc_threshold);
        }
    }

    fn draw(&mut self) -> TokenId {
        let temperature = self.temperature();
        self.candidates.softmax(temperature);
        self.candidates.at(unit_interval(self.rng.next_u64())).id
    }

    fn draw_with_feedback(&mut self, mut mirostat: Mirostat) -> TokenId {
        let temperature = self.options.temperature;
        self.candidates.softmax(temperature);
        mirostat.truncate(&mut self.candidates);
        self.candidates.softmax(temperature);
        let choice = self.candidates.at(unit_interval(self.rng.next_u64()));
        mirostat.observe(choice.p);
        self.mirostat = Some(mirostat);
        choice.id
    }

    /// The temperature for what is left: low where the model is sure, high where it is not.
    fn temperature(&mut self) -> f32 {
        let o = &self.options;
        let n = self.candidates.len();
        if o.temperature_range <= 0.0 || n < 2 {
            return o.temperature;
        }
        let (min, max) =
            ((o.temperature - o.temperature_range).max(0.0), o.temperature + o.temperature_range);
        let normalised = self.candidates.entropy().0 / (n as f32).ln();
        // A softmax at 0 is not defined; this is as sharp as f32 can tell.
        (min + (max - min) * normalised.powf(o.temperature_exponent)).max(1e-3)
    }
}

/// The upper 53 bits as a number in `0..1`, rounded to f32 but kept below 1.
fn unit_interval(bits: u64) -> f32 {
    let x = (bits >> 11) as f64 / (1u64 << 53) as f64;
    (x as f32).min(1.0 - f32::EPSILON / 2.0)
}

#[cfg(test)]
mod tests;
