//! K-quants; layouts are told in `block/k_quants.rs`.

use super::{
    Block,
    classic::put_nibbles,
    fit::{Integers, code, inverse},
    lines::{self, LineShape, Lines},
    two_level::{self, Scales, Steps},
};

/// Elements of a block.
const LEN: usize = 256;

pub(super) fn write_q2_k(block: &Block<'_>, out: &mut [u8]) {
    let lines = lines::fit_block(block, LineShape { group: 16, high: 3.0, max_step: 15.0 });
    for (out, (scale, min)) in out.iter_mut().zip(lines.steps) {
        *out = scale | min << 4;
    }
    put_crumbs(&line_codes(block, &lines, 16, 3.0), &mut out[16..80]);
    block.put_scale(lines.d, &mut out[80..]);
    block.put_scale(lines.dmin, &mut out[82..]);
}

pub(super) fn write_q3_k(block: &Block<'_>, out: &mut [u8]) {
    let steps = Steps { low: -32, high: 31, stride: 1 };
    let scales = two_level::fit_block(block, 16, &Integers { low: -4, high: 3 }, &steps, &[]);
    let codes = integer_codes(block, &scales, -4, 3);
    put_high_bits(&codes, 2, &mut out[..32]);
    put_crumbs(&codes, &mut out[32..96]);
    out[96..108].fill(0);
    for (i, step) in scales.steps.iter().enumerate() {
        let step = (step + 32) as u8;
        out[96 + i % 8] |= (step & 15) << (4 * (i / 8));
        out[104 + i % 4] |= step >> 4 << (2 * (i / 4));
    }
    block.put_scale(scales.d, &mut out[108..]);
}

pub(super) fn write_q4_k(block: &Block<'_>, out: &mut [u8]) {
    let lines = lines::fit_block(block, LineShape { group: 32, high: 15.0, max_step: 63.0 });
    put_head(block, &lines, out);
    put_quarters(&line_codes(block, &lines, 32, 15.0), &mut out[16..]);
}

pub(super) fn write_q5_k(block: &Block<'_>, out: &mut [u8]) {
    let lines = lines::fit_block(block, LineShape { group: 32, high: 31.0, max_step: 63.0 });
    put_head(block, &lines, out);
    let codes = line_codes(block, &lines, 32, 31.0);
    put_high_bits(&codes, 4, &mut out[16..48]);
    put_quarters(&codes, &mut out[48..]);
}

pub(super) fn write_q6_k(block: &Block<'_>, out: &mut [u8]) {
    let steps = Steps { low: -128, high: 127, stride: 1 };
    let scales = two_level::fit_block(block, 16, &Integers { low: -32, high: 31 }, &steps, &[]);
    for (out, step) in out[192..208].iter_mut().zip(scales.steps) {
        *out = (step as i8).cast_unsigned();
    }
    block.put_scale(scales.d, &mut out[208..]);
    out[..192].fill(0);
    let codes = integer_codes(block, &scales, -32, 31);
    for (half, codes) in codes.chunks_exact(128).enumerate() {
        for (i, code) in codes.iter().enumerate() {
            out[64 * half + i % 64] |= (code & 15) << (4 * (i / 64));
            out[128 + 32 * half + i % 32] |= code >> 4 << (2 * (i / 32));
        }
    }
}

/// Each element's code on its group's line.
fn line_codes(block: &Block<'_>, lines: &Lines, group: usize, high: f32) -> [u8; LEN] {
    let mut codes = [0; LEN];
    let groups = codes.chunks_exact_mut(group).zip(block.x.chunks_exact(group));
    for (i, (codes, x)) in groups.enumerate() {
        let line = lines.of(i);
        codes.iter_mut().zip(x).for_each(|(code, x)| *code = line.code(*x, high));
    }
    codes
}

/// Each element's code from `low` to `high` at the scale of its group of 16, moved to begin at 0.
fn integer_codes(block: &Block<'_>, scales: &Scales, low: i32, high: i32) -> [u8; LEN] {
    std::array::from_fn(|i| (code(block.x[i], inverse(scales.of(i / 16)), low, high) - low) as u8)
}

/// The head of Q4_K and Q5_K: `d`, `dmin`, and eight 6-bit scales and minimums in 12 bytes.
fn put_head(block: &Block<'_>, lines: &Lines, out: &mut [u8]) {
    block.put_scale(lines.d, out);
    block.put_scale(lines.dmin, &mut out[2..]);
    for i in 0..4 {
        let ((scale, min), (scale_4, min_4)) = (lines.steps[i], lines.steps[i + 4]);
        out[4 + i] = scale | scale_4 >> 4 << 6;
        out[8 + i] = min | min_4 >> 4 << 6;
        out[12 + i] = scale_4 & 15 | min_4 << 4;
    }
}

/// The low two bits of each code, in halves of 128 elements.
pub(super) fn put_crumbs(codes: &[u8; LEN], out: &mut [u8]) {
    for (codes, out) in codes.chunks_exact(128).zip(out.chunks_exact_mut(32)) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = (0..4).fold(0, |byte, k| byte | (codes[32 * k + i] & 3) << (2 * k));
        }
    }
}

/// The low four bits of each code, in quarters of 64 elements.
fn put_quarters(codes: &[u8; LEN], out: &mut [u8]) {
    for (codes, out) in codes.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
        put_nibbles(codes, out);
    }
}

/// Bit `n` of each code: that of element `32 j + l` as bit `j` of byte `l`.
fn put_high_bits(codes: &[u8; LEN], n: u32, out: &mut [u8]) {
    out.fill(0);
    for (j, codes) in codes.chunks_exact(32).enumerate() {
        for (bits, code) in out.iter_mut().zip(codes) {
            *bits |= (code >> n & 1) << j;
        }
    }
}
