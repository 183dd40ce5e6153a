//! 4 rows of 4 words become 4 columns.

use std::arch::aarch64::*;

/// Transposes a 4 by 4 matrix of 32-bit words.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn transpose_4x4([a, b, c, d]: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
    let [a, b, c, d] = [a, b, c, d].map(|row| vreinterpretq_u32_u8(row));
    // Columns 0 and 2, and columns 1 and 3, of two rows.
    let [ab_even, ab_odd] = [vtrn1q_u32(a, b), vtrn2q_u32(a, b)];
    let [cd_even, cd_odd] = [vtrn1q_u32(c, d), vtrn2q_u32(c, d)];
    let [ab_even, ab_odd, cd_even, cd_odd] =
        [ab_even, ab_odd, cd_even, cd_odd].map(|pairs| vreinterpretq_u64_u32(pairs));
    [
        vtrn1q_u64(ab_even, cd_even),
        vtrn1q_u64(ab_odd, cd_odd),
        vtrn2q_u64(ab_even, cd_even),
        vtrn2q_u64(ab_odd, cd_odd),
    ]
    .map(|column| vreinterpretq_u8_u64(column))
}
