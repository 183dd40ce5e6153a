//! Every kernel row does what the scalar one does.

mod wide;

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::activation::Steps;
use crate::block::FORMATS;
use crate::row_span::{RowSpan, Strided};
use crate::tile::TILE_ROWS;

const N_CASES: u32 = if cfg!(miri) { 1 } else { 32 };

/// Bytes of blocks, half of them extreme: so codes, scales and exponents reach their ends.
fn block_bytes(n_bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => any::<u8>(), 1 => Just(0), 1 => Just(0xff), 1 => Just(0x80)];
    proptest::collection::vec(byte, n_bytes)
}

/// Floats of all kinds.
fn float() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -4.0f32..4.0,
        1 => any::<f32>(),
        1 => Just(0.0),
        1 => Just(f32::MIN_POSITIVE / 4.0),
        1 => Just(f32::INFINITY),
    ]
}

fn same_bits(x: &[f32], y: &[f32]) -> bool {
    let same = |(x, y): (&f32, &f32)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
    x.len() == y.len() && x.iter().zip(y).all(same)
}

/// Bytes of a row at most: three panels of every format.
const ROW_BYTES: usize = 3 * 8 * 34;
/// Columns of a row at most.
const MAX_COLS: usize = 3 * PANEL;

/// Spans of 16 rows, the last panel whole or not, and the tokens they meet.
struct TileCase<'a> {
    format: &'static BlockFormat,
    spans: Vec<RowSpan<'a>>,
    n_tokens: usize,
    /// `[n_panels, n_tokens]`.
    x: Vec<ActivationPanel>,
}

impl<'a> TileCase<'a> {
    fn new(
        format: &'static BlockFormat,
        n_cols: usize,
        bytes: &'a [u8],
        (n_spans, n_tokens): (usize, usize),
        x: &[f32],
        finite: bool,
    ) -> Self {
        let n_blocks = n_cols.div_ceil(format.len);
        let n_cols = n_blocks * format.len;
        let row = |i: usize| &bytes[i % TILE_ROWS * ROW_BYTES..][..n_blocks * format.bytes];
        // What is asked for must not be seen in the sums.
        let ahead = if finite { bytes } else { &[] };
        let strided = Strided { bytes, stride: ROW_BYTES };
        let span = |first| match first {
            0 => RowSpan::strided(strided, n_blocks * format.bytes, ahead),
            _ => RowSpan::new(std::array::from_fn(|i| row(first + i)), ahead),
        };
        let spec = format.panel_spec();
        let quantize = |(panel_idx, token_idx): (usize, usize)| {
            let mut x = x[..n_cols].to_vec();
            x.rotate_left(token_idx % n_cols);
            let mut x = x[panel_idx * PANEL..n_cols.min((panel_idx + 1) * PANEL)].to_vec();
            if finite {
                x.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = 1.0);
            }
            let mut panel = ActivationPanel::default();
            SCALAR.quantize(&x, spec, &mut panel);
            panel
        };
        let panels = 0..n_cols.div_ceil(PANEL);
        let x = panels.flat_map(|panel_idx| (0..n_tokens).map(move |token| (panel_idx, token)));
        let spans = (0..n_spans).map(span).collect();
        Self { format, spans, n_tokens, x: x.map(quantize).collect() }
    }

    /// `[n_spans, n_tokens, TILE_ROWS]` sums.
    fn run(&self, kernels: &Kernels) -> Vec<f32> {
        let mut sums = vec![RowLanes([0.5; TILE_ROWS]); self.spans.len() * self.n_tokens];
        let mut tiles: Vec<_> = self.spans.iter().map(|_| Tile::default()).collect();
        kernels.mul_rows(self.format, &self.spans, &self.x, &mut sums, &mut tiles);
        sums.iter().flat_map(|lanes| lanes.0).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(N_CASES))]

    #[test]
    fn every_row_multiplies_to_the_same_bits(
        n_cols in prop_oneof![1..=MAX_COLS, Just(PANEL), Just(MAX_COLS)],
        bytes in block_bytes(TILE_ROWS * ROW_BYTES),
        shape in (1usize..=3, prop_oneof![1usize..=8, 1usize..=25]),
        x in proptest::collection::vec(float(), MAX_COLS),
        finite in any::<bool>(),
    ) {
        for format in FORMATS {
            let case = TileCase::new(format, n_cols, &bytes, shape, &x, finite);
            let want = case.run(&SCALAR);
            for kernels in Kernels::available() {
                let got = case.run(kernels);
                let what = format!("{} of {}", kernels.name, format.ty);
                prop_assert!(same_bits(&got, &want), "{what}");
            }
        }
    }

    #[test]
    fn every_row_rounds_activations_to_the_same_bits(
        n_groups in 0usize..=8,
        x in proptest::collection::vec(float(), PANEL),
        group in prop_oneof![Just(16), Just(32)],
        zero in any::<u8>(),
        steps in prop_oneof![Just(Steps::Own), Just(Steps::Doubling)],
    ) {
        let spec = PanelSpec { group, zero, steps };
        let run = |kernels: &Kernels| {
            let mut panel = ActivationPanel::default();
            kernels.quantize(&x[..GROUP * n_groups], spec, &mut panel);
            panel
        };
        let want = run(&SCALAR);
        for kernels in Kernels::available() {
            let panel = run(kernels);
            prop_assert!(panel.codes == want.codes && panel.starts == want.starts);
            let scales = |panel: &ActivationPanel| {
                let mut scales = vec![panel.step];
                scales.extend((0..PANEL / group).map(|i| panel.scale(i)));
                scales
            };
            prop_assert!(same_bits(&scales(&panel), &scales(&want)), "{}", kernels.name);
            prop_assert!(same_bits(&panel.sums, &want.sums), "{}", kernels.name);
        }
    }

    #[test]
    fn every_row_computes_the_same_floats(
        mut x in proptest::collection::vec(float(), 0..70),
        m in 0usize..=14,
        k in 0usize..=2 * MAX_K + 5,
        n in (1usize..=6).prop_map(|n| 16 * n),
        slope in 0.5f32..2.0,
    ) {
        x.iter_mut().for_each(|x| *x = x.clamp(-1e4, 1e4));
        let y: Vec<f32> = x.iter().rev().copied().collect();
        let (a, b) = (ramp(k.div_ceil(MAX_K) * m * MAX_K), ramp(k * n));
        let halves: Vec<f16> = b.iter().map(|&x| f16::from_f32(x)).collect();
        let shorts: Vec<bf16> = b.iter().map(|&x| bf16::from_f32(x)).collect();
        let stored = [FloatRows::F32(&b), FloatRows::F16(&halves), FloatRows::BF16(&shorts)];
        // Large terms may cancel; the error of a sum is measured by the terms.
        let magnitude = ramp(x.len()).iter().zip(&y).fold(1.0f32, |sum, (a, b)| sum + (a * b).abs());
        let run = |kernels: &Kernels| {
            let dot = kernels.dot_f32(&ramp(x.len()), &y) / magnitude;
            let (mut exps, mut gated, mut plain) = (x.clone(), x.clone(), x.clone());
            let max = x.iter().copied().fold(0.0, f32::max);
            let sum = kernels.exp_sum(&mut exps, max);
            kernels.gate(&mut gated, Some(&y), Sigmoid { slope, cubic: 0.0 });
            kernels.gate(&mut plain, None, Sigmoid { slope, cubic: 0.044 });
            let mut capped = x.clone();
            kernels.softcap(&mut capped, 30.0, 1.5);
            let mut products = vec![1.0; 3 * m * n];
            for (b, c) in stored.iter().zip(products.chunks_exact_mut((m * n).max(1))) {
                kernels.gemm(n, a.as_chunks().0, *b, &mut c[..m * n]);
            }
            [vec![dot, sum], exps, gated, plain, capped, products]
        };
        let want = run(&SCALAR);
        for kernels in Kernels::available() {
            for (what, (got, want)) in run(kernels).iter().zip(&want).enumerate() {
                let scale = want.iter().fold(1.0f32, |max, x| max.max(x.abs()));
                for (got, want) in got.iter().zip(want) {
                    let close = (got - want).abs() <= MAX_FLOAT_ERROR * scale;
                    prop_assert!(close, "{} {what}: {got}, scalar {want}", kernels.name);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(N_CASES))]

    #[test]
    fn every_row_softens_the_same_scores(
        scores in proptest::collection::vec(float(), 3 * MAX_K),
        n_hidden in 0usize..=MAX_K,
        start in prop_oneof![Just(f32::MIN), -50.0f32..50.0],
    ) {
        let mut scores = scores;
        scores.iter_mut().for_each(|x| *x = x.clamp(-1e3, 1e3));
        scores[..n_hidden].fill(f32::NEG_INFINITY);
        let run = |kernels: &Kernels| {
            let mut rows = [Running { max: start, factor: 9.0, sums: [0.25; 16] }; 3];
            let mut weights = scores.clone();
            kernels.soften(weights.as_chunks_mut().0, &mut rows);
            kernels.soften(weights.as_chunks_mut().0, &mut rows);
            let states: Vec<f32> = rows.iter().flat_map(|r| [r.max, r.factor]).collect();
            [weights, states, rows.iter().flat_map(|row| row.sums).collect()]
        };
        let want = run(&SCALAR);
        for kernels in Kernels::available() {
            for (got, want) in run(kernels).iter().flatten().zip(want.iter().flatten()) {
                // Weights next to nothing are denormal, with few bits.
                let close = (got - want).abs() <= MAX_FLOAT_ERROR * want.abs() + 1e-37;
                prop_assert!(close, "{}: {got}, scalar {want}", kernels.name);
            }
        }
    }

    #[test]
    fn every_row_widens_to_the_same_bits(
        codes in block_bytes(5 * 32),
        scales in proptest::collection::vec(float(), 5),
        zero in prop_oneof![Just(8u8), Just(128)],
        bits in proptest::collection::vec(any::<u16>(), 0..70),
    ) {
        let run = |kernels: &Kernels| {
            let mut out = vec![0.0; 5 * 80];
            kernels.widen_codes((codes.as_chunks().0, zero), &scales, &mut out, (80, 48));
            let halves: Vec<f16> = bits.iter().map(|&x| f16::from_bits(x)).collect();
            let shorts: Vec<bf16> = bits.iter().map(|&x| bf16::from_bits(x)).collect();
            let mut floats = vec![0.0; 2 * bits.len()];
            let (low, high) = floats.split_at_mut(bits.len());
            kernels.widen(FloatRows::F16(&halves), low);
            kernels.widen(FloatRows::BF16(&shorts), high);
            (out, floats)
        };
        let want = run(&SCALAR);
        for kernels in Kernels::available() {
            let got = run(kernels);
            prop_assert!(same_bits(&got.0, &want.0), "codes, {}", kernels.name);
            prop_assert!(same_bits(&got.1, &want.1), "floats, {}", kernels.name);
        }
    }
}

/// How far float results of two rows may lie apart, relative to the largest.
const MAX_FLOAT_ERROR: f32 = 2e-6;

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 37 % 64) as f32 / 32.0 - 1.0).collect()
}

#[test]
fn exponentials_at_their_limits() {
    for kernels in Kernels::available() {
        let inputs =
            [0.0, -1.0, 88.0, 89.5, -87.0, -103.0, -200.0, f32::NEG_INFINITY, f32::INFINITY];
        let mut x = inputs;
        kernels.exp_sum(&mut x, 0.0);
        for (got, input) in x.into_iter().zip(inputs) {
            let want = input.exp();
            let same =
                got == want || ((got - want) / want).abs() < 4e-7 || (got - want).abs() < 2e-45;
            assert!(same, "{}: exp({input}) is {got}, expected {want}", kernels.name);
        }
        let mut x = [f32::NAN];
        assert!(kernels.exp_sum(&mut x, 0.0).is_nan() && x[0].is_nan(), "{}", kernels.name);
    }
}
