use proptest::prelude::*;

use super::*;
use crate::block;

const TYPES: [TensorType; 8] = [
    TensorType::Q4_0,
    TensorType::Q4_1,
    TensorType::Q5_0,
    TensorType::Q5_1,
    TensorType::Q8_0,
    TensorType::Q4_K,
    TensorType::Q5_K,
    TensorType::Q6_K,
];

fn round_trip(ty: TensorType, x: &[f32], importance: Option<&[f32]>) -> Vec<f32> {
    let mut bytes = vec![0; ty.row_bytes(x.len()).unwrap()];
    quantize(ty, x, importance, &mut bytes).unwrap();
    let mut back = vec![0.0; x.len()];
    block::dequantize(ty, &bytes, &mut back);
    back
}

/// The data of `scripts/quantize_golden.c`: sums of four uniform numbers, and their cubes.
fn data(heavy_tails: bool) -> Vec<f32> {
    let mut state = 1u32;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..65_536)
        .map(|_| {
            let x = uniform() + uniform() + uniform() + uniform();
            if heavy_tails { x * x * x } else { x }
        })
        .collect()
}

fn rmse(x: &[f32], y: &[f32]) -> f64 {
    let sum: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
    (sum / x.len() as f64).sqrt()
}

#[test]
#[cfg_attr(miri, ignore = "many thousands of elements")]
fn errors_are_no_larger_than_those_of_ggml() {
    let golden = include_str!("../../testdata/quantize.txt");
    let (normal, heavy) = (data(false), data(true));
    for line in golden.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let ty = *TYPES.iter().find(|ty| ty.name().eq_ignore_ascii_case(fields[0])).unwrap();
        for (x, ggml) in [(&normal, fields[1]), (&heavy, fields[2])] {
            let ggml: f64 = ggml.parse().unwrap();
            let ours = rmse(x, &round_trip(ty, x, None));
            // Rounded in print.
            assert!(ours <= ggml * 1.001, "{ty}: error {ours}, ggml {ggml}");
        }
    }
    assert_eq!(golden.lines().count(), TYPES.len());
}

#[test]
fn important_columns_get_smaller_errors() {
    let x = &data(true)[..1024];
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
    let unsupported = quantize(TensorType::IQ1_S, &[0.0; 256], 50).unwrap_err();
    assert_eq!(unsupported, Error::UnsupportedType { ty: TensorType::IQ1_S });
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
    fn values_come_back_within_a_step_and_finite(
        x in proptest::collection::vec(prop_oneof![8 => -1.0f32..1.0, 1 => Just(0.0)], 256),
        exponent in -30i32..10,
    ) {
        let x: Vec<f32> = x.iter().map(|x| x * 2f32.powi(exponent)).collect();
        for ty in TYPES {
            let back = round_trip(ty, &x, None);
            let largest = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            // An eighth of the largest is the step of four signed bits. The smallest f16 is 2^-24,
            // and K-quants multiply it by up to 63 and 31.
            let tolerance = 0.2 * largest + 2f32.powi(-13);
            for (x, back) in x.iter().zip(&back) {
                prop_assert!((x - back).abs() <= tolerance, "{ty}: {x} came back as {back}");
            }
        }
    }
}
