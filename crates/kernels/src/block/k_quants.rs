//! K-quants: 256 elements, small integer scales per group under one f16 scale.
//!
//! ```text
//! Q2_K   scales [16]u8, qs [64]u8, d f16, dmin f16         groups of 16
//!        value = d * (scale & 15) * q - dmin * (scale >> 4)
//! Q3_K   hmask [32]u8, qs [64]u8, scales [12]u8, d f16     groups of 16
//!        value = d * (scale - 32) * (q - 4)
//! Q4_K   d f16, dmin f16, scales [12]u8, qs [128]u8        groups of 32
//! Q5_K   d f16, dmin f16, scales [12]u8, qh [32]u8, qs [128]u8
//!        value = d * scale * q - dmin * min
//! Q6_K   ql [128]u8, qh [64]u8, scales [16]i8, d f16       groups of 16
//!        value = d * scale * (q - 32)
//! ```
//!
//! The low bits of Q2_K and Q3_K go in halves of 128 elements: element `32 k + l` of a half is
//! bits `2 k, 2 k + 1` of the half's byte `l`. Q4_K and Q5_K go in quarters of 64: element `l` is
//! the low half of the quarter's byte `l`, element `32 + l` the high half. High bits lie across:
//! bit `j` of `hmask[l]` or `qh[l]` belongs to element `32 j + l`. Q6_K is described at its code.

use camelid_gguf::TensorType;

use super::{Format, f16_at, split_nibbles, u32_at};

pub(super) struct Q2K;

impl Format for Q2K {
    const TYPE: TensorType = TensorType::Q2_K;
    const GROUP: usize = 16;
    const ZERO: u8 = 0;
    const HAS_MINS: bool = true;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
        for ((scale, min), &byte) in scales.iter_mut().zip(mins).zip(&block[..16]) {
            *scale = d * f32::from(byte & 15);
            *min = dmin * f32::from(byte >> 4);
        }
        split_crumbs(&block[16..80], codes);
    }
}

pub(super) struct Q3K;

impl Format for Q3K {
    const TYPE: TensorType = TensorType::Q3_K;
    const GROUP: usize = 16;
    const ZERO: u8 = 4;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 108);
        for (i, scale) in scales.iter_mut().enumerate() {
            *scale = d * f32::from(i16::from(q3_k_scale(&block[96..108], i)) - 32);
        }
        split_crumbs(&block[32..96], codes);
        add_high_bits(&block[..32], codes, 4);
    }
}

/// The 6-bit scale of group `i`: bits 0 to 3 from the halves of the first 8 bytes, bits 4 and 5
/// from the quarters of the last 4.
fn q3_k_scale(scales: &[u8], i: usize) -> u8 {
    let low = scales[i % 8] >> (4 * (i / 8)) & 15;
    let high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
    low | high << 4
}

pub(super) struct Q4K;

impl Format for Q4K {
    const TYPE: TensorType = TensorType::Q4_K;
    const GROUP: usize = 32;
    const ZERO: u8 = 0;
    const HAS_MINS: bool = true;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        unpack_scales(&block[..16], scales, mins);
        split_quarters(&block[16..], codes);
    }
}

pub(super) struct Q5K;

impl Format for Q5K {
    const TYPE: TensorType = TensorType::Q5_K;
    const GROUP: usize = 32;
    const ZERO: u8 = 0;
    const HAS_MINS: bool = true;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        unpack_scales(&block[..16], scales, mins);
        split_quarters(&block[48..], codes);
        add_high_bits(&block[16..48], codes, 16);
    }
}

/// The head of Q4_K and Q5_K: `d`, `dmin`, and eight 6-bit scales and minimums in 12 bytes.
///
/// As three words of four bytes: the first holds scales 0 to 3, the second minimums 0 to 3, each
/// in its bytes' low 6 bits; the third holds the low halves of scales and minimums 4 to 7, whose
/// upper two bits are the top bits of the first two words' bytes.
pub(crate) fn unpack_scales(head: &[u8], scales: &mut [f32], mins: &mut [f32]) {
    let (d, dmin) = (f16_at(head, 0), f16_at(head, 2));
    let (a, b, c) = (u32_at(head, 4), u32_at(head, 8), u32_at(head, 12));
    let words = [
        a & 0x3f3f_3f3f,
        c & 0x0f0f_0f0f | a >> 2 & 0x3030_3030,
        b & 0x3f3f_3f3f,
        c >> 4 & 0x0f0f_0f0f | b >> 2 & 0x3030_3030,
    ];
    let bytes = words.map(u32::to_le_bytes);
    let (scale_bytes, min_bytes) = bytes.as_flattened().split_at(8);
    for (scale, &byte) in scales.iter_mut().zip(scale_bytes) {
        *scale = d * f32::from(byte);
    }
    for (min, &byte) in mins.iter_mut().zip(min_bytes) {
        *min = dmin * f32::from(byte);
    }
}

pub(super) struct Q6K;

impl Format for Q6K {
    const TYPE: TensorType = TensorType::Q6_K;
    const GROUP: usize = 16;
    const ZERO: u8 = 32;

    /// In halves of 128 elements: `ql` gives 64 bytes, whose low halves are elements 0 to 63 and
    /// whose high halves elements 64 to 127; `qh` gives 32 bytes, byte `l` holding the upper two
    /// bits of elements `l`, `32 + l`, `64 + l` and `96 + l`.
    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 208);
        for (scale, &byte) in scales.iter_mut().zip(&block[192..208]) {
            *scale = d * f32::from(byte.cast_signed());
        }
        let halves = block[..128].chunks_exact(64).zip(block[128..192].chunks_exact(32));
        for (codes, (ql, qh)) in codes.chunks_exact_mut(128).zip(halves) {
            split_nibbles(ql, codes);
            for (k, codes) in codes.chunks_exact_mut(32).enumerate() {
                for (code, byte) in codes.iter_mut().zip(qh) {
                    *code |= (byte >> (2 * k) & 3) << 4;
                }
            }
        }
    }
}

/// Two bits per element, in halves of 128 elements over 32 bytes.
pub(super) fn split_crumbs(bytes: &[u8], codes: &mut [u8]) {
    for (codes, bytes) in codes.chunks_exact_mut(128).zip(bytes.chunks_exact(32)) {
        for (k, codes) in codes.chunks_exact_mut(32).enumerate() {
            for (code, byte) in codes.iter_mut().zip(bytes) {
                *code = byte >> (2 * k) & 3;
            }
        }
    }
}

/// Four bits per element, in quarters of 64 elements over 32 bytes.
fn split_quarters(bytes: &[u8], codes: &mut [u8]) {
    for (codes, bytes) in codes.chunks_exact_mut(64).zip(bytes.chunks_exact(32)) {
        split_nibbles(bytes, codes);
    }
}

/// Adds `value` to element `32 j + l` where bit `j` of `bits[l]` is set.
fn add_high_bits(bits: &[u8], codes: &mut [u8], value: u8) {
    for (j, codes) in codes.chunks_exact_mut(32).enumerate() {
        for (code, byte) in codes.iter_mut().zip(bits) {
            *code += value * (byte >> j & 1);
        }
    }
}
