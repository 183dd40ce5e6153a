//! The first formats; layouts are told in `block/classic.rs`.

use super::fit::{code, fit_affine, fit_scale, inverse};
use super::put_f16;

pub(super) fn write_q4_0(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let scale = put_f16(fit_scale(x, weights, -8, 7), out);
    put_nibbles(x, &mut out[2..], |x| (code(x, inverse(scale), -8, 7) + 8) as u8);
}

pub(super) fn write_q4_1(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let (scale, min) = fit_affine(x, weights, 15, false);
    let (scale, low) = (put_f16(scale, out), put_f16(-min, &mut out[2..]));
    put_nibbles(x, &mut out[4..], |x| code(x - low, inverse(scale), 0, 15) as u8);
}

pub(super) fn write_q5_0(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let scale = put_f16(fit_scale(x, weights, -16, 15), out);
    put_five_bits(x, &mut out[2..], |x| (code(x, inverse(scale), -16, 15) + 16) as u8);
}

pub(super) fn write_q5_1(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let (scale, min) = fit_affine(x, weights, 31, false);
    let (scale, low) = (put_f16(scale, out), put_f16(-min, &mut out[2..]));
    put_five_bits(x, &mut out[4..], |x| code(x - low, inverse(scale), 0, 31) as u8);
}

pub(super) fn write_q8_0(x: &[f32], _weights: &[f32], out: &mut [u8]) {
    let largest = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let scale = put_f16(largest / 127.0, out);
    for (out, x) in out[2..].iter_mut().zip(x) {
        *out = (code(*x, inverse(scale), -127, 127) as i8).cast_unsigned();
    }
}

/// Elements of the first half low, of the second half high.
pub(super) fn put_nibbles(x: &[f32], out: &mut [u8], code: impl Fn(f32) -> u8) {
    let (first, second) = x.split_at(x.len() / 2);
    for ((out, low), high) in out.iter_mut().zip(first).zip(second) {
        *out = code(*low) | code(*high) << 4;
    }
}

/// A word of fifth bits, then nibbles.
fn put_five_bits(x: &[f32], out: &mut [u8], code: impl Fn(f32) -> u8) {
    let bits = x.iter().rev().fold(0u32, |bits, x| bits << 1 | u32::from(code(*x) >> 4));
    out[..4].copy_from_slice(&bits.to_le_bytes());
    put_nibbles(x, &mut out[4..], |x| code(x) & 15);
}
