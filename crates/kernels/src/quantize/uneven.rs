//! Formats of unevenly spaced values; layouts are told in `block/uneven.rs`.

use super::{
    Block,
    classic::put_nibbles,
    fit::{Codes, Fit, best_scale, inverse, sum_lanes},
    two_level::{self, Steps},
};
use crate::block::{FP4_CODES, FP4_ZERO, IQ4_CODES, IQ4_ZERO, half_e4m3, half_e8m0};

/// Sixteen values, in ascending order.
struct Values<const SIGNED_SCALE: bool> {
    values: [f32; 16],
    /// The code of each.
    codes: [u8; 16],
    reach: (f32, f32, u8),
}

/// What the largest element is given is around the furthest value, -127.
static IQ4: Values<true> = Values::new(&IQ4_CODES, IQ4_ZERO, (-137.0, -107.0, 21));
static FP4: Values<false> = Values::new(&FP4_CODES, FP4_ZERO, (10.0, 16.0, 13));

impl<const SIGNED_SCALE: bool> Values<SIGNED_SCALE> {
    /// Sorts a format's values, given as codes around `zero`.
    const fn new(values: &[u8; 16], zero: u8, reach: (f32, f32, u8)) -> Self {
        let mut sorted = Self { values: [0.0; 16], codes: [0; 16], reach };
        let mut i = 0;
        while i < 16 {
            // Insertion.
            let (value, mut j) = (values[i] as f32 - zero as f32, i);
            while j > 0 && sorted.values[j - 1] > value {
                sorted.values[j] = sorted.values[j - 1];
                sorted.codes[j] = sorted.codes[j - 1];
                j -= 1;
            }
            (sorted.values[j], sorted.codes[j]) = (value, i as u8);
            i += 1;
        }
        sorted
    }

    /// How many steps from each value to the next `x` is beyond the middle of.
    fn index(&self, x: f32) -> usize {
        self.values.array_windows().filter(|[low, high]| x > (low + high) / 2.0).count()
    }

    /// The nearest value.
    #[inline(always)]
    fn nearest(&self, x: f32) -> f32 {
        self.values.array_windows().fold(self.values[0], |value, [low, high]| {
            if x > (low + high) / 2.0 { *high } else { value }
        })
    }

    fn code(&self, x: f32, inverse_scale: f32) -> u8 {
        self.codes[self.index(x * inverse_scale)]
    }

    /// Codes of up to 32 elements in nibbles.
    fn put(&self, x: &[f32], scale: f32, out: &mut [u8]) {
        let mut codes = [0; 32];
        let inverse = inverse(scale);
        codes.iter_mut().zip(x).for_each(|(code, x)| *code = self.code(*x, inverse));
        put_nibbles(&codes[..x.len()], out);
    }
}

impl<const SIGNED_SCALE: bool> Codes for Values<SIGNED_SCALE> {
    const SIGNED_SCALE: bool = SIGNED_SCALE;

    fn reach(&self) -> (f32, f32, u8) {
        self.reach
    }

    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        sum_lanes(x, w, |x| self.nearest(x * inverse_scale))
    }
}

pub(super) fn write_iq4_nl(block: &Block<'_>, out: &mut [u8]) {
    let scale = block.put_scale(best_scale(&IQ4, block.x, block.weights), out);
    IQ4.put(block.x, scale, &mut out[2..]);
}

pub(super) fn write_iq4_xs(block: &Block<'_>, out: &mut [u8]) {
    let steps = Steps { low: -32, high: 31, stride: 1 };
    let scales = two_level::fit_block(block, 32, &IQ4, &steps, &[]);
    block.put_scale(scales.d, out);
    out[2..8].fill(0);
    let mut high_bits = 0u16;
    for (i, step) in scales.steps[..8].iter().enumerate() {
        let step = (step + 32) as u8;
        out[4 + i / 2] |= (step & 15) << (4 * (i % 2));
        high_bits |= u16::from(step >> 4) << (2 * i);
    }
    out[2..4].copy_from_slice(&high_bits.to_le_bytes());
    for (i, (x, out)) in block.x.chunks_exact(32).zip(out[8..].chunks_exact_mut(16)).enumerate() {
        IQ4.put(x, scales.of(i), out);
    }
}

pub(super) fn write_mxfp4(block: &Block<'_>, out: &mut [u8]) {
    // The largest scale whose multiples are finite.
    let (byte, scale) = nearest_scale(block, block.x, block.weights, 252, half_e8m0);
    out[0] = byte;
    FP4.put(block.x, scale, &mut out[1..]);
}

pub(super) fn write_nvfp4(block: &Block<'_>, out: &mut [u8]) {
    let (scales, codes) = out.split_at_mut(4);
    let groups = block.x.chunks_exact(16).zip(block.weights.chunks_exact(16));
    for (((x, w), byte), out) in groups.zip(scales).zip(codes.chunks_exact_mut(8)) {
        let scale;
        // 127 stands for no number.
        (*byte, scale) = nearest_scale(block, x, w, 126, half_e4m3);
        FP4.put(x, scale, out);
    }
}

/// The byte of least error, and its scale, among those `decode` gives in ascending order for
/// `0..=last`.
fn nearest_scale(
    block: &Block<'_>,
    x: &[f32],
    w: &[f32],
    last: u8,
    decode: fn(u8) -> f32,
) -> (u8, f32) {
    let ideal = best_scale(&FP4, x, w);
    let above = (0..last).find(|byte| block.scaled_down(decode(*byte)) >= ideal).unwrap_or(last);
    let mut best = (0, 0.0);
    let mut most = f32::NEG_INFINITY;
    for byte in above.saturating_sub(2)..=above.saturating_add(1).min(last) {
        let scale = block.scaled_down(decode(byte));
        let gain = FP4.fit(x, w, inverse(scale)).gain(scale);
        if gain > most {
            (most, best) = (gain, (byte, scale));
        }
    }
    best
}
