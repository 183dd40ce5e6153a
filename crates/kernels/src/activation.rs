//! Activations in 8 bits, as the integer dot products take them.
//!
//! Each group of 32 activations is rounded to `-127..=127` steps of its own size `d`. For weights
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
//! How `d` is chosen, and what of it a panel keeps, is told at [`steps`](mod@steps).

mod steps;

use crate::tile::{MAX_GROUPS, PANEL};
pub(crate) use steps::{GroupStep, doubling};

/// Activations that share a scale.
pub(crate) const GROUP: usize = 32;
/// Groups of a whole panel.
pub(crate) const GROUPS: usize = PANEL / GROUP;

/// What the weight format wants to find beside the activations' codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanelSpec {
    /// Elements per group of the weight format, 16 or 32.
    pub(crate) group: usize,
    /// The weight code that stands for 0.
    pub(crate) zero: u8,
    /// How groups are scaled.
    pub(crate) steps: Steps,
}

/// How the groups of a panel are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Each by its own largest magnitude.
    Own,
    /// By powers of two times one step of the panel.
    Doubling,
}

/// Up to 256 activations of one token.
///
/// Shapes: `codes` is `[PANEL]`; the others are `[n_groups]` of the weight format's groups.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct ActivationPanel {
    /// Rounded activations; of no meaning beyond the row's end.
    pub(crate) codes: [i8; PANEL],
    /// What one step of the codes is worth: see [`scale`](Self::scale) and
    /// [`exponent`](Self::exponent).
    scales: [u32; MAX_GROUPS],
    /// `-ZERO * sum(q)`.
    pub(crate) starts: [i32; MAX_GROUPS],
    /// `d * sum(q)`, where steps double in units of `step`.
    pub(crate) sums: [f32; MAX_GROUPS],
    /// What the panel's products are worth, where steps double.
    pub(crate) step: f32,
}

impl Default for ActivationPanel {
    fn default() -> Self {
        Self {
            codes: [0; PANEL],
            scales: [0; MAX_GROUPS],
            starts: [0; MAX_GROUPS],
            sums: [0.0; MAX_GROUPS],
            step: 0.0,
        }
    }
}

impl ActivationPanel {
    /// `d` of a group with a step of its own.
    #[inline]
    pub(crate) fn scale(&self, group_idx: usize) -> f32 {
        f32::from_bits(self.scales[group_idx])
    }

    /// What multiplies a float by `d / step` when it is added to the float's bits.
    #[inline]
    pub(crate) fn exponent(&self, group_idx: usize) -> i32 {
        self.scales[group_idx].cast_signed()
    }

    /// Rounds `x`, whole groups of 32 and at most 256 elements.
    ///
    /// `largest` is the largest magnitude of a group, as bits, a NaN's if there is any; `round`
    /// multiplies a group with a factor and rounds it, ties to even; `sums` adds up codes as
    /// [`sums_of_16`] does.
    #[inline(always)]
    pub(crate) fn round(
        &mut self,
        x: &[f32],
        spec: PanelSpec,
        largest: impl Fn(&[f32; GROUP]) -> u32,
        round: impl Fn(&[f32; GROUP], f32, &mut [i8; GROUP]),
        sums: impl Fn(&[i8; PANEL]) -> [i32; MAX_GROUPS],
    ) {
        let groups = x.as_chunks::<GROUP>().0;
        let mut maxima = [0.0; GROUPS];
        for (max, x) in maxima.iter_mut().zip(groups) {
            *max = f32::from_bits(largest(x));
        }
        let (step, steps) = steps::choose(spec.steps, &maxima);
        self.step = step;
        let codes = self.codes.as_chunks_mut::<GROUP>().0;
        for ((x, codes), step) in groups.iter().zip(codes).zip(&steps) {
            if step.inverse == 0.0 {
                codes.fill(0);
            } else {
                round(x, step.inverse, codes);
            }
        }
        let sums = sums(&self.codes);
        if spec.group == GROUP {
            for (idx, step) in steps.iter().enumerate() {
                self.set_group(idx, step, spec.zero, sums[2 * idx] + sums[2 * idx + 1]);
            }
        } else {
            for (idx, sum) in sums.into_iter().enumerate() {
                self.set_group(idx, &steps[idx / 2], spec.zero, sum);
            }
        }
    }

    /// What products with a group need beside its codes; `sum` is theirs.
    #[inline(always)]
    fn set_group(&mut self, idx: usize, step: &GroupStep, zero: u8, sum: i32) {
        self.scales[idx] = step.scale;
        self.starts[idx] = -i32::from(zero) * sum;
        self.sums[idx] = step.sum_factor * sum as f32;
    }
}

/// The sums of each 16 codes: of fixed length, so that compilers add vectors.
#[inline(always)]
pub(crate) fn sums_of_16(codes: &[i8; PANEL]) -> [i32; MAX_GROUPS] {
    let mut sums = [0; MAX_GROUPS];
    for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<16>().0) {
        *sum = codes.iter().map(|&code| i32::from(code)).sum();
    }
    sums
}

#[cfg(target_arch = "x86_64")]
impl ActivationPanel {
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

    const SPEC: PanelSpec = PanelSpec { group: 16, zero: 8, steps: Steps::Own };
    const DOUBLING: PanelSpec = PanelSpec { steps: Steps::Doubling, ..SPEC };

    fn quantized(x: &[f32], spec: PanelSpec) -> ActivationPanel {
        let mut panel = ActivationPanel::default();
        Kernels::detect().quantize(x, spec, &mut panel);
        panel
    }

    /// What a step of a 16-element group is worth.
    fn step(panel: &ActivationPanel, spec: PanelSpec, group_idx: usize) -> f32 {
        match spec.steps {
            Steps::Own => panel.scale(group_idx),
            Steps::Doubling => panel.step * (panel.exponent(group_idx) as f32 / 8_388_608.0).exp2(),
        }
    }

    #[test]
    fn values_come_back_within_half_a_step() {
        let x: Vec<f32> =
            (0..256).map(|i| (((i * 37) % 64) as f32 / 7.0 - 4.0) * (1 + i / 32) as f32).collect();
        for spec in [SPEC, DOUBLING] {
            let panel = quantized(&x, spec);
            for (i, x) in x.iter().enumerate() {
                let step = step(&panel, spec, i / 16);
                assert!((f32::from(panel.codes[i]) * step - x).abs() <= 0.5001 * step);
                let largest = (i / 32 + 1) as f32 * 5.0 / 127.0;
                assert!(step <= 2.0 * largest, "step {step} of group {}", i / 16);
            }
            let sum: i32 = panel.codes[16..32].iter().map(|&code| i32::from(code)).sum();
            assert_eq!(panel.starts[1], -8 * sum);
            let unit = if spec.steps == Steps::Own { 1.0 } else { panel.step };
            let want = step(&panel, spec, 1) * sum as f32;
            assert!((panel.sums[1] * unit - want).abs() <= 1e-6 * want.abs());
        }
    }

    #[test]
    fn what_is_not_finite_shows() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; 64];
            x[40] = bad;
            let panel = quantized(&x, SPEC);
            assert!(panel.scale(2).is_nan() && panel.scale(0) == 1.0 / 127.0);
            assert!(quantized(&x, DOUBLING).step.is_nan());
        }
    }

    #[test]
    fn tiny_groups_are_zero_and_large_ones_finite() {
        let panel = quantized(&[f32::MIN_POSITIVE / 2.0; 32], SPEC);
        assert_eq!((panel.scale(0), panel.codes[0]), (0.0, 0));
        let panel = quantized(&[f32::MIN_POSITIVE / 2.0; 256], DOUBLING);
        assert_eq!((panel.step, panel.codes[0]), (0.0, 0));
        for spec in [SPEC, DOUBLING] {
            let panel = quantized(&[f32::MAX / 64.0; 32], spec);
            assert_eq!(panel.codes[0], 127);
            assert!(panel.sums[0].is_finite() && panel.step.is_finite());
        }
    }
}
