//! One and two bits per element under one f16 scale.
//!
//! ```text
//! Q1_0   d f16, qs [16]u8    128 elements, value = d * (2 q - 1)
//! Q2_0   d f16, qs [16]u8     64 elements, value = d * (q - 1)
//! ```
//!
//! Elements fill each byte from its lowest bits up.

use camelid_gguf::TensorType;

use super::{Format, f16_at};

pub(super) struct Q1_0;

impl Format for Q1_0 {
    const TYPE: TensorType = TensorType::Q1_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 1;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales.fill(f16_at(block, 0));
        for (codes, &byte) in codes.chunks_exact_mut(8).zip(&block[2..]) {
            for (i, code) in codes.iter_mut().enumerate() {
                *code = 2 * (byte >> i & 1);
            }
        }
    }
}

pub(super) struct Q2_0;

impl Format for Q2_0 {
    const TYPE: TensorType = TensorType::Q2_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 1;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales.fill(f16_at(block, 0));
        for (codes, &byte) in codes.chunks_exact_mut(4).zip(&block[2..]) {
            for (i, code) in codes.iter_mut().enumerate() {
                *code = byte >> (2 * i) & 3;
            }
        }
    }
}
