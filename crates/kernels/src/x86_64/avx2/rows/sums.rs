//! From products to one lane per row.
//!
//! Sums stay in 16 bits as long as they fit: adding takes less than the multiplications by one
//! that widen.

use std::arch::x86_64::*;

/// Adds four rows' products: in part `p`, lane `r` of the result is the sum for row `r`.
///
/// Each row has `VECS` vectors, one or two, of codes up to `MAX`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn dot_quad<const VECS: usize, const SIGNED: bool, const MAX: i32>(
    codes: [[__m256i; VECS]; 4],
    x: [__m256i; VECS],
) -> __m256i {
    let mut lanes = [_mm256_setzero_si256(); 4];
    for (lanes, codes) in lanes.iter_mut().zip(codes) {
        let first = pairs::<SIGNED>(codes[0], x[0]);
        *lanes = match const { headroom(VECS, MAX) } {
            None if VECS == 2 => {
                _mm256_add_epi32(widen(first), widen(pairs::<SIGNED>(codes[1], x[1])))
            }
            None => widen(first),
            Some(_) if VECS == 2 => _mm256_add_epi16(first, pairs::<SIGNED>(codes[1], x[1])),
            Some(_) => first,
        };
    }
    let [a, b, c, d] = lanes;
    match const { headroom(VECS, MAX) } {
        None => {
            let ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd))
        }
        Some(Headroom::Two) => {
            let ab = widen(add_halves(a, b));
            let cd = widen(add_halves(c, d));
            _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd))
        }
        Some(Headroom::Four) => {
            let (ab, cd) = (add_halves(a, b), add_halves(c, d));
            let (low, high) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
            widen(_mm256_add_epi16(low, high))
        }
    }
}

/// How many lanes of 16 bits can be added in 16 bits.
#[derive(Clone, Copy)]
enum Headroom {
    Two,
    Four,
}

/// For lanes that add the products of two neighbours in each of `n_vecs` vectors, with activations
/// up to 127; `None` if not even two lanes can be added.
const fn headroom(n_vecs: usize, max_code: i32) -> Option<Headroom> {
    let lane = 2 * n_vecs as i32 * max_code * 127;
    match i16::MAX as i32 / lane {
        0 | 1 => None,
        2 | 3 => Some(Headroom::Two),
        _ => Some(Headroom::Four),
    }
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

/// Adds the halves of each part in 16 bits: in turns two sums of `a` and two of `b`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_halves(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi16(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x86_64::avx2;

    /// The largest code with the largest activations, in four rows.
    #[target_feature(enable = "avx2,fma,f16c")]
    fn largest<const VECS: usize, const SIGNED: bool, const MAX: i32>(x: i8) -> i32 {
        let (codes, x) = (_mm256_set1_epi8(MAX as i8), _mm256_set1_epi8(x));
        _mm256_cvtsi256_si32(dot_quad::<VECS, SIGNED, MAX>([[codes; VECS]; 4], [x; VECS]))
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
            let (ones, twos) = unsafe {
                (
                    [
                        largest::<1, false, 7>(x),
                        largest::<1, false, 31>(x),
                        largest::<1, false, 63>(x),
                        largest::<1, false, 127>(x),
                    ],
                    [
                        largest::<2, false, 15>(x),
                        largest::<2, false, 31>(x),
                        largest::<2, false, 63>(x),
                        largest::<2, false, 127>(x),
                        // The largest magnitude is that of -128.
                        largest::<2, true, 128>(x),
                    ],
                )
            };
            assert_eq!(ones, [7, 31, 63, 127].map(|code| 16 * code * i32::from(x)));
            assert_eq!(twos, [15, 31, 63, 127, -128].map(|code| 32 * code * i32::from(x)));
        }
    }
}
