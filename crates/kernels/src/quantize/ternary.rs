//! One to two bits under one scale; layouts are told in `block/ternary.rs` and `block/bits.rs`.

use super::{
    Block,
    fit::{Codes, Fit, best_scale, code, inverse, nearest, sum_lanes},
    k_quants::put_crumbs,
};

/// Elements of a ternary block.
const LEN: usize = 256;

pub(super) fn write_tq1_0(block: &Block<'_>, out: &mut [u8]) {
    let codes = ternary_codes(block, &mut out[52..]);
    put_digits(&codes[..160], &mut out[..32]);
    put_digits(&codes[160..240], &mut out[32..48]);
    put_digits(&codes[240..], &mut out[48..52]);
}

pub(super) fn write_tq2_0(block: &Block<'_>, out: &mut [u8]) {
    let codes = ternary_codes(block, &mut out[64..]);
    put_crumbs(&codes, &mut out[..64]);
}

/// Writes the scale and returns digits from 0 to 2.
fn ternary_codes(block: &Block<'_>, out: &mut [u8]) -> [u8; LEN] {
    let scale = block.put_scale(ternary_scale(block), out);
    std::array::from_fn(|i| (code(block.x[i], inverse(scale), -1, 1) + 1) as u8)
}

/// The scale of least error for codes -1, 0 and 1.
///
/// Whatever it is, the elements that are not 0 are the largest ones, and the scale is their mean.
fn ternary_scale(block: &Block<'_>) -> f32 {
    let mut elements: [(f32, f32); LEN] =
        std::array::from_fn(|i| (block.x[i].abs(), block.weights[i]));
    elements.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut sums, mut best, mut most) = (Fit::default(), Fit::default(), 0.0);
    for (x, w) in elements {
        sums += Fit { xq: w * x, qq: w };
        let gain = sums.gain(sums.scale());
        if gain > most {
            (most, best) = (gain, sums);
        }
    }
    best.scale()
}

/// Five digits to base three in each byte, as a fraction rounded up, so that multiplying by three
/// brings them out one by one. Digit `n` of byte `l` is `codes[n * bytes + l]`; missing ones are 0.
fn put_digits(codes: &[u8], out: &mut [u8]) {
    let n_bytes = out.len();
    for (l, out) in out.iter_mut().enumerate() {
        let digit = |n: usize| codes.get(n * n_bytes + l).map_or(0, |code| u32::from(*code));
        let number = (0..5).fold(0, |number, n| 3 * number + digit(n));
        *out = (number * 256).div_ceil(243) as u8;
    }
}

/// Signs under the mean magnitude.
pub(super) fn write_q1_0(block: &Block<'_>, out: &mut [u8]) {
    let sums = sum_lanes(block.x, block.weights, |x| if x < 0.0 { -1.0 } else { 1.0 });
    block.put_scale(sums.scale(), out);
    for (out, x) in out[2..].iter_mut().zip(block.x.chunks_exact(8)) {
        *out = x.iter().rev().fold(0, |bits, x| bits << 1 | u8::from(*x >= 0.0));
    }
}

/// Codes -1, 0, 1 and 2.
struct TwoBits;

impl Codes for TwoBits {
    const SIGNED_SCALE: bool = true;

    /// The largest element may get any code but 0.
    fn reach(&self) -> (f32, f32, u8) {
        (-2.0, 3.0, 41)
    }

    fn fit(&self, x: &[f32], w: &[f32], inverse_scale: f32) -> Fit {
        sum_lanes(x, w, |x| nearest(x * inverse_scale, -1.0, 2.0))
    }
}

pub(super) fn write_q2_0(block: &Block<'_>, out: &mut [u8]) {
    let scale = block.put_scale(best_scale(&TwoBits, block.x, block.weights), out);
    for (out, x) in out[2..].iter_mut().zip(block.x.chunks_exact(4)) {
        *out = x
            .iter()
            .rev()
            .fold(0, |bits, x| bits << 2 | (code(*x, inverse(scale), -1, 2) + 1) as u8);
    }
}
