//! Rotary position embedding.
//!
//! The first `n_rot` lanes of each head are pairs; pair `i` is turned by the angle
//! `pos * inv_freq[i]` with `inv_freq[i] = freq_base^(-2 i / n_rot) * freq_scale / factor[i]`.
//! Which lanes pair up is the [`Pairing`]. Angles are in radians, computed in f32.

use crate::error::Error;
use crate::team::ThreadTeam;

/// Which lanes of a head form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Neighbours: lanes `2 i` and `2 i + 1`.
    Norm,
    /// Halves: lanes `i` and `i + n_rot / 2`.
    Neox,
}

/// What a rope is made from.
#[derive(Clone, Copy, Debug)]
pub struct RopeParams<'a> {
    /// Which lanes pair up.
    pub pairing: Pairing,
    /// Lanes of a head that turn; even.
    pub n_rot: usize,
    /// The base of the geometric series of frequencies.
    pub freq_base: f32,
    /// Multiplies every angle: 1 for none, 1/4 to stretch the context by 4.
    pub freq_scale: f32,
    /// Divides the frequencies one by one, `[n_rot / 2]`, as Llama 3 and Phi 3 files ask.
    pub factors: Option<&'a [f32]>,
    /// Leaves fast frequencies out of `freq_scale`.
    pub yarn: Option<Yarn>,
}

/// YaRN: stretches slow frequencies by `freq_scale` and leaves fast ones alone.
///
/// Pairs that turn more than `beta_fast` times within the trained context keep their frequency,
/// those that turn less than `beta_slow` times take the scaled one, and those between a mixture.
/// Turned lanes are multiplied by `attn_factor * (1 + ln(1 / freq_scale) / 10)`.
///
/// Source: Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models",
/// with the parameters of GGUF files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yarn {
    /// The context the model was trained with before it was stretched.
    pub n_ctx_orig: usize,
    /// How much of the correction is applied, usually 1.
    pub ext_factor: f32,
    /// Multiplies the turned lanes, usually 1.
    pub attn_factor: f32,
    /// Turns above which a frequency is kept, usually 32.
    pub beta_fast: f32,
    /// Turns below which a frequency is scaled, usually 1.
    pub beta_slow: f32,
    /// Whether the pairs between which frequencies are mixed are rounded outwards to whole ones;
    /// usually they are.
    pub rounds: bool,
}

/// Which of a token's four positions each pair of lanes turns by: time, height, width and one
/// more, as tokens of pictures have them.
///
/// Pairs are dealt out in runs, `counts[0]` to the first position, `counts[1]` to the second and
/// so on, over and over; or `interleaved`: by turns to the first three, as long as each has some
/// left, the rest to the fourth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections {
    /// Pairs for each of the positions.
    pub counts: [usize; 4],
    /// Whether the first three take turns.
    pub interleaved: bool,
}

impl Sections {
    /// The position that pair `i` turns by.
    fn stream(&self, i: usize) -> usize {
        let Self { counts, interleaved } = self;
        let mut i = i % counts.iter().sum::<usize>();
        if *interleaved {
            return if i < 3 * counts[i % 3] { i % 3 } else { 3 };
        }
        counts
            .iter()
            .position(|&count| {
                let here = i < count;
                i = i.saturating_sub(count);
                here
            })
            .expect("because `i` is below the sum")
    }
}

/// A rotation by position, built once per model.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    pairing: Pairing,
    /// Radians per position: `[n_rot / 2]`.
    inv_freq: Vec<f32>,
    /// Which of the token's positions a pair turns by, `[n_rot / 2]`.
    streams: Vec<usize>,
    /// Multiplies the turned lanes.
    attn_scale: f32,
}

impl Rope {
    /// A rope without YaRN; the arguments are those of [`RopeParams`].
    ///
    /// # Errors
    /// As [`from_params`](Self::from_params).
    pub fn new(
        pairing: Pairing,
        n_rot: usize,
        freq_base: f32,
        freq_scale: f32,
        factors: Option<&[f32]>,
    ) -> Result<Self, Error> {
        let yarn = None;
        Self::from_params(&RopeParams { pairing, n_rot, freq_base, freq_scale, factors, yarn })
    }

    /// Computes the frequencies.
    ///
    /// # Errors
    /// If `n_rot` is odd or 0, a number is not finite and positive, or `factors` has another
    /// length than `n_rot / 2`.
    pub fn from_params(params: &RopeParams<'_>) -> Result<Self, Error> {
        let &RopeParams { pairing, n_rot, freq_base, freq_scale, factors, yarn } = params;
        if n_rot == 0 || !n_rot.is_multiple_of(2) {
            return Err(Error::OddRotation { n_rot });
        }
        check_positive("frequency base", freq_base)?;
        check_positive("frequency scale", freq_scale)?;
        check_factors(n_rot, factors)?;
        if let Some(yarn) = yarn {
            yarn.check()?;
        }
        let scale = f64::from(freq_scale);
        let inv_freq = (0..n_rot / 2)
            .map(|i| {
                let factor = factors.map_or(1.0, |factors| f64::from(factors[i]));
                let own = f64::from(freq_base).powf(-2.0 * i as f64 / n_rot as f64) / factor;
                let kept = yarn.map_or(0.0, |yarn| yarn.kept(i, n_rot, freq_base));
                (own * (scale * (1.0 - kept) + kept)) as f32
            })
            .collect();
        let attn_scale = yarn.map_or(1.0, |yarn| yarn.attn_scale(freq_scale));
        Ok(Self { pairing, inv_freq, streams: vec![0; n_rot / 2], attn_scale })
    }

    /// The same rotation by several positions of a token.
    ///
    /// # Errors
    /// If the sections have no pairs, or more than there are.
    pub fn with_sections(self, sections: Sections) -> Result<Self, Error> {
        let n_pairs = self.inv_freq.len();
        let sum = sections.counts.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
        if sum.is_none_or(|sum| sum == 0 || sum > n_pairs) {
            return Err(Error::BadSections { counts: sections.counts, n_pairs });
        }
        let streams = (0..n_pairs).map(|i| sections.stream(i)).collect();
        Ok(Self { streams, ..self })
    }

    /// The same rotation with turned lanes multiplied by `attn_scale`.
    pub fn with_attn_scale(self, attn_scale: f32) -> Self {
        Self { attn_scale, ..self }
    }

    /// Which lanes pair up.
    pub fn pairing(&self) -> Pairing {
        self.pairing
    }

    /// Lanes of a head that turn.
    pub fn n_rot(&self) -> usize {
        2 * self.inv_freq.len()
    }

    /// Radians per position, `[n_rot / 2]`.
    pub fn inv_freq(&self) -> &[f32] {
        &self.inv_freq
    }

    /// Turns `x`, `[n_tokens, n_head, head_dim]`, by `pos`, `[n_tokens]`.
    pub(crate) fn apply<P: Position>(
        &self,
        team: &ThreadTeam,
        x: &mut [f32],
        (n_head, head_dim): (usize, usize),
        pos: &[P],
    ) {
        /// Fewer elements are turned in less time than it takes to share them out.
        const MIN_SHARED: usize = 1 << 14;
        let token_len = n_head * head_dim;
        assert!(self.n_rot() <= head_dim, "rope turns {} of {head_dim} lanes", self.n_rot());
        assert_eq!(x.len(), pos.len() * token_len, "rope: activations and positions");
        if token_len == 0 {
            return;
        }
        let n_tokens = (MIN_SHARED / token_len).max(1);
        let parts = x.chunks_mut(n_tokens * token_len).zip(pos.chunks(n_tokens)).collect();
        team.run_each(parts, |(x, pos): (&mut [f32], &[P])| {
            let mut turns = vec![(0.0, 0.0); self.inv_freq.len()];
            for (heads, &pos) in x.chunks_exact_mut(token_len).zip(pos) {
                self.turns(pos.streams(), self.attn_scale, &mut turns);
                heads.chunks_exact_mut(head_dim).for_each(|head| self.turn(head, &turns));
            }
        });
    }

    /// Turns heads that already have a position further by `delta_pos`, without scaling them.
    pub(crate) fn shift(&self, heads: &mut [f32], head_dim: usize, delta_pos: i32) {
        assert!(self.n_rot() <= head_dim, "rope turns {} of {head_dim} lanes", self.n_rot());
        let mut turns = vec![(0.0, 0.0); self.inv_freq.len()];
        self.turns([delta_pos as f32; 4], 1.0, &mut turns);
        heads.chunks_exact_mut(head_dim).for_each(|head| self.turn(head, &turns));
    }

    /// Fills in each pair's scaled `(cos, sin)`.
    fn turns(&self, pos: [f32; 4], scale: f32, turns: &mut [(f32, f32)]) {
        for ((turn, freq), &stream) in turns.iter_mut().zip(&self.inv_freq).zip(&self.streams) {
            let (sin, cos) = (pos[stream] * freq).sin_cos();
            *turn = (cos * scale, sin * scale);
        }
    }

    fn turn(&self, head: &mut [f32], turns: &[(f32, f32)]) {
        let rotate = |a: &mut f32, b: &mut f32, (cos, sin): (f32, f32)| {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        };
        match self.pairing {
            Pairing::Norm => {
                for ([a, b], &turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                    rotate(a, b, turn);
                }
            }
            Pairing::Neox => {
                let (first, second) = head[..2 * turns.len()].split_at_mut(turns.len());
                for ((a, b), &turn) in first.iter_mut().zip(second).zip(turns) {
                    rotate(a, b, turn);
                }
            }
        }
    }
}

/// A token's place: one number for text, four for a patch of a picture.
pub(crate) trait Position: Copy + Sync {
    fn streams(self) -> [f32; 4];
}

impl Position for u32 {
    fn streams(self) -> [f32; 4] {
        [self as f32; 4]
    }
}

impl Position for [u32; 4] {
    fn streams(self) -> [f32; 4] {
        self.map(|pos| pos as f32)
    }
}

impl Yarn {
    fn check(&self) -> Result<(), Error> {
        check_positive("YaRN context length", self.n_ctx_orig as f32)?;
        check_positive("YaRN attention factor", self.attn_factor)?;
        check_positive("YaRN beta_fast", self.beta_fast)?;
        check_positive("YaRN beta_slow", self.beta_slow)?;
        if (0.0..=1.0).contains(&self.ext_factor) {
            return Ok(());
        }
        let value = self.ext_factor.to_string();
        Err(Error::BadFrequency { what: "YaRN extrapolation factor", value })
    }

    /// How much of pair `i`'s own frequency is kept, 0 to 1.
    fn kept(&self, i: usize, n_rot: usize, freq_base: f32) -> f64 {
        // The pair, as a fraction, that turns so many times within the trained context.
        let pair_of = |turns: f32| {
            let positions_per_radian =
                self.n_ctx_orig as f64 / (f64::from(turns) * std::f64::consts::TAU);
            n_rot as f64 * positions_per_radian.ln() / (2.0 * f64::from(freq_base).ln())
        };
        let (mut low, mut high) = (pair_of(self.beta_fast), pair_of(self.beta_slow));
        if self.rounds {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, high) = (low.max(0.0), high.min(n_rot as f64 - 1.0));
        let ramp = (i as f64 - low) / (high - low).max(0.001);
        f64::from(self.ext_factor) * (1.0 - ramp.clamp(0.0, 1.0))
    }

    fn attn_scale(&self, freq_scale: f32) -> f32 {
        if self.ext_factor == 0.0 {
            return self.attn_factor;
        }
        self.attn_factor * (1.0 - 0.1 * freq_scale.ln())
    }
}

fn check_factors(n_rot: usize, factors: Option<&[f32]>) -> Result<(), Error> {
    let Some(factors) = factors else {
        return Ok(());
    };
    if factors.len() != n_rot / 2 {
        let found = factors.len();
        return Err(Error::WrongFactorCount { n_rot, needed: n_rot / 2, found });
    }
    factors.iter().try_for_each(|&factor| check_positive("frequency factor", factor))
}

fn check_positive(what: &'static str, value: f32) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::BadFrequency { what, value: value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(x: &[f32], y: &[f32]) -> bool {
        x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-5)
    }

    fn team() -> ThreadTeam {
        ThreadTeam::new(1)
    }

    #[test]
    fn pairs_turn_by_their_own_frequency() {
        // Base 100 and four lanes: frequencies 1 and 1/10.
        let (c1, s1, c2, s2) = (3f32.cos(), 3f32.sin(), 0.3f32.cos(), 0.3f32.sin());
        let mut norm = [1.0, 0.0, 1.0, 0.0, 7.0];
        Rope::new(Pairing::Norm, 4, 100.0, 1.0, None).unwrap().apply(
            &team(),
            &mut norm,
            (1, 5),
            &[3],
        );
        assert!(close(&norm, &[c1, s1, c2, s2, 7.0]), "{norm:?}");
        let mut neox = [1.0, 1.0, 0.0, 0.0, 7.0];
        Rope::new(Pairing::Neox, 4, 100.0, 1.0, None).unwrap().apply(
            &team(),
            &mut neox,
            (1, 5),
            &[3],
        );
        assert!(close(&neox, &[c1, c2, s1, s2, 7.0]), "{neox:?}");
    }

    #[test]
    fn shifting_equals_turning_at_the_later_position() {
        let rope = Rope::new(Pairing::Neox, 8, 10_000.0, 0.5, Some(&[1.0, 2.0, 4.0, 8.0])).unwrap();
        let x: Vec<f32> = (0..16).map(|i| i as f32 / 3.0).collect();
        let (mut at_5, mut at_9) = (x.clone(), x);
        rope.apply(&team(), &mut at_5, (2, 8), &[5]);
        rope.apply(&team(), &mut at_9, (2, 8), &[9]);
        rope.shift(&mut at_5, 8, 4);
        assert!(close(&at_5, &at_9));
        rope.shift(&mut at_5, 8, -4);
        rope.shift(&mut at_9, 8, -4);
        assert!(close(&at_5, &at_9));
    }

    #[test]
    fn yarn_keeps_fast_pairs_and_stretches_slow_ones() {
        let yarn = Yarn {
            n_ctx_orig: 4096,
            ext_factor: 1.0,
            attn_factor: 1.0,
            beta_fast: 32.0,
            beta_slow: 1.0,
            rounds: true,
        };
        let params = RopeParams {
            pairing: Pairing::Neox,
            n_rot: 128,
            freq_base: 10_000.0,
            freq_scale: 0.25,
            factors: None,
            yarn: Some(yarn),
        };
        let rope = Rope::from_params(&params).unwrap();
        let plain = Rope::new(Pairing::Neox, 128, 10_000.0, 1.0, None).unwrap();
        // 32 turns in 4096 positions are made by pair 20.9, one turn by pair 45.03: the ramp goes
        // from 20 to 46.
        for (i, (freq, own)) in rope.inv_freq().iter().zip(plain.inv_freq()).enumerate() {
            let kept = (1.0 - (i as f32 - 20.0) / 26.0).clamp(0.0, 1.0);
            let want = own * (kept + 0.25 * (1.0 - kept));
            assert!((freq / want - 1.0).abs() < 1e-5, "pair {i}: {freq}, expected {want}");
        }
        assert!((rope.attn_scale - 1.138_629_4).abs() < 1e-6);
        let fractions = Yarn { rounds: false, ..yarn };
        let rope = Rope::from_params(&RopeParams { yarn: Some(fractions), ..params }).unwrap();
        let kept = 1.0 - (30.0 - 20.948) / (45.027 - 20.948);
        let want = plain.inv_freq()[30] * (kept + 0.25 * (1.0 - kept));
        assert!((rope.inv_freq()[30] / want - 1.0).abs() < 1e-4, "{}", rope.inv_freq()[30]);
        let bad = Yarn { ext_factor: f32::NAN, ..yarn };
        let bad = Rope::from_params(&RopeParams { yarn: Some(bad), ..params });
        assert!(matches!(bad, Err(Error::BadFrequency { .. })));
    }

    #[test]
    fn pairs_of_a_section_turn_by_its_position() {
        let plain = Rope::new(Pairing::Neox, 16, 100.0, 1.0, None).expect("a plain rope");
        let streams = |counts, interleaved| {
            plain.clone().with_sections(Sections { counts, interleaved }).expect("sections").streams
        };
        assert_eq!(streams([2, 3, 1, 0], false), [0, 0, 1, 1, 1, 2, 0, 0]);
        assert_eq!(streams([3, 2, 2, 1], true), [0, 1, 2, 0, 1, 2, 0, 3]);
        let rope = Rope { streams: streams([2, 3, 1, 0], false), ..plain.clone() };
        let (mut turned, mut by_height) = (vec![1.0; 16], vec![1.0; 16]);
        rope.apply(&team(), &mut turned, (1, 16), &[[5, 9, 2, 0]]);
        plain.apply(&team(), &mut by_height, (1, 16), &[9]);
        for i in [2, 3, 4, 10, 11, 12] {
            assert_eq!(turned[i], by_height[i]);
        }
        assert_ne!(turned[0], by_height[0]);
        // Text has the same position everywhere.
        let (mut text, mut same) = (vec![1.0; 16], vec![1.0; 16]);
        rope.apply(&team(), &mut text, (1, 16), &[7]);
        plain.apply(&team(), &mut same, (1, 16), &[7]);
        assert_eq!(text, same);
    }

    #[test]
    fn sections_that_do_not_fit_are_refused() {
        let plain = Rope::new(Pairing::Neox, 8, 100.0, 1.0, None).expect("a plain rope");
        for counts in [[0; 4], [2, 2, 1, 0], [usize::MAX, 1, 0, 0]] {
            let error = plain.clone().with_sections(Sections { counts, interleaved: false });
            assert_eq!(error, Err(Error::BadSections { counts, n_pairs: 4 }));
        }
    }

    #[test]
    fn long_batches_are_cut_right() {
        let rope = Rope::new(Pairing::Norm, 8, 100.0, 1.0, None).unwrap();
        let (n_tokens, token_len) = (3000, 16);
        let mut x = vec![1.0; n_tokens * token_len];
        let pos: Vec<u32> = (0..n_tokens as u32).collect();
        rope.apply(&ThreadTeam::new(2), &mut x, (2, 8), &pos);
        let mut last = vec![1.0; token_len];
        rope.apply(&team(), &mut last, (2, 8), &pos[n_tokens - 1..]);
        assert!(close(&x[(n_tokens - 1) * token_len..], &last));
    }

    #[test]
    fn bad_parameters_are_refused() {
        let new = |n_rot, base, factors| Rope::new(Pairing::Norm, n_rot, base, 1.0, factors);
        assert_eq!(new(3, 1e4, None).unwrap_err(), Error::OddRotation { n_rot: 3 });
        assert!(matches!(new(4, f32::NAN, None), Err(Error::BadFrequency { .. })));
        assert!(matches!(new(4, 1e4, Some(&[1.0, 0.0])), Err(Error::BadFrequency { .. })));
        assert!(matches!(new(4, 1e4, Some(&[1.0])), Err(Error::WrongFactorCount { .. })));
    }
}
