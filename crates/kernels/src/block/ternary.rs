//! Ternary formats: 256 elements of -1, 0 and 1 under one f16 scale.
//!
//! ```text
//! TQ1_0   qs [48]u8, qh [4]u8, d f16
//! TQ2_0   qs [64]u8, d f16
//!         value = d * (q - 1)
//! ```
//!
//! TQ2_0 has two bits per element, as Q2_K. TQ1_0 puts five digits to base three in a byte, as a
//! fraction: `byte * 3^n`, modulo 256, times 3 has digit `n` above its low 8 bits. The first 32
//! bytes give elements 0 to 159 (digit `n` of byte `l` is element `32 n + l`), the next 16 bytes
//! elements 160 to 239 in the same way, and four digits each of `qh` the last 16.

use camelid_gguf::TensorType;

use super::k_quants::split_crumbs;
use super::{Format, f16_at};

pub(super) struct Tq1_0;

impl Format for Tq1_0 {
    const TYPE: TensorType = TensorType::TQ1_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 1;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales.fill(f16_at(block, 52));
        let (first, rest) = codes.split_at_mut(160);
        let (second, third) = rest.split_at_mut(80);
        split_digits(&block[..32], first);
        split_digits(&block[32..48], second);
        split_digits(&block[48..52], third);
    }
}

fn split_digits(bytes: &[u8], codes: &mut [u8]) {
    let mut power = 1u8;
    for codes in codes.chunks_exact_mut(bytes.len()) {
        for (code, byte) in codes.iter_mut().zip(bytes) {
            *code = ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as u8;
        }
        power = power.wrapping_mul(3);
    }
}

pub(super) struct Tq2_0;

impl Format for Tq2_0 {
    const TYPE: TensorType = TensorType::TQ2_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 1;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales.fill(f16_at(block, 64));
        split_crumbs(&block[..64], codes);
    }
}
