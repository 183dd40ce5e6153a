//! K-quants; layouts are told in `block/k_quants.rs`.

use super::classic::put_nibbles;
use super::fit::{code, fit_affine, fit_scale, inverse};
use super::put_f16;

/// Groups of Q4_K and Q5_K, and their elements.
const N_GROUPS: usize = 8;
const GROUP: usize = 32;

pub(super) fn write_q4_k(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let codes = affine_codes(x, weights, 15, out);
    put_quarters(&codes, &mut out[16..]);
}

pub(super) fn write_q5_k(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let mut codes = affine_codes(x, weights, 31, out);
    let (high_bits, low_bits) = out[16..].split_at_mut(32);
    high_bits.fill(0);
    for (j, codes) in codes.chunks_exact_mut(GROUP).enumerate() {
        for (bits, code) in high_bits.iter_mut().zip(codes) {
            *bits |= (*code as u8 >> 4) << j;
            *code = f32::from(*code as u8 & 15);
        }
    }
    put_quarters(&codes, low_bits);
}

/// Nibbles, in quarters of 64 elements.
fn put_quarters(codes: &[f32], out: &mut [u8]) {
    for (codes, out) in codes.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
        put_nibbles(codes, out, |code| code as u8);
    }
}

/// Writes the head of Q4_K and Q5_K and returns each element's code, a small whole number.
fn affine_codes(x: &[f32], weights: &[f32], high: i32, out: &mut [u8]) -> Vec<f32> {
    let mut lines = [(0.0, 0.0); N_GROUPS];
    for (line, (x, weights)) in lines.iter_mut().zip(x.chunks(GROUP).zip(weights.chunks(GROUP))) {
        *line = fit_affine(x, weights, high, true);
    }
    let largest = |part: fn(&(f32, f32)) -> f32| lines.iter().map(part).fold(0.0, f32::max);
    let d = put_f16(largest(|line| line.0) / 63.0, out);
    let dmin = put_f16(largest(|line| line.1) / 63.0, &mut out[2..]);
    let steps = lines.map(|(scale, min)| {
        (code(scale, inverse(d), 0, 63) as u8, code(min, inverse(dmin), 0, 63) as u8)
    });
    put_six_bits(steps, &mut out[4..16]);
    let groups = x.chunks(GROUP).zip(steps);
    groups
        .flat_map(|(x, (scale, min))| {
            let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
            x.iter().map(move |x| code(x + min, inverse(scale), 0, high) as f32)
        })
        .collect()
}

/// Eight 6-bit scales and minimums in 12 bytes.
fn put_six_bits(steps: [(u8, u8); N_GROUPS], out: &mut [u8]) {
    for i in 0..4 {
        let ((scale, min), (scale_4, min_4)) = (steps[i], steps[i + 4]);
        out[i] = scale | scale_4 >> 4 << 6;
        out[i + 4] = min | min_4 >> 4 << 6;
        out[i + 8] = scale_4 & 15 | min_4 << 4;
    }
}

pub(super) fn write_q6_k(x: &[f32], weights: &[f32], out: &mut [u8]) {
    let mut scales = [0.0; 16];
    for (scale, (x, weights)) in scales.iter_mut().zip(x.chunks(16).zip(weights.chunks(16))) {
        *scale = fit_scale(x, weights, -32, 31);
    }
    let largest =
        scales.iter().copied().fold(0.0, |max: f32, s| if s.abs() > max.abs() { s } else { max });
    let d = put_f16(largest / -128.0, &mut out[208..]);
    let steps = scales.map(|scale| code(scale, inverse(d), -128, 127) as i8);
    for (out, step) in out[192..208].iter_mut().zip(steps) {
        *out = step.cast_unsigned();
    }
    let codes: Vec<u8> = x
        .chunks(16)
        .zip(steps)
        .flat_map(|(x, step)| {
            let scale = d * f32::from(step);
            x.iter().map(move |x| (code(*x, inverse(scale), -32, 31) + 32) as u8)
        })
        .collect();
    out[..192].fill(0);
    for (half, codes) in codes.chunks_exact(128).enumerate() {
        for (i, code) in codes.iter().enumerate() {
            out[64 * half + i % 64] |= (code & 15) << (4 * (i / 64));
            out[128 + 32 * half + i % 32] |= code >> 4 << (2 * (i / 32));
        }
    }
}
