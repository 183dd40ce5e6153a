use proptest::prelude::*;

use super::*;
use crate::block;

/// Every type of blocks that can be written; under Miri without those of codebooks, whose tables
/// would take it an hour.
fn types() -> impl Iterator<Item = TensorType> {
    let left_out = |ty: &TensorType| {
        cfg!(miri) && ["IQ1", "IQ2", "IQ3"].iter().any(|prefix| ty.name().starts_with(prefix))
    };
    let written = move |ty: &TensorType| can_quantize(*ty) && ty.block_len() > 1 && !left_out(ty);
    TensorType::ALL.iter().copied().filter(written)
}

fn round_trip(ty: TensorType, x: &[f32], importance: Option<&[f32]>) -> Vec<f32> {
    let mut bytes = vec![0; ty.row_bytes(x.len()).unwrap()];
    quantize(ty, x, importance, &mut bytes).unwrap();
    let mut back = vec![0.0; x.len()];
    block::dequantize(ty, &bytes, &mut back);
    back
}

/// The data of `scripts/quantize_golden.c`, and its importance: sums of four uniform numbers, or
/// their cubes.
fn data(heavy_tails: bool) -> (Vec<f32>, Vec<f32>) {
    let mut state = 1u32;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut number = || {
        let x = uniform() + uniform() + uniform() + uniform();
        if heavy_tails { x * x * x } else { x }
    };
    let x = (0..64 * N_COLS).map(|_| number()).collect();
    let importance = (0..N_COLS).map(|_| 0.01 + (uniform() + 0.5).powi(2)).collect();
    (x, importance)
}

fn rmse(x: &[f32], y: &[f32]) -> f64 {
    let sum: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
    (sum / x.len() as f64).sqrt()
}

/// Columns of the script's rows.
const N_COLS: usize = 1024;

#[test]
#[cfg_attr(miri, ignore = "many thousands of elements")]
fn errors_are_no_larger_than_those_of_ggml() {
    let golden = include_str!("../../testdata/quantize.txt");
    let (normal, importance) = data(false);
    let (heavy, _) = data(true);
    let mut n_types = 0;
    for line in golden.lines() {
        let mut fields = line.split(' ');
        let name = fields.next().unwrap();
        let ty = types().find(|ty| ty.name().eq_ignore_ascii_case(name)).unwrap();
        for importance in [None, Some(&importance[..])] {
            for x in [&normal, &heavy] {
                let ggml: f64 = fields.next().unwrap().parse().unwrap();
                if importance.is_none() && needs_importance(ty) {
                    assert_eq!(ggml, 0.0, "{ty}: ggml needs none");
                    continue;
                }
                let ours = weighted_rmse(ty, x, importance);
                // Rounded in print.
                assert!(ours <= ggml * 1.00001, "{ty}: error {ours}, ggml {ggml}");
            }
        }
        n_types += 1;
    }
    assert_eq!(n_types, types().count());
}

/// The error of rows of [`N_COLS`], weighted by importance.
fn weighted_rmse(ty: TensorType, x: &[f32], importance: Option<&[f32]>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for x in x.chunks(N_COLS) {
        let back = round_trip(ty, x, importance);
        for (i, (x, back)) in x.iter().zip(back).enumerate() {
            let w = f64::from(importance.map_or(1.0, |importance| importance[i]));
            sum += w * f64::from(x - back).powi(2);
            weights += w;
        }
    }
    (sum / weights).sqrt()
}

#[test]
fn important_columns_get_smaller_errors() {
    let x = &data(true).0[..1024];
    let weights: Vec<f32> = (0..x.len()).map(|i| if i % 4 == 0 { 100.0 } else { 1.0 }).collect();
    let error = |y: &[f32]| -> f64 {
        let important = |x: &[f32]| x.iter().step_by(4).copied().collect::<Vec<f32>>();
        rmse(&important(x), &important(y))
    };
    for ty in [TensorType::Q4_0, TensorType::Q4_1, TensorType::Q4_K, TensorType::Q6_K] {
        let (even, weighted) =
            (error(&round_trip(ty, x, None)), error(&round_trip(ty, x, Some(&weights))));
        assert!(weighted < even, "{ty}: {weighted} with importance, {even} without");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let quantize = |ty, x: &[f32], n_bytes| quantize(ty, x, None, &mut vec![0; n_bytes]);
    let ragged = quantize(TensorType::Q4_0, &[0.0; 33], 18).unwrap_err();
    assert!(matches!(ragged, Error::RaggedRow { n_cols: 33, .. }));
    let short = quantize(TensorType::Q4_0, &[0.0; 32], 17).unwrap_err();
    assert!(matches!(short, Error::WrongLength { needed: 18, found: 17, .. }));
    let mut x = [0.0; 32];
    x[7] = f32::NAN;
    let nan = quantize(TensorType::Q4_0, &x, 18).unwrap_err();
    assert!(matches!(nan, Error::NotFinite { index: 7, .. }));
    let unsupported = quantize(TensorType::I32, &[0.0; 256], 1024).unwrap_err();
    assert_eq!(unsupported, Error::UnsupportedType { ty: TensorType::I32 });
    for ty in types().filter(|ty| needs_importance(*ty)) {
        let without = quantize(ty, &[0.0; 256], ty.block_bytes()).unwrap_err();
        assert_eq!(without, Error::NeedsImportance { ty });
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks for a codebook format")]
fn importance_is_checked_and_has_no_unit() {
    let x = &data(false).0[..256];
    for bad in [-1.0, f32::NAN, f32::INFINITY] {
        let mut importance = [1.0; 256];
        importance[9] = bad;
        let error = quantize(TensorType::IQ2_S, x, Some(&importance), &mut [0; 82]).unwrap_err();
        assert!(matches!(error, Error::BadImportance { index: 9, .. }), "{error}");
    }
    for ty in types() {
        let [ones, tiny, none] = [1.0, 1e-30, 0.0].map(|w| round_trip(ty, x, Some(&[w; 256])));
        assert!(ones == tiny && ones == none, "{ty}");
    }
}

#[test]
fn floats_are_rounded_to_nearest() {
    let mut out = [0; 4];
    quantize(TensorType::F16, &[1.0, -2.0], None, &mut out).unwrap();
    assert_eq!(out, [0x00, 0x3c, 0x00, 0xc0]);
    quantize(TensorType::BF16, &[1.0, -2.0], None, &mut out).unwrap();
    assert_eq!(out, [0x80, 0x3f, 0x00, 0xc0]);
    quantize(TensorType::F32, &[1.0], None, &mut out).unwrap();
    assert_eq!(out, [0, 0, 0x80, 0x3f]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 32 }))]

    #[test]
    fn what_is_written_explains_the_row_and_is_finite(
        x in proptest::collection::vec(prop_oneof![8 => -1.0f32..1.0, 1 => Just(0.0)], 256),
        exponent in -30i32..10,
    ) {
        let x: Vec<f32> = x.iter().map(|x| x * 2f32.powi(exponent)).collect();
        let even = [1.0; 256];
        for ty in types() {
            let back = round_trip(ty, &x, Some(&even));
            let zeros = [0.0; 256];
            // The smallest f16 is 2^-24, and K-quants multiply it by up to 63 and 31; other
            // formats' smallest scales are multiplied by less, and NVFP4's is 2^-10.
            let smallest = if ty == TensorType::NVFP4 { 2f64.powi(-8) } else { 2f64.powi(-13) };
            let (error, size) = (rmse(&x, &back), rmse(&x, &zeros));
            prop_assert!(error <= 0.75 * size + smallest, "{ty}: error {error} of {size}");
        }
    }

    #[test]
    fn any_finite_numbers_are_written_as_finite_ones(
        x in proptest::collection::vec(proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL, 256),
        importance in proptest::collection::vec(proptest::num::f32::POSITIVE | proptest::num::f32::ZERO, 256),
    ) {
        let importance: Vec<f32> = importance.iter().map(|x| if x.is_finite() { x.abs() } else { 0.0 }).collect();
        for ty in types() {
            let back = round_trip(ty, &x, Some(&importance));
            prop_assert!(back.iter().all(|x| x.is_finite()), "{ty}");
        }
    }
}
