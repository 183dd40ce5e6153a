use proptest::prelude::*;

use super::*;
use crate::{Cpu, Kernels, ThreadTeam};

fn cpu(n_threads: usize) -> Cpu {
    Cpu::new(Kernels::detect(), ThreadTeam::new(n_threads))
}

/// Numbers in -1..1 that follow from a seed.
fn numbers(seed: u64, n: usize) -> Vec<f32> {
    let mut z = seed;
    let mut next = || {
        z = z.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (z >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

#[test]
fn a_convolution_sees_the_tokens_before() {
    let mut states = StatePool::new(2, 2);
    // One channel; the newest token counts most.
    let (weight, bias) = ([1.0, 10.0, 100.0], [0.5]);
    let mut out = [0.0; 3];
    let run = [Run { slot: 1, n_tokens: 3 }];
    cpu(1).causal_conv(&mut states, &run, (&weight, Some(&bias)), &[1.0, 2.0, 3.0], &mut out);
    assert_eq!(out, [100.5, 210.5, 321.5]);
    assert_eq!(states.slot(1), [2.0, 3.0]);
    let run = [Run { slot: 1, n_tokens: 1 }];
    cpu(1).causal_conv(&mut states, &run, (&weight, None), &[4.0], &mut out[..1]);
    assert_eq!((out[0], states.slot(1), states.slot(0)), (432.0, &[3.0, 4.0][..], &[0.0; 2][..]));
}

#[test]
fn states_are_copied_and_cleared() {
    let mut states = StatePool::new(3, 2);
    states.slot_mut(0).copy_from_slice(&[1.0, 2.0]);
    states.copy(0, 2);
    states.clear(0);
    assert_eq!((states.slot(0), states.slot(2)), (&[0.0, 0.0][..], &[1.0, 2.0][..]));
    assert_eq!((states.n_slots(), states.n_bytes()), (3, 24));
}

struct Layer {
    a: Vec<f32>,
    dt_bias: Vec<f32>,
    skip: Option<Vec<f32>>,
    order: HeadOrder,
}

const N_HEAD: usize = 4;
const N_GROUP: usize = 2;
const K_DIM: usize = 3;
const V_DIM: usize = 5;

impl Layer {
    fn scan(&self) -> Scan<'_> {
        Scan {
            n_head: N_HEAD,
            n_group: N_GROUP,
            order: self.order,
            k_dim: K_DIM,
            v_dim: V_DIM,
            a: &self.a,
            dt_bias: &self.dt_bias,
            skip: self.skip.as_deref(),
        }
    }
}

/// The formulas of the module's head, in f64, for one head of one sequence.
fn expected(layer: &Layer, input: &ScanInput<'_>, h: usize, n_tokens: usize) -> Vec<[f64; V_DIM]> {
    let group = match layer.order {
        HeadOrder::Blocks => h / 2,
        HeadOrder::Turns => h % 2,
    };
    let mut state = [[0.0f64; V_DIM]; K_DIM];
    let mut outs = Vec::new();
    for t in 0..n_tokens {
        let at = |x: &[f32], i: usize| f64::from(x[i]);
        let key = |x: &[f32], i: usize| at(x, (t * N_GROUP + group) * K_DIM + i);
        let v = |j: usize| at(input.v, (t * N_HEAD + h) * V_DIM + j);
        let dt = at(input.dt, t * N_HEAD + h) + f64::from(layer.dt_bias[h]);
        let step = (1.0 + dt.exp()).ln();
        let decay = (f64::from(layer.a[h]) * step).exp();
        state.as_flattened_mut().iter_mut().for_each(|s| *s *= decay);
        let mut out = [0.0; V_DIM];
        for j in 0..V_DIM {
            let u = match input.beta {
                Some(beta) => {
                    let known: f64 = (0..K_DIM).map(|i| state[i][j] * key(input.k, i)).sum();
                    (v(j) - known) / (1.0 + (-at(beta, t * N_HEAD + h)).exp())
                }
                None => step * v(j),
            };
            for (i, row) in state.iter_mut().enumerate() {
                row[j] += key(input.k, i) * u;
                out[j] += key(input.q, i) * row[j];
            }
            out[j] += layer.skip.as_ref().map_or(0.0, |skip| f64::from(skip[h])) * v(j);
        }
        outs.push(out);
    }
    outs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    /// The scan is what its formulas say, and cutting a run in two or adding another sequence
    /// changes no bit.
    #[test]
    fn a_scan_follows_its_formulas_however_it_is_cut(
        seed: u64,
        n_tokens in 1usize..9,
        cut in 0usize..9,
        has_delta: bool,
        has_skip: bool,
        takes_turns: bool,
    ) {
        let random = |i: u64, n: usize| numbers(seed.wrapping_add(i), n);
        let layer = Layer {
            a: random(1, N_HEAD).iter().map(|x| -1.5 - x).collect(),
            dt_bias: random(2, N_HEAD),
            skip: has_skip.then(|| random(3, N_HEAD)),
            order: if takes_turns { HeadOrder::Turns } else { HeadOrder::Blocks },
        };
        let (q, k) = (random(4, n_tokens * N_GROUP * K_DIM), random(5, n_tokens * N_GROUP * K_DIM));
        let v = random(6, n_tokens * N_HEAD * V_DIM);
        let (dt, beta) = (random(7, n_tokens * N_HEAD), random(8, n_tokens * N_HEAD));
        let beta = has_delta.then_some(&beta[..]);
        let input = ScanInput { q: &q, k: &k, v: &v, dt: &dt, beta };

        let mut states = StatePool::new(3, N_HEAD * K_DIM * V_DIM);
        let mut out = vec![0.0; v.len()];
        let whole = [Run { slot: 2, n_tokens }];
        cpu(1).scan(&mut states, &whole, (&layer.scan(), &input), &mut out);
        for h in 0..N_HEAD {
            for (t, want) in expected(&layer, &input, h, n_tokens).iter().enumerate() {
                let got = &out[(t * N_HEAD + h) * V_DIM..][..V_DIM];
                for (got, want) in got.iter().zip(want) {
                    prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
                }
            }
        }

        // The same run in two batches, the second beside another sequence.
        let cut = cut.min(n_tokens);
        let part = |tokens: std::ops::Range<usize>| {
            let rows = |x: &[f32], width: usize| x[tokens.start * width..tokens.end * width].to_vec();
            let beta = beta.map(|beta| rows(beta, N_HEAD));
            (rows(&q, N_GROUP * K_DIM), rows(&k, N_GROUP * K_DIM), rows(&v, N_HEAD * V_DIM), rows(&dt, N_HEAD), beta)
        };
        let mut got = Vec::new();
        for (tokens, n_beside) in [(0..cut, 0), (cut..n_tokens, n_tokens)] {
            let (n_own, own, beside) = (tokens.len(), part(tokens), part(0..n_beside));
            let beta = own.4.zip(beside.4).map(|(own, beside)| [own, beside].concat());
            let (q, k) = ([own.0, beside.0].concat(), [own.1, beside.1].concat());
            let (v, dt) = ([own.2, beside.2].concat(), [own.3, beside.3].concat());
            let input = ScanInput { q: &q, k: &k, v: &v, dt: &dt, beta: beta.as_deref() };
            let runs = [Run { slot: 0, n_tokens: n_own }, Run { slot: 1, n_tokens: n_beside }];
            let mut out = vec![0.0; v.len()];
            cpu(2).scan(&mut states, &runs, (&layer.scan(), &input), &mut out);
            got.extend_from_slice(&out[..n_own * N_HEAD * V_DIM]);
        }
        prop_assert_eq!(&got, &out);
        prop_assert_eq!(states.slot(0), states.slot(2));
        prop_assert_eq!(states.slot(1), states.slot(2));
    }

    /// A convolution's tokens do not depend on how they come.
    #[test]
    fn a_convolution_can_be_cut(seed: u64, width in 1usize..5, n_tokens in 1usize..40, cut in 0usize..40) {
        let (n_channels, cut) = (3, cut.min(n_tokens));
        let (weight, x) = (numbers(seed, width * n_channels), numbers(!seed, n_tokens * n_channels));
        let mut states = StatePool::new(2, (width - 1) * n_channels);
        let mut whole = vec![0.0; x.len()];
        cpu(2).causal_conv(&mut states, &[Run { slot: 0, n_tokens }], (&weight, None), &x, &mut whole);
        let mut parts = vec![0.0; x.len()];
        let (before, behind) = parts.split_at_mut(cut * n_channels);
        let run = |n_tokens| [Run { slot: 1, n_tokens }];
        let (x_before, x_behind) = x.split_at(cut * n_channels);
        cpu(1).causal_conv(&mut states, &run(cut), (&weight, None), x_before, before);
        cpu(1).causal_conv(&mut states, &run(n_tokens - cut), (&weight, None), x_behind, behind);
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(states.slot(0), states.slot(1));
    }
}
