//! Codes of 14 bits: the same in every row, and what they are worth.

use super::*;
use crate::wide::MANTISSA_BITS;

/// Columns and tokens at most; Miri is some hundred times slower.
const WIDE_COLS: usize = if cfg!(miri) { 2 * GROUP + 3 } else { MAX_COLS };
const WIDE_TOKENS: usize = if cfg!(miri) { 2 } else { 25 };
/// Spans that are multiplied together: two, and one that is left.
const N_SPANS: usize = if cfg!(miri) { 1 } else { 3 };
/// Rows of all.
const N_ROWS: usize = N_SPANS * TILE_ROWS;

/// The value of a weight.
fn value(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

fn rounded(kernels: &Kernels, x: &[f32]) -> WidePanel {
    let mut panel = WidePanel::default();
    kernels.quantize_wide(x, &mut panel);
    panel
}

/// Sums `[N_SPANS, n_tokens, TILE_ROWS]` of rows, which begin in the matrix one column after the
/// other, with tokens that begin in `x` one element after the other.
fn product(kernels: &Kernels, n_cols: usize, bits: &[u16], x: &[f32], n_tokens: usize) -> Vec<f32> {
    let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let spans: [_; N_SPANS] = std::array::from_fn(|span_idx| {
        let row = |i| &bytes[2 * (span_idx * TILE_ROWS + i)..][..2 * n_cols];
        RowSpan::new(std::array::from_fn(row), &[])
    });
    let tokens = |first: usize| {
        let last = n_cols.min(first + PANEL);
        (0..n_tokens).map(move |token| rounded(kernels, &x[token + first..token + last]))
    };
    let x: Vec<_> = (0..n_cols).step_by(PANEL).flat_map(tokens).collect();
    let mut sums = vec![RowLanes([0.5; TILE_ROWS]); N_SPANS * n_tokens];
    let mut tiles: [WideTile; N_SPANS] = Default::default();
    kernels.mul_wide(&spans, &x, &mut sums, &mut tiles);
    sums.iter().flat_map(|lanes| lanes.0).collect()
}

/// Weights of one to four exponents, and of all kinds.
fn half() -> impl Strategy<Value = u16> {
    prop_oneof![
        12 => any::<u16>().prop_map(|bits| bits & 0x8fff | 0x3000),
        2 => any::<u16>(),
        1 => 0u16..0x400,
        1 => Just(0x8000),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(N_CASES))]

    #[test]
    fn every_row_multiplies_halves_to_the_same_bits(
        n_cols in prop_oneof![1..=WIDE_COLS, 1usize..=GROUP + 1, Just(PANEL.min(WIDE_COLS))],
        bits in proptest::collection::vec(half(), WIDE_COLS + N_ROWS),
        n_tokens in 1..=WIDE_TOKENS,
        x in proptest::collection::vec(float(), WIDE_COLS + WIDE_TOKENS),
        finite in any::<bool>(),
    ) {
        let (mut x, mut bits) = (x, bits);
        if finite {
            x.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = 1.0);
            bits.iter_mut().for_each(|bits| *bits &= 0xbfff);
        }
        let want = product(&SCALAR, n_cols, &bits, &x, n_tokens);
        for kernels in Kernels::available() {
            let got = product(kernels, n_cols, &bits, &x, n_tokens);
            prop_assert!(same_bits(&got, &want), "{}", kernels.name);
        }
    }

    #[test]
    fn every_row_rounds_to_the_same_14_bits(x in proptest::collection::vec(float(), 0..=PANEL)) {
        let want = rounded(&SCALAR, &x);
        for kernels in Kernels::available() {
            let got = rounded(kernels, &x);
            prop_assert!(got.codes == want.codes && got.exponents == want.exponents);
            prop_assert!(same_bits(&[got.step], &[want.step]), "{}", kernels.name);
        }
    }

    #[test]
    fn products_of_14_bits_are_within_their_bound(
        n_cols in 1usize..=WIDE_COLS,
        bits in proptest::collection::vec(half(), WIDE_COLS + N_ROWS),
        x in proptest::collection::vec(-8.0f32..8.0, WIDE_COLS),
    ) {
        // Below 4.
        let bits: Vec<u16> = bits.iter().map(|bits| bits & 0xbfff).collect();
        let sums = product(Kernels::detect(), n_cols, &bits, &x, 1);
        for (first, sum) in sums.iter().enumerate() {
            let w: Vec<f32> = bits[first..first + n_cols].iter().map(|w| value(*w)).collect();
            let (want, bound) = textbook(&w, &x);
            let error = (f64::from(*sum) - 0.5 - want).abs();
            prop_assert!(error <= bound, "off by {error}, bound {bound}");
        }
    }
}

/// A dot product, and how far rounding both sides may bring it off.
fn textbook(w: &[f32], x: &[f32]) -> (f64, f64) {
    let largest = |x: &[f32]| x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let (mut dot, mut bound) = (0.0, 1e-5);
    for (w, x) in w.chunks(GROUP).zip(x.chunks(GROUP)) {
        let w_error = f64::from(largest(w)) / 8192.0;
        let x_error = f64::from(largest(x)) / 8191.0;
        for (&w, &x) in w.iter().zip(x) {
            dot += f64::from(w) * f64::from(x);
            bound += w_error * f64::from(x).abs() + (f64::from(w).abs() + w_error) * x_error;
            // Sums are added in f32.
            bound += 1e-6 * f64::from(w * x).abs();
        }
    }
    (dot, bound)
}

/// Exactly, which Miri's `powi` is not.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((127 + exponent).cast_unsigned() << 23)
}

/// The product of a row's first column, with the others there.
fn first_column(kernels: &Kernels, weights: &[u16], x: f32) -> f32 {
    let mut bits = vec![0; weights.len() + N_ROWS];
    bits[..weights.len()].copy_from_slice(weights);
    let mut one = vec![0.0; weights.len()];
    one[0] = x;
    product(kernels, weights.len(), &bits, &one, 1)[0] - 0.5
}

#[test]
fn weights_near_their_groups_largest_are_exact() {
    // 1.9990 and what lies two powers of two below it.
    let (largest, step) = (0x3fff, power_of_two(-12));
    for kernels in Kernels::available() {
        let odd = (largest - (2 << MANTISSA_BITS)) | 1;
        assert_eq!(first_column(kernels, &[odd, largest], 1.0), value(odd), "{}", kernels.name);
        let half_away = odd - (1 << MANTISSA_BITS);
        let got = first_column(kernels, &[half_away, largest], 1.0);
        assert_eq!(got, value(half_away) + step / 2.0, "{}", kernels.name);
    }
}

#[test]
fn what_is_not_finite_is_not_multiplied_to_a_number() {
    for kernels in Kernels::available() {
        for bad in [0x7c00, 0xfc00, 0x7c01] {
            for x in [0.0, 1.0] {
                let got = first_column(kernels, &[bad, 0x3c00], x);
                assert!(got.is_nan(), "{} {bad:x}", kernels.name);
            }
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let got = first_column(kernels, &[0x3c00, 0x3c00], bad);
            assert!(got.is_nan(), "{} {bad}", kernels.name);
        }
    }
}

#[test]
fn weights_at_the_ends_of_their_range() {
    for kernels in Kernels::available() {
        let largest = first_column(kernels, &[0x7bff, 1], 1.0);
        assert_eq!(largest, 65504.0, "{}", kernels.name);
        // Beside 1/2 nothing is left of the smallest.
        let smallest = first_column(kernels, &[1, 0], power_of_two(30)) / 64.0;
        assert_eq!(smallest, 1.0, "{}", kernels.name);
    }
}
