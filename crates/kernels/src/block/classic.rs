//! The first formats: 32 elements under one f16 scale.
//!
//! ```text
//! Q4_0   d f16,                  qs [16]u8    value = d * (q - 8)
//! Q4_1   d f16, m f16,           qs [16]u8    value = d * q + m
//! Q5_0   d f16,        qh [4]u8, qs [16]u8    value = d * (q - 16)
//! Q5_1   d f16, m f16, qh [4]u8, qs [16]u8    value = d * q + m
//! Q8_0   d f16,                  qs [32]i8    value = d * q
//! ```
//!
//! Element `i < 16` is the low half of `qs[i]`, element `16 + i` the high half; bit `i` of `qh`,
//! read as one word, is the fifth bit of element `i`.

use camelid_gguf::TensorType;

use super::{Format, f16_at, split_nibbles, u32_at};

pub(super) struct Q4_0;

impl Format for Q4_0 {
    const TYPE: TensorType = TensorType::Q4_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 8;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        split_nibbles(&block[2..], codes);
    }
}

pub(super) struct Q4_1;

impl Format for Q4_1 {
    const TYPE: TensorType = TensorType::Q4_1;
    const GROUP: usize = 32;
    const ZERO: u8 = 0;
    const HAS_MINS: bool = true;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        mins[0] = -f16_at(block, 2);
        split_nibbles(&block[4..], codes);
    }
}

pub(super) struct Q5_0;

impl Format for Q5_0 {
    const TYPE: TensorType = TensorType::Q5_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 16;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        split_nibbles(&block[6..], codes);
        add_fifth_bits(u32_at(block, 2), codes);
    }
}

pub(super) struct Q5_1;

impl Format for Q5_1 {
    const TYPE: TensorType = TensorType::Q5_1;
    const GROUP: usize = 32;
    const ZERO: u8 = 0;
    const HAS_MINS: bool = true;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        mins[0] = -f16_at(block, 2);
        split_nibbles(&block[8..], codes);
        add_fifth_bits(u32_at(block, 4), codes);
    }
}

pub(super) struct Q8_0;

impl Format for Q8_0 {
    const TYPE: TensorType = TensorType::Q8_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 128;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        for (code, &q) in codes.iter_mut().zip(&block[2..]) {
            // Flipping the sign bit adds 128.
            *code = q ^ 0x80;
        }
    }
}

fn add_fifth_bits(bits: u32, codes: &mut [u8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= ((bits >> i & 1) as u8) << 4;
    }
}
