//! From four lanes per row and group to one.

use std::arch::x86_64::*;

/// How far a lane's sums stay below the limits of 16 bits.
///
/// Packing two vectors to 16 bits and adding neighbours takes two instructions, adding vectors of
/// 32 bits three.
pub(super) struct Headroom;

impl Headroom {
    /// Not even one lane fits 16 bits.
    pub(super) const NONE: u8 = 0;
    /// One lane fits.
    pub(super) const ONE: u8 = 1;
    /// The sum of two lanes fits as well.
    pub(super) const TWO: u8 = 2;

    /// Of lanes that add `n` products of codes up to `max_code` with 8-bit activations.
    pub(super) const fn of(max_code: i32, n: i32) -> u8 {
        let largest = max_code * n * 127;
        if 2 * largest <= i16::MAX as i32 {
            Self::TWO
        } else if largest <= i16::MAX as i32 {
            Self::ONE
        } else {
            Self::NONE
        }
    }
}

/// Adds each part's four lanes: in part `p`, lane `r` of the result is the sum for row `r`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn add_quad<const HEADROOM: u8>(rows: [__m512i; 4]) -> __m512i {
    let [a, b, c, d] = rows;
    match HEADROOM {
        Headroom::NONE => {
            let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
        }
        Headroom::ONE => {
            let ab = _mm512_castsi512_ps(add_pairs(a, b));
            let cd = _mm512_castsi512_ps(add_pairs(c, d));
            _mm512_add_epi32(
                _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(ab, cd)),
                _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(ab, cd)),
            )
        }
        _ => add_pairs(add_pairs(a, b), add_pairs(c, d)),
    }
}

/// Adds neighbouring lanes: in each part two sums of `a`, then two of `b`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn add_pairs(a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16(1))
}

/// Gathers part `p` of each of `quads` (rows `0..4`, `4..8`, ...) in vector `p` of the result.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn spread(quads: [__m512i; 4]) -> [__m512i; 4] {
    let [a, b, c, d] = quads;
    let even = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
    let odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
    let even_high = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
    let odd_high = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
    [
        _mm512_shuffle_i32x4::<0b10_00_10_00>(even, even_high),
        _mm512_shuffle_i32x4::<0b10_00_10_00>(odd, odd_high),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(even, even_high),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(odd, odd_high),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x86_64::avx512;

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    fn sum_of_four<const HEADROOM: u8>(lane: i32) -> i32 {
        let sums = add_quad::<HEADROOM>([_mm512_set1_epi32(lane); 4]);
        _mm512_cvtsi512_si32(sums)
    }

    #[test]
    #[expect(unsafe_code, reason = "calls functions compiled for AVX-512, where there is some")]
    fn the_largest_sums_are_exact() {
        const FOUR_BITS: u8 = Headroom::of(15, 8);
        const FIVE_BITS: u8 = Headroom::of(31, 8);
        const SIX_BITS: u8 = Headroom::of(63, 4);
        const EIGHT_BITS: u8 = Headroom::of(255, 8);
        assert_eq!([FOUR_BITS, FIVE_BITS, SIX_BITS, EIGHT_BITS], [2, 1, 1, 0]);
        if !avx512::is_available() {
            eprintln!("SKIPPED: no AVX-512 here");
            return;
        }
        for sign in [-1, 1] {
            // SAFETY: the features were found.
            let sums = unsafe {
                [
                    sum_of_four::<FOUR_BITS>(sign * 15 * 8 * 127),
                    sum_of_four::<FIVE_BITS>(sign * 31 * 8 * 127),
                    sum_of_four::<SIX_BITS>(sign * 63 * 4 * 127),
                    sum_of_four::<EIGHT_BITS>(sign * 255 * 8 * 127),
                ]
            };
            assert_eq!(sums, [15 * 8, 31 * 8, 63 * 4, 255 * 8].map(|n| sign * 4 * n * 127));
        }
    }
}
