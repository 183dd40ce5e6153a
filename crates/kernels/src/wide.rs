//! Products of many tokens with F16 weights: codes of 14 bits.
//!
//! Sixteen products of f32 fit a 512-bit instruction, but 32 of 16-bit integers, summed in pairs.
//! So where many tokens share the work of rounding, F16 weights and the activations they
//! meet are rounded, each group of 32 columns to steps of its own, to codes of `-8191..=8191`:
//! `32 * 8191^2 < 2^31`, the sum of a group's products is exact.
//!
//! The step of a group of weights is a power of two, so that rounding a weight shifts its
//! significand. For a largest magnitude in `[2^e, 2^(e + 1))` it is `2^(e - 12)`. An F16, of 11
//! bits, is kept exactly down to `2^(e - 2)`; smaller ones
//! err by half a step at most, 1/8192 of the largest. Halves are rounded away from zero.
//!
//! The steps of activations double within a panel, as told at [`activation`](crate::activation):
//! they are at most twice the largest magnitude over 8191, so an activation errs by 1/8191 of its
//! group's largest at most (or, where that is next to nothing, by 2^-28 of the panel's).
//!
//! A tile holds 16 rows by one panel, a 32-bit lane per row:
//!
//! ```text
//! codes   [128][16][2]i16   column / 2, row, column % 2
//! steps   [8][16]f32        group, row
//! ```
//!
//! Rows may have any number of columns; the last group is filled up with zeros. A NaN or an
//! infinity makes its group's or panel's step NaN, so that it shows in the result.
//!
//! BF16 weights, whose products would gain as much, stay with f32: their 8 bits are exact there, and
//! logits would be off by more than they are allowed.

use crate::activation::{GROUP, GROUPS, GroupStep, doubling};
use crate::tile::{PANEL, RowLanes, TILE_ROWS};

/// Bytes of a row's whole panel.
pub(crate) const PANEL_BYTES: usize = 2 * PANEL;
/// Bytes of a row's group.
pub(crate) const GROUP_BYTES: usize = 2 * GROUP;
/// The largest code.
const MAX_CODE: f32 = 8191.0;
/// Bits of a code's magnitude.
const CODE_BITS: u32 = 13;

/// Bits of an F16 that follow its sign and exponent.
pub(crate) const MANTISSA_BITS: u32 = 10;
/// The exponent, as stored, of infinities and NaN.
pub(crate) const SPECIAL_EXPONENT: u32 = 0x1f;
/// The exponent a group counts as at least: that of denormals.
pub(crate) const LEAST_EXPONENT: u32 = 1;
/// What is added to a group's exponent, as stored, to get that of its step as an f32.
pub(crate) const STEP_OFFSET: u32 = 127 - 15 - (CODE_BITS - 1);
/// How far a significand is shifted so that it ends one bit beyond a code of its own exponent.
pub(crate) const SHIFT: u32 = CODE_BITS - MANTISSA_BITS;

/// The step of a group of this exponent, as stored.
#[inline]
pub(crate) fn step(exponent: u32) -> f32 {
    match exponent {
        SPECIAL_EXPONENT => f32::NAN,
        _ => f32::from_bits((exponent + STEP_OFFSET) << 23),
    }
}

/// Up to 256 activations of one token, rounded.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct WidePanel {
    /// Of no meaning beyond the row's last group.
    pub(crate) codes: [i16; PANEL],
    /// What multiplies a float by a group's step over `step` when it is added to the float's bits.
    pub(crate) exponents: [u32; GROUPS],
    /// What the panel's products are worth.
    pub(crate) step: f32,
}

impl Default for WidePanel {
    fn default() -> Self {
        Self { codes: [0; PANEL], exponents: [0; GROUPS], step: 0.0 }
    }
}

impl WidePanel {
    /// Rounds `x`, at most 256 activations.
    ///
    /// `largest` is the largest magnitude of a group, as bits, a NaN's if there is any; `round`
    /// multiplies a group with a factor and rounds it, ties to even.
    #[inline(always)]
    pub(crate) fn round(
        &mut self,
        x: &[f32],
        largest: impl Fn(&[f32; GROUP]) -> u32,
        round: impl Fn(&[f32; GROUP], f32, &mut [i16; GROUP]),
    ) {
        let (whole, rest) = x.as_chunks();
        let mut last = [0.0; GROUP];
        last[..rest.len()].copy_from_slice(rest);
        let groups = whole.iter().chain((!rest.is_empty()).then_some(&last));
        let mut maxima = [0.0; GROUPS];
        for (max, x) in maxima.iter_mut().zip(groups.clone()) {
            *max = f32::from_bits(largest(x));
        }
        let (step, steps) = doubling(&maxima, MAX_CODE);
        self.step = step;
        self.exponents = steps.map(|step| step.scale);
        let codes = self.codes.as_chunks_mut().0;
        for ((x, codes), GroupStep { inverse, .. }) in groups.zip(codes).zip(steps) {
            if inverse == 0.0 {
                codes.fill(0);
            } else {
                round(x, inverse, codes);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl WidePanel {
    /// Two codes as the word that is broadcast to the lanes.
    #[inline]
    pub(crate) fn word(&self, pair_idx: usize) -> i32 {
        let [low, high] = self.codes.as_chunks::<2>().0[pair_idx].map(i16::cast_unsigned);
        (u32::from(high) << 16 | u32::from(low)).cast_signed()
    }
}

/// Two columns of all rows: `[row][column % 2]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct PairLanes(pub(crate) [i16; 2 * TILE_ROWS]);

/// A rounded piece of a weight matrix; the layout is at the module's head.
pub(crate) struct WideTile {
    pub(crate) codes: [PairLanes; PANEL / 2],
    pub(crate) steps: [RowLanes; GROUPS],
}

impl Default for WideTile {
    fn default() -> Self {
        Self {
            codes: [PairLanes([0; 2 * TILE_ROWS]); PANEL / 2],
            steps: [RowLanes([0.0; TILE_ROWS]); GROUPS],
        }
    }
}

impl WideTile {
    /// Puts a row in its lane; `round` gives the step of a group and its codes.
    pub(crate) fn set_row(
        &mut self,
        row_idx: usize,
        row: &[u8],
        round: impl Fn(&[u8; GROUP_BYTES]) -> (f32, [i16; GROUP]),
    ) {
        let groups = self.codes.as_chunks_mut::<{ GROUP / 2 }>().0.iter_mut().zip(&mut self.steps);
        for (bytes, (lanes, steps)) in row.chunks(GROUP_BYTES).zip(groups) {
            let (step, codes) = match bytes.try_into() {
                Ok(whole) => round(whole),
                Err(_) => round(&padded(bytes)),
            };
            steps.0[row_idx] = step;
            for (lanes, codes) in lanes.iter_mut().zip(codes.as_chunks::<2>().0) {
                lanes.0.as_chunks_mut().0[row_idx] = *codes;
            }
        }
    }
}

/// A row's last group, filled up with zeros.
pub(crate) fn padded(bytes: &[u8]) -> [u8; GROUP_BYTES] {
    let mut padded = [0; GROUP_BYTES];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

/// Groups of a panel whose rows are so many bytes.
pub(crate) fn n_groups(n_bytes: usize) -> usize {
    n_bytes.div_ceil(GROUP_BYTES)
}
