//! Codes of one row, 64 columns at a time. The layouts are described in `block`.
//!
//! `row` is a whole panel of a row, `quarter` says which 64 of its columns.

use std::arch::aarch64::*;

use super::mem::load_u8;
use super::unpack::part;

/// Codes of 64 neighbouring columns.
pub(super) type Codes = [uint8x16_t; 4];

/// Q4_0, and as it: two blocks of `BYTES`, whose codes' 16 bytes begin at `AT`.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn nibbles<const BYTES: usize, const AT: usize>(row: &[u8], quarter: usize) -> Codes {
    let [a, b] = &row.as_chunks::<BYTES>().0.as_chunks().0[quarter];
    let ((a_low, a_high), (b_low, b_high)) = (split(part(a, AT)), split(part(b, AT)));
    [a_low, a_high, b_low, b_high]
}

/// IQ4_NL: as [`nibbles`], by way of a table.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn iq4_nl(row: &[u8], quarter: usize, table: &[u8; 16]) -> Codes {
    let table = load_u8(table);
    let mut codes = nibbles::<18, 2>(row, quarter);
    for codes in &mut codes {
        *codes = vqtbl1q_u8(table, *codes);
    }
    codes
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q8_0(row: &[u8], quarter: usize) -> Codes {
    let [a, b] = &row.as_chunks::<34>().0.as_chunks().0[quarter];
    let codes = |block, at| veorq_u8(load_u8(part(block, at)), vdupq_n_u8(0x80));
    [codes(a, 2), codes(a, 18), codes(b, 2), codes(b, 18)]
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q4_k(row: &[u8], quarter: usize) -> Codes {
    quarter_of(part::<128>(row, 16), quarter)
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q5_k(row: &[u8], quarter: usize) -> Codes {
    let mut codes = quarter_of(part::<128>(row, 48), quarter);
    let bits = [load_u8(part(row, 16)), load_u8(part(row, 32))];
    for (i, codes) in codes.iter_mut().enumerate() {
        // Bit `j` of the high bits belongs to group `j`.
        let bit = shift_right(bits[i % 2], 2 * quarter + i / 2);
        *codes = vsliq_n_u8::<4>(*codes, vandq_u8(bit, vdupq_n_u8(1)));
    }
    codes
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q6_k(row: &[u8], quarter: usize) -> Codes {
    let (half, part_idx) = (quarter / 2, quarter % 2);
    let low = &part::<128>(row, 0).as_chunks::<16>().0[4 * half..][..4];
    let high = &part::<64>(row, 128).as_chunks::<16>().0[2 * half..][..2];
    let high = [load_u8(&high[0]), load_u8(&high[1])];
    let mut codes = [vdupq_n_u8(0); 4];
    for (i, (codes, low)) in codes.iter_mut().zip(low).enumerate() {
        let (low, high_halves) = split(low);
        let low = if part_idx == 0 { low } else { high_halves };
        let bits = shift_right(high[i % 2], 2 * (2 * part_idx + i / 2));
        *codes = vsliq_n_u8::<4>(low, vandq_u8(bits, vdupq_n_u8(3)));
    }
    codes
}

/// Four bits per element, in quarters of 64 elements over 32 bytes.
#[target_feature(enable = "neon")]
#[inline]
fn quarter_of(bytes: &[u8; 128], quarter: usize) -> Codes {
    let [a, b] = &bytes.as_chunks().0.as_chunks().0[quarter];
    let ((a_low, a_high), (b_low, b_high)) = (split(a), split(b));
    [a_low, b_low, a_high, b_high]
}

/// The halves of each byte.
#[target_feature(enable = "neon")]
#[inline]
fn split(bytes: &[u8; 16]) -> (uint8x16_t, uint8x16_t) {
    let bytes = load_u8(bytes);
    (vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8::<4>(bytes))
}

/// Shifts each byte by up to 7 bits.
#[target_feature(enable = "neon")]
#[inline]
fn shift_right(x: uint8x16_t, n: usize) -> uint8x16_t {
    vshlq_u8(x, vdupq_n_s8(-(n as i8)))
}
