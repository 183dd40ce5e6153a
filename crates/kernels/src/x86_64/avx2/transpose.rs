//! 8 rows of 8 words become 8 columns.

use std::arch::x86_64::*;

/// Transposes an 8 by 8 matrix of 32-bit words.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn transpose_8x8(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = [_mm256_setzero_si256(); 8];
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // quads[4 * i + j]: column j of each part, rows 4 * i .. 4 * i + 4.
    let mut quads = [_mm256_setzero_si256(); 8];
    for i in 0..2 {
        for j in 0..2 {
            let (low, high) = (pairs[4 * i + j], pairs[4 * i + j + 2]);
            quads[4 * i + 2 * j] = _mm256_unpacklo_epi64(low, high);
            quads[4 * i + 2 * j + 1] = _mm256_unpackhi_epi64(low, high);
        }
    }
    let mut columns = [_mm256_setzero_si256(); 8];
    for j in 0..4 {
        columns[j] = _mm256_permute2x128_si256::<0x20>(quads[j], quads[4 + j]);
        columns[4 + j] = _mm256_permute2x128_si256::<0x31>(quads[j], quads[4 + j]);
    }
    columns
}
