//! What a step of each group of a panel is worth.
//!
//! Groups with steps of their own have `d = max / 127`. Products with them cost two float
//! multiplications a group beside the integer ones: `scale * d`, and that times the integer sum.
//!
//! In formats whose blocks are whole panels one of the two is saved. There `d = step * 2^s`, with
//! one `step` for the panel: to multiply a float by `2^s` is to add `s << 23` to its bits, which
//! CPUs do beside multiplications for nothing, and `step` is multiplied once for all groups. (A sum
//! of 0 becomes `2^(s - 127)`, which is nothing beside one step of another group.)
//!
//! A group whose largest magnitude is not `127 * step * 2^s` for some `s` gets the next larger
//! step and so loses up to a bit. `step` is chosen among those that fit one of the groups exactly,
//! so that the sum of the squares of all steps, and with it the expected error, is smallest.
//! Where these squares leave the range of floats, any of them will do.
//!
//! A NaN or an infinity gives its group's `d`, or the panel's `step`, as NaN, so that it shows in
//! the result. Groups, or panels, whose largest magnitude is below 2^-90 count as zero.

use super::{GROUPS, Steps};

/// The largest 8-bit code.
const MAX_CODE: f32 = 127.0;
/// Magnitudes below this count as zero: the inverse step of smaller ones may overflow.
const TINY: f32 = f32::from_bits((127 - 90) << 23);
/// The largest `s`: a group so much smaller than another needs no finer step than `step`.
const MAX_DOUBLINGS: u32 = 15;
/// Bits of a float below its exponent.
const MANTISSA_BITS: u32 = 23;
const MANTISSA: u32 = (1 << MANTISSA_BITS) - 1;

/// How one group is rounded.
#[derive(Clone, Copy)]
pub(crate) struct GroupStep {
    /// `1 / d`; 0 for a group that counts as zero.
    pub(crate) inverse: f32,
    /// The bits of `d`, or `s << 23`.
    pub(crate) scale: u32,
    /// `d`, or `2^s`.
    pub(crate) sum_factor: f32,
}

/// The panel's step and the groups', from the groups' largest magnitudes.
#[inline(always)]
pub(super) fn choose(steps: Steps, maxima: &[f32; GROUPS]) -> (f32, [GroupStep; GROUPS]) {
    match steps {
        Steps::Own => {
            let mut steps = [GroupStep { inverse: 0.0, scale: 0, sum_factor: 0.0 }; GROUPS];
            for (step, &max) in steps.iter_mut().zip(maxima) {
                *step = own(max);
            }
            (1.0, steps)
        }
        Steps::Doubling => doubling(maxima, MAX_CODE),
    }
}

#[inline(always)]
fn own(max: f32) -> GroupStep {
    let (inverse, d) = match max {
        _ if !max.is_finite() => (0.0, f32::NAN),
        _ if max < TINY => (0.0, 0.0),
        _ => (MAX_CODE / max, max / MAX_CODE),
    };
    GroupStep { inverse, scale: d.to_bits(), sum_factor: d }
}

/// Steps that double, for codes of up to `max_code`, which is at most 2^14.
#[inline(always)]
pub(crate) fn doubling(maxima: &[f32; GROUPS], max_code: f32) -> (f32, [GroupStep; GROUPS]) {
    let mut steps = [GroupStep { inverse: 0.0, scale: 0, sum_factor: 1.0 }; GROUPS];
    let is_finite = maxima.iter().all(|max| max.is_finite());
    if !is_finite || maxima.iter().all(|&max| max < TINY) {
        return (if is_finite { 0.0 } else { f32::NAN }, steps);
    }
    let mut exact = [0; GROUPS];
    for (exact, max) in exact.iter_mut().zip(maxima) {
        *exact = (max / max_code).to_bits();
    }
    let mantissa = best_mantissa(&exact);
    let mut exponents = [0; GROUPS];
    for (exponent, &exact) in exponents.iter_mut().zip(&exact) {
        *exponent = round_up(exact, mantissa) >> MANTISSA_BITS;
    }
    // TINY / 2^14 is far above the smallest float, so this stays above 0.
    let lowest = exponents.iter().fold(0, |max, &x| x.max(max)) - MAX_DOUBLINGS;
    for (step, exponent) in steps.iter_mut().zip(exponents) {
        let exponent = exponent.max(lowest);
        let scale = (exponent - lowest) << MANTISSA_BITS;
        *step = GroupStep {
            inverse: 1.0 / f32::from_bits(exponent << MANTISSA_BITS | mantissa),
            scale,
            sum_factor: f32::from_bits(1.0f32.to_bits() + scale),
        };
    }
    (f32::from_bits(lowest << MANTISSA_BITS | mantissa), steps)
}

/// The mantissa, of those of `exact` (floats' bits), with the smallest squares.
///
/// One candidate to a lane, so that compilers make vectors of them.
#[inline(always)]
fn best_mantissa(exact: &[u32; GROUPS]) -> u32 {
    let mut candidates = *exact;
    candidates.iter_mut().for_each(|candidate| *candidate &= MANTISSA);
    let mut costs = [0.0f32; GROUPS];
    for &exact in exact {
        for (cost, &candidate) in costs.iter_mut().zip(&candidates) {
            let step = f32::from_bits(round_up(exact, candidate));
            *cost += step * step;
        }
    }
    // Costs compare as their bits do, and the first of equals is taken: without a branch, which no
    // CPU could foretell.
    let ranks =
        costs.iter().enumerate().map(|(i, cost)| u64::from(cost.to_bits()) << 32 | i as u64);
    let best = ranks.min().unwrap_or_default();
    candidates[best as usize % GROUPS]
}

/// The smallest float with this mantissa that is not below `x`; both as bits.
#[inline(always)]
fn round_up(x: u32, mantissa: u32) -> u32 {
    let one_more = u32::from(x & MANTISSA > mantissa) << MANTISSA_BITS;
    (x & !MANTISSA | mantissa) + one_more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_keeps_the_mantissa() {
        let bits = |x: f32| x.to_bits();
        let up = |x, like: f32| f32::from_bits(round_up(bits(x), bits(like) & MANTISSA));
        assert_eq!([up(3.0, 1.5), up(3.1, 1.5), up(2.0, 1.25), up(0.7, 1.0)], [3.0, 6.0, 2.5, 1.0]);
    }

    #[test]
    fn the_step_with_the_smallest_squares_is_chosen() {
        let maxima = [1.0, 1.5, 1.4, 1.3, 0.01, 0.0, 1.2, 1.5].map(|x: f32| 127.0 * x);
        let (step, groups) = doubling(&maxima, MAX_CODE);
        let found = groups.map(|group| step * group.sum_factor);
        assert_eq!(found[..4], [1.5; 4]);
        assert_eq!(found[6..], [1.5; 2]);
        assert!(found[4] >= 0.01 && found[4] < 0.02 && found[5] < 1e-4, "{found:?}");
        for (group, found) in groups.iter().zip(found) {
            assert_eq!(group.inverse, 1.0 / found);
            assert_eq!(f32::from_bits(1.0f32.to_bits() + group.scale), group.sum_factor);
        }
    }

    #[test]
    fn magnitudes_at_the_ends_of_the_range_have_finite_steps() {
        for max in [TINY, f32::MAX] {
            let (step, groups) =
                doubling(&[max, 0.0, max / 3.0, 0.0, TINY, 0.0, 0.0, 0.0], MAX_CODE);
            assert!(step.is_normal() && groups[0].inverse.is_normal());
            assert!(groups.iter().all(|group| group.inverse.is_finite()));
            assert!(step * groups[0].sum_factor * 127.0 >= max * 0.999);
        }
    }
}
