//! Four bits that index unevenly spaced values.
//!
//! ```text
//! IQ4_NL   d f16, qs [16]u8                                       32 elements
//!          value = d * VALUES[q]
//! IQ4_XS   d f16, scales_h u16, scales_l [4]u8, qs [128]u8        256, groups of 32
//!          value = d * (scale - 32) * VALUES[q]
//! MXFP4    e u8, qs [16]u8                                        32 elements
//!          value = 2^(e - 128) * DOUBLED_E2M1[q]
//! NVFP4    d [4]u8, qs [32]u8                                     64, groups of 16
//!          value = E4M3(d) / 2 * DOUBLED_E2M1[q]
//! ```
//!
//! Within 32 elements (16 for NVFP4) the low halves of the bytes come first, then the high
//! halves. Scale `i` of IQ4_XS has its low four bits in half `i` of `scales_l` and its upper two
//! in bits `2 i` of `scales_h`.

use camelid_gguf::TensorType;

use super::{Format, f16_at, split_nibbles, u16_at};

/// What the codes of the IQ4 formats stand for: dense around 0.
const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the values of a float with one sign, two exponent and one mantissa bit (E2M1).
const DOUBLED_E2M1: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// [`VALUES`] as codes around 128.
pub(crate) const IQ4_CODES: [u8; 16] = codes_around(VALUES, IQ4_ZERO);
/// [`DOUBLED_E2M1`] as codes around 16.
pub(crate) const FP4_CODES: [u8; 16] = codes_around(DOUBLED_E2M1, FP4_ZERO);

pub(crate) const IQ4_ZERO: u8 = 128;
pub(crate) const FP4_ZERO: u8 = 16;

const fn codes_around(values: [i8; 16], zero: u8) -> [u8; 16] {
    let mut codes = [0; 16];
    let mut i = 0;
    while i < 16 {
        codes[i] = zero.wrapping_add_signed(values[i]);
        i += 1;
    }
    codes
}

pub(super) struct Iq4Nl;

impl Format for Iq4Nl {
    const TYPE: TensorType = TensorType::IQ4_NL;
    const GROUP: usize = 32;
    const ZERO: u8 = IQ4_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        look_up(&block[2..], codes, &IQ4_CODES);
    }
}

pub(super) struct Iq4Xs;

impl Format for Iq4Xs {
    const TYPE: TensorType = TensorType::IQ4_XS;
    const GROUP: usize = 32;
    const ZERO: u8 = IQ4_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 0);
        let high_bits = u16_at(block, 2);
        for (i, scale) in scales.iter_mut().enumerate() {
            let low = block[4 + i / 2] >> (4 * (i % 2)) & 15;
            let high = (high_bits >> (2 * i) & 3) as u8;
            *scale = d * f32::from(i16::from(low | high << 4) - 32);
        }
        for (codes, bytes) in codes.chunks_exact_mut(32).zip(block[8..].chunks_exact(16)) {
            look_up(bytes, codes, &IQ4_CODES);
        }
    }
}

pub(super) struct Mxfp4;

impl Format for Mxfp4 {
    const TYPE: TensorType = TensorType::MXFP4;
    const GROUP: usize = 32;
    const ZERO: u8 = FP4_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = half_e8m0(block[0]);
        look_up(&block[1..], codes, &FP4_CODES);
    }
}

pub(super) struct Nvfp4;

impl Format for Nvfp4 {
    const TYPE: TensorType = TensorType::NVFP4;
    const GROUP: usize = 16;
    const ZERO: u8 = FP4_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        for (scale, &byte) in scales.iter_mut().zip(&block[..4]) {
            *scale = half_e4m3(byte);
        }
        for (codes, bytes) in codes.chunks_exact_mut(16).zip(block[4..].chunks_exact(8)) {
            look_up(bytes, codes, &FP4_CODES);
        }
    }
}

/// `2^(e - 128)`: half of the power of two that an 8-bit exponent stands for.
pub(crate) fn half_e8m0(e: u8) -> f32 {
    match e {
        // Below the normal range.
        0 => f32::from_bits(1 << 21),
        1 => f32::from_bits(1 << 22),
        _ => f32::from_bits(u32::from(e - 1) << 23),
    }
}

/// Half the value of an unsigned float with four exponent and three mantissa bits; its NaN counts
/// as 0, as in ggml.
pub(crate) fn half_e4m3(byte: u8) -> f32 {
    if byte == 0x7f {
        return 0.0;
    }
    let (exponent, mantissa) = (byte >> 3 & 15, f32::from(byte & 7));
    // 2^n by its exponent field; 127 is the bias of f32.
    let power = |n: i32| f32::from_bits(((127 + n) as u32) << 23);
    match exponent {
        0 => mantissa * power(-10),
        _ => (1.0 + mantissa / 8.0) * power(i32::from(exponent) - 8),
    }
}

fn look_up(bytes: &[u8], codes: &mut [u8], table: &[u8; 16]) {
    split_nibbles(bytes, codes);
    for code in codes {
        *code = table[usize::from(*code & 15)];
    }
}
