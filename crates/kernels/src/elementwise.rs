//! Activation functions, sums and softmax.

use crate::scalar::Sigmoid;
use crate::table::Kernels;
use crate::team::ThreadTeam;

/// Elements a task takes: long enough to pay for handing it out.
const CHUNK: usize = 8192;

/// A feed-forward network's nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x * Phi(x)` by its tanh approximation, as most models with GELU are trained.
    GeluTanh,
    /// `x * Phi(x)`, with the error function.
    GeluErf,
    /// `x * sigmoid(1.702 x)`.
    GeluQuick,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0)^2`.
    ReluSquared,
}

impl Activation {
    /// `x = act(x) * y`, or `act(x)` where there is no `y`.
    fn apply(self, kernels: &Kernels, x: &mut [f32], y: Option<&[f32]>) {
        let plain = |x: &mut [f32], act: fn(f32) -> f32| {
            x.iter_mut().for_each(|x| *x = act(*x));
            for (x, y) in x.iter_mut().zip(y.unwrap_or_default()) {
                *x *= y;
            }
        };
        match self {
            Self::Silu => kernels.gate(x, y, Sigmoid { slope: 1.0, cubic: 0.0 }),
            Self::GeluQuick => kernels.gate(x, y, Sigmoid { slope: 1.702, cubic: 0.0 }),
            // (1 + tanh(u)) / 2 = sigmoid(2 u), and u is sqrt(2 / pi) * (x + 0.044715 x^3).
            Self::GeluTanh => {
                let slope = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
                kernels.gate(x, y, Sigmoid { slope, cubic: 0.044_715 });
            }
            Self::GeluErf => plain(x, gelu_erf),
            Self::Relu => plain(x, |x| x.max(0.0)),
            Self::ReluSquared => plain(x, |x| x.max(0.0) * x.max(0.0)),
        }
    }
}

/// `x * (1 + erf(x / sqrt(2))) / 2`, within 2e-7 of `x`.
///
/// Source: the error function by formula 7.1.26 of Abramowitz and Stegun, Handbook of
/// Mathematical Functions.
fn gelu_erf(x: f32) -> f32 {
    const TERMS: [f64; 5] =
        [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let z = f64::from(x.abs()) * std::f64::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let tail = TERMS.iter().fold(0.0, |sum, term| sum * t + term) * t * (-z * z).exp();
    // `tail` is 1 - erf(|x| / sqrt(2)).
    let phi = if x < 0.0 { 0.5 * tail } else { 1.0 - 0.5 * tail };
    (f64::from(x) * phi) as f32
}

/// `x = act(x) * y`, or `act(x)` where there is no `y`.
pub(crate) fn activate(
    (kernels, team): (&Kernels, &ThreadTeam),
    act: Activation,
    x: &mut [f32],
    y: Option<&[f32]>,
) {
    assert!(y.is_none_or(|y| y.len() == x.len()), "activation: lengths");
    let part = |idx: usize, n: usize| y.map(|y| &y[idx * CHUNK..][..n]);
    let parts: Vec<_> = x
        .chunks_mut(CHUNK)
        .enumerate()
        .map(|(idx, x)| {
            let y = part(idx, x.len());
            (x, y)
        })
        .collect();
    team.run_each(parts, |(x, y): (&mut [f32], Option<&[f32]>)| act.apply(kernels, x, y));
}

/// `gate = g * sigmoid(alpha * g) * (u + 1)` with `g` cut at `limit` and `u` at `-limit..=limit`.
pub(crate) fn clamped_gate(
    (kernels, team): (&Kernels, &ThreadTeam),
    (alpha, limit): (f32, f32),
    gate: &mut [f32],
    up: &[f32],
) {
    assert_eq!(gate.len(), up.len(), "clamped gate: lengths");
    let sigmoid = Sigmoid { slope: alpha, cubic: 0.0 };
    each_chunk(team, gate, up, |gate, up| {
        for (gate, up) in gate.chunks_mut(64).zip(up.chunks(64)) {
            // Comparisons, as `min` would hide a NaN.
            gate.iter_mut().for_each(|g| *g = if *g > limit { limit } else { *g });
            let mut factors = [0.0; 64];
            for (factor, u) in factors.iter_mut().zip(up) {
                *factor = u.clamp(-limit, limit) + 1.0;
            }
            kernels.gate(gate, Some(&factors[..up.len()]), sigmoid);
        }
    });
}

/// `x += y`.
pub(crate) fn add(team: &ThreadTeam, x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "add: lengths");
    each_chunk(team, x, y, add_to);
}

fn add_to(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// Calls `act` with pieces of `x` and `y`, on all threads when there is enough to do.
fn each_chunk(
    team: &ThreadTeam,
    x: &mut [f32],
    y: &[f32],
    act: impl Fn(&mut [f32], &[f32]) + Sync,
) {
    if x.len() <= CHUNK {
        return act(x, y);
    }
    let parts = x.chunks_mut(CHUNK).zip(y.chunks(CHUNK)).collect();
    team.run_each(parts, |(x, y): (&mut [f32], &[f32])| act(x, y));
}

/// Adds `bias` to each row.
pub(crate) fn add_bias(team: &ThreadTeam, x: &mut [f32], bias: &[f32]) {
    assert!(!bias.is_empty() && x.len().is_multiple_of(bias.len()), "bias of {}", bias.len());
    let n_rows = (CHUNK / bias.len()).max(1);
    let parts = x.chunks_mut(n_rows * bias.len()).collect();
    team.run_each(parts, |rows: &mut [f32]| {
        rows.chunks_exact_mut(bias.len()).for_each(|row| add_to(row, bias));
    });
}

/// `x[rows[i]] += factors[i] * y[i]`, rows of `width`.
pub(crate) fn scatter_add(
    x: &mut [f32],
    width: usize,
    (rows, factors): (&[usize], &[f32]),
    y: &[f32],
) {
    assert_eq!(rows.len(), factors.len(), "scatter: a factor per row");
    assert_eq!(y.len(), rows.len() * width, "scatter: rows of {width}");
    for ((&row, factor), y) in rows.iter().zip(factors).zip(y.chunks_exact(width.max(1))) {
        for (x, y) in x[row * width..][..width].iter_mut().zip(y) {
            *x += factor * y;
        }
    }
}

/// Cuts every element to `-limit..=limit`; a NaN stays.
pub(crate) fn clamp(x: &mut [f32], limit: f32) {
    x.iter_mut().for_each(|x| *x = x.clamp(-limit, limit));
}

/// `x = cap * tanh(x / cap)`.
pub(crate) fn softcap((kernels, team): (&Kernels, &ThreadTeam), x: &mut [f32], cap: f32) {
    team.run_each(x.chunks_mut(CHUNK).collect(), |x: &mut [f32]| kernels.softcap(x, cap, 1.0));
}

/// `x *= factor`.
pub(crate) fn scale(x: &mut [f32], factor: f32) {
    x.iter_mut().for_each(|x| *x *= factor);
}

/// Softmax of each row.
pub(crate) fn softmax(kernels: &Kernels, x: &mut [f32], row_len: usize) {
    assert!(row_len > 0 && x.len().is_multiple_of(row_len), "softmax: rows of {row_len}");
    for row in x.chunks_exact_mut(row_len) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum = kernels.exp_sum(row, max);
        row.iter_mut().for_each(|x| *x /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_rows_sum_to_one_and_do_not_overflow() {
        for kernels in Kernels::available() {
            let mut x = [1000.0, 1000.0, 999.0, -5.0, -5.0, -5.0];
            softmax(kernels, &mut x, 3);
            assert!((x[0] - 0.422_318_8).abs() < 1e-6 && (x[3] - 1.0 / 3.0).abs() < 1e-6, "{x:?}");
            assert!((x[..3].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn activations_at_known_points() {
        // At 1 and -2; from their definitions, in double precision.
        let cases = [
            (Activation::Silu, [0.731_058_6, -0.238_405_84]),
            (Activation::GeluTanh, [0.841_192, -0.045_402_31]),
            (Activation::GeluErf, [0.841_344_8, -0.045_500_26]),
            (Activation::GeluQuick, [0.845_795_8, -0.064_342_27]),
            (Activation::Relu, [1.0, 0.0]),
            (Activation::ReluSquared, [1.0, 0.0]),
        ];
        let team = ThreadTeam::new(1);
        for kernels in Kernels::available() {
            for (act, want) in cases {
                let mut x = [1.0, -2.0, 0.0, 100.0, -100.0];
                activate((kernels, &team), act, &mut x, None);
                let name = kernels.name();
                for (x, want) in x.iter().zip(want) {
                    assert!((x - want).abs() < 1e-6, "{name} {act:?}: {x}, expected {want}");
                }
                let far = if act == Activation::ReluSquared { 1e4 } else { 100.0 };
                assert!(x[2] == 0.0 && x[3] == far && x[4].abs() < 1e-30, "{name} {act:?} {x:?}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of elements")]
    fn long_products_are_cut_right() {
        let n = 2 * CHUNK + 5;
        let y: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let mut x = vec![1.0; n];
        let team = ThreadTeam::new(2);
        activate((Kernels::detect(), &team), Activation::Relu, &mut x, Some(&y));
        assert_eq!(x, y);
    }

    #[test]
    fn clamped_gates_equal_their_definition() {
        let gate: Vec<f32> = (0..200).map(|i| i as f32 / 8.0 - 12.0).collect();
        let up: Vec<f32> = gate.iter().rev().map(|x| 2.0 * x).collect();
        let (alpha, limit) = (1.702f32, 7.0f32);
        for kernels in Kernels::available() {
            let mut got = gate.clone();
            let team = ThreadTeam::new(1);
            clamped_gate((kernels, &team), (alpha, limit), &mut got, &up);
            for ((got, g), u) in got.iter().zip(&gate).zip(&up) {
                let (g, u) = (f64::from(g.min(limit)), f64::from(u.clamp(-limit, limit)));
                let want = g / (1.0 + (-f64::from(alpha) * g).exp()) * (u + 1.0);
                assert!((f64::from(*got) - want).abs() < 2e-5, "{}: {got} {want}", kernels.name());
            }
        }
        let (team, mut got) = (ThreadTeam::new(1), [f32::NAN]);
        clamped_gate((Kernels::detect(), &team), (alpha, limit), &mut got, &[1.0]);
        assert!(got[0].is_nan());
    }

    #[test]
    fn rows_get_their_bias() {
        let mut x = [1.0, 2.0, 3.0, 4.0];
        let team = ThreadTeam::new(2);
        add_bias(&team, &mut x, &[10.0, 20.0]);
        scale(&mut x, 2.0);
        assert_eq!(x, [22.0, 44.0, 26.0, 48.0]);
        clamp(&mut x, 30.0);
        assert_eq!(x, [22.0, 30.0, 26.0, 30.0]);
        scatter_add(&mut x, 2, (&[1, 0, 1], &[1.0, 2.0, 0.5]), &[1.0, 2.0, 3.0, 4.0, 6.0, 8.0]);
        assert_eq!(x, [28.0, 38.0, 30.0, 36.0]);
        softcap((Kernels::detect(), &team), &mut x, 30.0);
        assert!((x[0] - 30.0 * (28.0f32 / 30.0).tanh()).abs() < 1e-5, "{x:?}");
    }
}
