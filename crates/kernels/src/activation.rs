//! Activations in 8 bits, as the integer dot products take them.
//!
//! Each group of 32 activations is scaled by its largest magnitude to `-127..=127`. For weights
//! `scale * (code - ZERO) - min` a group's share of the dot product is
//!
//! ```text
//! (scale * d) * (sum(code * q) - ZERO * sum(q))  -  min * (d * sum(q))
//! ```
//!
//! so beside the codes `q` a panel keeps `d`, `-ZERO * sum(q)` (where the integer sum starts) and
//! `d * sum(q)`, per group of the weight's format. The sums are of the rounded values, so constant
//! offsets cancel exactly.
//!
//! A group with a NaN or an infinity gets `d = NaN`, so that it shows in the result. A group
//! whose largest magnitude is below 2^-100 counts as zero.

use crate::tile::{MAX_GROUPS, PANEL};

/// Activations that share a scale.
pub(crate) const GROUP: usize = 32;
/// Magnitudes below this count as zero: the inverse scale of smaller ones may overflow.
pub(crate) const TINY: f32 = f32::from_bits((127 - 100) << 23);

/// What the weight format wants to find beside the activations' codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanelSpec {
    /// Elements per group of the weight format, 16 or 32.
    pub(crate) group: usize,
    /// The weight code that stands for 0.
    pub(crate) zero: u8,
}

/// Up to 256 activations of one token.
///
/// Shapes: `codes` is `[PANEL]`; the others are `[n_groups]` of the weight format's groups.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct ActivationPanel {
    /// Rounded activations; zero beyond the row's end.
    pub(crate) codes: [i8; PANEL],
    /// `d`: what one step of the codes is worth.
    pub(crate) scales: [f32; MAX_GROUPS],
    /// `-ZERO * sum(q)`.
    pub(crate) starts: [i32; MAX_GROUPS],
    /// `d * sum(q)`.
    pub(crate) sums: [f32; MAX_GROUPS],
}

impl Default for ActivationPanel {
    fn default() -> Self {
        Self {
            codes: [0; PANEL],
            scales: [0.0; MAX_GROUPS],
            starts: [0; MAX_GROUPS],
            sums: [0.0; MAX_GROUPS],
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl ActivationPanel {
    /// The codes as the dot instructions take them: `[n_groups][QUADS]` groups of four.
    #[inline]
    pub(crate) fn quads<const QUADS: usize>(&self) -> &[[[i8; 4]; QUADS]] {
        self.codes.as_chunks::<4>().0.as_chunks::<QUADS>().0
    }

    /// Four codes as one word.
    #[inline]
    pub(crate) fn word(&self, quad_idx: usize) -> i32 {
        word(self.codes.as_chunks::<4>().0[quad_idx])
    }
}

/// Four codes as the word that is broadcast to the lanes.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn word(quad: [i8; 4]) -> i32 {
    i32::from_ne_bytes(quad.map(i8::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kernels;

    const SPEC: PanelSpec = PanelSpec { group: 16, zero: 8 };

    fn quantized(x: &[f32]) -> ActivationPanel {
        let mut panel = ActivationPanel::default();
        Kernels::detect().quantize(x, SPEC, &mut panel);
        panel
    }

    #[test]
    fn values_come_back_within_half_a_step() {
        let x: Vec<f32> = (0..64).map(|i| ((i * 37) % 64) as f32 / 7.0 - 4.0).collect();
        let panel = quantized(&x);
        for (i, x) in x.iter().enumerate() {
            let step = panel.scales[i / 16];
            assert!((f32::from(panel.codes[i]) * step - x).abs() <= 0.5001 * step);
        }
        let sum: i32 = panel.codes[16..32].iter().map(|&code| i32::from(code)).sum();
        assert_eq!(panel.starts[1], -8 * sum);
        assert_eq!(panel.sums[1], panel.scales[1] * sum as f32);
    }

    #[test]
    fn what_is_not_finite_shows() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; 64];
            x[40] = bad;
            let panel = quantized(&x);
            assert!(panel.scales[2].is_nan() && panel.scales[0] == 1.0 / 127.0);
        }
    }

    #[test]
    fn tiny_groups_are_zero_and_large_ones_finite() {
        let panel = quantized(&[f32::MIN_POSITIVE / 2.0; 32]);
        assert_eq!((panel.scales[0], panel.codes[0]), (0.0, 0));
        let panel = quantized(&[f32::MAX / 64.0; 32]);
        assert_eq!(panel.codes[0], 127);
        assert!(panel.sums[0].is_finite());
    }
}
