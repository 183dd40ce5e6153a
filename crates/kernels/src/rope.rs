//! Rotary position embedding.
//!
//! The first `n_rot` lanes of each head are pairs; pair `i` is turned by the angle
//! `pos * inv_freq[i]` with `inv_freq[i] = freq_base^(-2 i / n_rot) * freq_scale / factor[i]`.
//! Which lanes pair up is the [`Pairing`]. Angles are in radians, computed in f32.

use crate::error::Error;

/// Which lanes of a head form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Neighbours: lanes `2 i` and `2 i + 1`.
    Norm,
    /// Halves: lanes `i` and `i + n_rot / 2`.
    Neox,
}

/// A rotation by position, built once per model.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    pairing: Pairing,
    /// Radians per position: `[n_rot / 2]`.
    inv_freq: Vec<f32>,
    /// Multiplies the turned lanes.
    attn_scale: f32,
}

impl Rope {
    /// A rope of plain frequencies.
    ///
    /// `freq_scale` multiplies every angle (1 for none; 1/4 for linear scaling by 4); `factors`,
    /// `[n_rot / 2]`, divide the frequencies one by one, as Llama 3 and Phi 3 files ask.
    ///
    /// # Errors
    /// If `n_rot` is odd or 0, a number is not finite and positive, or `factors` has another
    /// length.
    pub fn new(
        pairing: Pairing,
        n_rot: usize,
        freq_base: f32,
        freq_scale: f32,
        factors: Option<&[f32]>,
    ) -> Result<Self, Error> {
        if n_rot == 0 || !n_rot.is_multiple_of(2) {
            return Err(Error::OddRotation { n_rot });
        }
        check_positive("frequency base", freq_base)?;
        check_positive("frequency scale", freq_scale)?;
        let n_pairs = n_rot / 2;
        let mut inv_freq: Vec<f32> = (0..n_pairs)
            .map(|i| {
                let exponent = -2.0 * i as f64 / n_rot as f64;
                (f64::from(freq_base).powf(exponent) * f64::from(freq_scale)) as f32
            })
            .collect();
        if let Some(factors) = factors {
            if factors.len() != n_pairs {
                let found = factors.len();
                return Err(Error::WrongFactorCount { n_rot, needed: n_pairs, found });
            }
            for (freq, &factor) in inv_freq.iter_mut().zip(factors) {
                check_positive("frequency factor", factor)?;
                *freq /= factor;
            }
        }
        Ok(Self { pairing, inv_freq, attn_scale: 1.0 })
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
    pub(crate) fn apply(&self, x: &mut [f32], n_head: usize, head_dim: usize, pos: &[u32]) {
        let token_len = n_head * head_dim;
        assert!(self.n_rot() <= head_dim, "rope turns {} of {head_dim} lanes", self.n_rot());
        assert_eq!(x.len(), pos.len() * token_len, "rope: activations and positions");
        if token_len == 0 {
            return;
        }
        let mut turns = vec![(0.0, 0.0); self.inv_freq.len()];
        for (heads, &pos) in x.chunks_exact_mut(token_len).zip(pos) {
            self.turns(pos as f32, self.attn_scale, &mut turns);
            heads.chunks_exact_mut(head_dim).for_each(|head| self.turn(head, &turns));
        }
    }

    /// Turns heads that already have a position further by `delta_pos`, without scaling them.
    pub(crate) fn shift(&self, heads: &mut [f32], head_dim: usize, delta_pos: i32) {
        assert!(self.n_rot() <= head_dim, "rope turns {} of {head_dim} lanes", self.n_rot());
        let mut turns = vec![(0.0, 0.0); self.inv_freq.len()];
        self.turns(delta_pos as f32, 1.0, &mut turns);
        heads.chunks_exact_mut(head_dim).for_each(|head| self.turn(head, &turns));
    }

    /// Fills in each pair's scaled `(cos, sin)`.
    fn turns(&self, pos: f32, scale: f32, turns: &mut [(f32, f32)]) {
        for (turn, freq) in turns.iter_mut().zip(&self.inv_freq) {
            let (sin, cos) = (pos * freq).sin_cos();
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

    #[test]
    fn pairs_turn_by_their_own_frequency() {
        // Base 100 and four lanes: frequencies 1 and 1/10.
        let (c1, s1, c2, s2) = (3f32.cos(), 3f32.sin(), 0.3f32.cos(), 0.3f32.sin());
        let mut norm = [1.0, 0.0, 1.0, 0.0, 7.0];
        Rope::new(Pairing::Norm, 4, 100.0, 1.0, None).unwrap().apply(&mut norm, 1, 5, &[3]);
        assert!(close(&norm, &[c1, s1, c2, s2, 7.0]), "{norm:?}");
        let mut neox = [1.0, 1.0, 0.0, 0.0, 7.0];
        Rope::new(Pairing::Neox, 4, 100.0, 1.0, None).unwrap().apply(&mut neox, 1, 5, &[3]);
        assert!(close(&neox, &[c1, c2, s1, s2, 7.0]), "{neox:?}");
    }

    #[test]
    fn shifting_equals_turning_at_the_later_position() {
        let rope = Rope::new(Pairing::Neox, 8, 10_000.0, 0.5, Some(&[1.0, 2.0, 4.0, 8.0])).unwrap();
        let x: Vec<f32> = (0..16).map(|i| i as f32 / 3.0).collect();
        let (mut at_5, mut at_9) = (x.clone(), x);
        rope.apply(&mut at_5, 2, 8, &[5]);
        rope.apply(&mut at_9, 2, 8, &[9]);
        rope.shift(&mut at_5, 8, 4);
        assert!(close(&at_5, &at_9));
        rope.shift(&mut at_5, 8, -4);
        rope.shift(&mut at_9, 8, -4);
        assert!(close(&at_5, &at_9));
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
