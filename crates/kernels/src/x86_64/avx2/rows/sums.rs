//! From products to one lane per row.

use std::arch::x86_64::*;

use crate::x86_64::headroom::Headroom;

/// The products of two vectors: each lane adds four of either.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn dot_pair<const SIGNED: bool, const MAX: i32>(
    codes: [__m256i; 2],
    x: [__m256i; 2],
) -> __m256i {
    let (a, b) = (pairs::<SIGNED>(codes[0], x[0]), pairs::<SIGNED>(codes[1], x[1]));
    if 4 * MAX * 127 <= i32::from(i16::MAX) {
        widen(_mm256_add_epi16(a, b))
    } else {
        _mm256_add_epi32(widen(a), widen(b))
    }
}

/// The products of one vector: each lane adds four.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn dot_one<const SIGNED: bool>(codes: __m256i, x: __m256i) -> __m256i {
    widen(pairs::<SIGNED>(codes, x))
}

/// Sums of two products in 16 bits: at most 2 * 128 * 127, which fits.
///
/// Codes with a sign pass it on to the activations first, as one factor must have none.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn pairs<const SIGNED: bool>(codes: __m256i, x: __m256i) -> __m256i {
    if SIGNED {
        _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes))
    } else {
        _mm256_maddubs_epi16(codes, x)
    }
}

/// Adds neighbours to 32 bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn widen(x: __m256i) -> __m256i {
    _mm256_madd_epi16(x, _mm256_set1_epi16(1))
}

/// Adds each part's four lanes: in part `p`, lane `r` of the result is the sum for row `r`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_quad(headroom: u8, rows: [__m256i; 4]) -> __m256i {
    let [a, b, c, d] = rows;
    match headroom {
        Headroom::NONE => {
            let ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd))
        }
        Headroom::ONE => {
            let ab = _mm256_castsi256_ps(add_pairs(a, b));
            let cd = _mm256_castsi256_ps(add_pairs(c, d));
            _mm256_add_epi32(
                _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(ab, cd)),
                _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(ab, cd)),
            )
        }
        _ => add_pairs(add_pairs(a, b), add_pairs(c, d)),
    }
}

/// Adds neighbouring lanes: in each part two sums of `a`, then two of `b`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_pairs(a: __m256i, b: __m256i) -> __m256i {
    widen(_mm256_packs_epi32(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x86_64::avx2;

    /// 32 columns of the largest code with the largest activations, in four rows.
    #[target_feature(enable = "avx2,fma,f16c")]
    fn largest<const SIGNED: bool, const MAX: i32>(x: i8) -> i32 {
        let (codes, x) = (_mm256_set1_epi8(MAX as i8), _mm256_set1_epi8(x));
        let lanes = dot_pair::<SIGNED, MAX>([codes; 2], [x; 2]);
        _mm256_cvtsi256_si32(add_quad(const { Headroom::of(MAX, 8) }, [lanes; 4]))
    }

    #[test]
    #[expect(unsafe_code, reason = "calls functions compiled for AVX2, where there is some")]
    fn the_largest_sums_are_exact() {
        if !avx2::is_available() {
            eprintln!("SKIPPED: no AVX2 here");
            return;
        }
        for x in [-127, 127] {
            // SAFETY: the features were found.
            let sums = unsafe {
                [
                    largest::<false, 15>(x),
                    largest::<false, 31>(x),
                    largest::<false, 63>(x),
                    largest::<false, 127>(x),
                    // The largest magnitude is that of -128.
                    largest::<true, 128>(x),
                ]
            };
            assert_eq!(sums, [15, 31, 63, 127, -128].map(|code| 32 * code * i32::from(x)));
        }
    }
}
