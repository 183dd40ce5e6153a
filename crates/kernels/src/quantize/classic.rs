//! The first formats; layouts are told in `block/classic.rs`.

use super::{
    Block,
    affine::{Group, Line},
    fit::{Integers, best_scale, code, inverse},
};

pub(super) fn write_q4_0(block: &Block<'_>, out: &mut [u8]) {
    let codes = integer_codes(block, 4, out);
    put_nibbles(&codes, &mut out[2..]);
}

pub(super) fn write_q4_1(block: &Block<'_>, out: &mut [u8]) {
    let codes = line_codes(block, 15.0, out);
    put_nibbles(&codes, &mut out[4..]);
}

pub(super) fn write_q5_0(block: &Block<'_>, out: &mut [u8]) {
    let codes = integer_codes(block, 5, out);
    put_five_bits(&codes, &mut out[2..]);
}

pub(super) fn write_q5_1(block: &Block<'_>, out: &mut [u8]) {
    let codes = line_codes(block, 31.0, out);
    put_five_bits(&codes, &mut out[4..]);
}

pub(super) fn write_q8_0(block: &Block<'_>, out: &mut [u8]) {
    let largest = block.x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let scale = block.put_scale(largest / 127.0, out);
    for (out, x) in out[2..].iter_mut().zip(block.x) {
        *out = (code(*x, inverse(scale), -127, 127) as i8).cast_unsigned();
    }
}

/// Writes the scale of signed codes of `n_bits` and returns them, moved to begin at 0.
fn integer_codes(block: &Block<'_>, n_bits: u32, out: &mut [u8]) -> [u8; 32] {
    let (low, high) = (-(1 << (n_bits - 1)), (1 << (n_bits - 1)) - 1);
    let scale = block.put_scale(best_scale(&Integers { low, high }, block.x, block.weights), out);
    let inverse = inverse(scale);
    std::array::from_fn(|i| (code(block.x[i], inverse, low, high) - low) as u8)
}

/// Writes a scale and the lowest value and returns the codes from 0 to `high`.
fn line_codes(block: &Block<'_>, high: f32, out: &mut [u8]) -> [u8; 32] {
    let line = Group::new(block.x, block.weights, high).best_line(false);
    let scale = block.put_scale(line.scale, out);
    let line = Line { scale, min: -block.put_scale(-line.min, &mut out[2..]) };
    std::array::from_fn(|i| line.code(block.x[i], high))
}

/// Codes of the first half low, of the second half high.
pub(super) fn put_nibbles(codes: &[u8], out: &mut [u8]) {
    let (first, second) = codes.split_at(codes.len() / 2);
    for ((out, low), high) in out.iter_mut().zip(first).zip(second) {
        *out = low & 15 | high << 4;
    }
}

/// A word of fifth bits, then nibbles.
fn put_five_bits(codes: &[u8], out: &mut [u8]) {
    let bits = codes.iter().rev().fold(0u32, |bits, code| bits << 1 | u32::from(code >> 4));
    out[..4].copy_from_slice(&bits.to_le_bytes());
    put_nibbles(codes, &mut out[4..]);
}
