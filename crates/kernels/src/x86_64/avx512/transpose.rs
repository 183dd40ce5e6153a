//! Words of 16 rows become columns, one lane per row.

use std::arch::x86_64::*;

/// Transposes a 16 by 16 matrix of 32-bit words.
///
/// Words pair up, pairs pair up within 128-bit parts, then the parts move in two steps.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn transpose_16x16(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = [_mm512_setzero_si512(); 16];
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // quads[4 * i + j]: column j of each part, rows 4 * i .. 4 * i + 4.
    let mut quads = [_mm512_setzero_si512(); 16];
    for i in 0..4 {
        for j in 0..2 {
            let (low, high) = (pairs[4 * i + j], pairs[4 * i + j + 2]);
            quads[4 * i + 2 * j] = _mm512_unpacklo_epi64(low, high);
            quads[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(low, high);
        }
    }
    let mut columns = [_mm512_setzero_si512(); 16];
    for j in 0..4 {
        let even = _mm512_shuffle_i32x4::<0b10_00_10_00>(quads[j], quads[4 + j]);
        let odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(quads[j], quads[4 + j]);
        let even_high = _mm512_shuffle_i32x4::<0b10_00_10_00>(quads[8 + j], quads[12 + j]);
        let odd_high = _mm512_shuffle_i32x4::<0b11_01_11_01>(quads[8 + j], quads[12 + j]);
        columns[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even, even_high);
        columns[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even, even_high);
        columns[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd, odd_high);
        columns[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd, odd_high);
    }
    columns
}

/// Transposes 16 rows of 8 words.
///
/// `parts[i]` holds rows `i` and `4 + i` in its halves, `parts[4 + i]` rows `8 + i` and `12 + i`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn transpose_16x8(parts: [__m512i; 8]) -> [__m512i; 8] {
    let [a, b, c, d, e, f, g, h] = parts;
    // Of each, eight rows of columns 0 to 3 and 4 to 7, in turns of four rows.
    let upper = transpose_16x4([a, b, c, d]);
    let lower = transpose_16x4([e, f, g, h]);
    let mut columns = [_mm512_setzero_si512(); 8];
    for (i, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
        columns[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(upper, lower);
        columns[4 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(upper, lower);
    }
    columns
}

/// Transposes 16 rows of 4 words.
///
/// `parts[i]` holds rows `i`, `4 + i`, `8 + i` and `12 + i`, one in each 128-bit part.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn transpose_16x4(parts: [__m512i; 4]) -> [__m512i; 4] {
    let low = _mm512_unpacklo_epi32(parts[0], parts[1]);
    let high = _mm512_unpackhi_epi32(parts[0], parts[1]);
    let low_2 = _mm512_unpacklo_epi32(parts[2], parts[3]);
    let high_2 = _mm512_unpackhi_epi32(parts[2], parts[3]);
    [
        _mm512_unpacklo_epi64(low, low_2),
        _mm512_unpackhi_epi64(low, low_2),
        _mm512_unpacklo_epi64(high, high_2),
        _mm512_unpackhi_epi64(high, high_2),
    ]
}
