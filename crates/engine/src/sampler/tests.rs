mod reference;

use proptest::prelude::*;

use super::*;

fn ids(sampler: &mut Sampler) -> Vec<TokenId> {
    sampler.candidates.best(usize::MAX).iter().map(|c| c.id).collect()
}

fn sampler(options: SamplerOptions) -> Sampler {
    Sampler::new(options).unwrap()
}

fn frequencies(options: &SamplerOptions, logits: &[f32], n: u64) -> Vec<f64> {
    let mut counts = vec![0u64; logits.len()];
    for seed in 0..n {
        let mut sampler = sampler(SamplerOptions { seed, ..options.clone() });
        counts[sampler.sample(logits, &[]).unwrap() as usize] += 1;
    }
    counts.iter().map(|&c| c as f64 / n as f64).collect()
}

#[test]
fn greedy_takes_the_first_of_the_largest() {
    let mut greedy = sampler(SamplerOptions::default());
    assert_eq!(greedy.sample(&[0.0, 3.0, 3.0, f32::NAN], &[]), Some(1));
}

#[test]
fn logits_without_a_number_give_no_token() {
    for temperature in [0.0, 1.0] {
        let mut s = sampler(SamplerOptions { temperature, ..Default::default() });
        assert_eq!(s.sample(&[f32::NAN, f32::NEG_INFINITY], &[]), None);
        assert_eq!(s.sample(&[], &[]), None);
    }
}

#[test]
fn the_same_seed_draws_the_same_tokens() {
    let options = SamplerOptions { temperature: 1.0, seed: 42, ..Default::default() };
    let draw = |options: &SamplerOptions| -> Vec<_> {
        let mut s = sampler(options.clone());
        (0..32).map(|_| s.sample(&[1.0; 50], &[])).collect()
    };
    assert_eq!(draw(&options), draw(&options));
    assert_ne!(draw(&options), draw(&SamplerOptions { seed: 43, ..options.clone() }));
}

#[test]
fn draws_follow_the_softmax() {
    let logits = [2.0f32, 1.0, 0.0, -1.0];
    let t = 0.7;
    let options = SamplerOptions { temperature: t, ..Default::default() };
    let weights: Vec<f64> = logits.iter().map(|&x| f64::from(x / t).exp()).collect();
    let sum: f64 = weights.iter().sum();
    for (got, weight) in frequencies(&options, &logits, 20_000).iter().zip(&weights) {
        // Four standard deviations of 20,000 draws are at most 0.0141.
        assert!((got - weight / sum).abs() < 0.0142, "{got} against {}", weight / sum);
    }
}

#[test]
fn top_k_keeps_the_k_largest_and_the_lower_id_of_equals() {
    let mut s = sampler(SamplerOptions { temperature: 1.0, top_k: 2, ..Default::default() });
    s.sample(&[1.0, 5.0, 3.0, 3.0], &[]);
    assert_eq!(ids(&mut s), [1, 2]);
}

#[test]
fn top_p_keeps_the_fewest_that_reach_the_sum() {
    let logits: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
    for (top_p, kept) in [(0.4, 1), (0.6, 2), (0.9, 3), (1.0, 4), (0.0, 1)] {
        let mut s = sampler(SamplerOptions { temperature: 1.0, top_p, ..Default::default() });
        s.sample(&logits, &[]);
        assert_eq!(s.candidates.len(), kept, "top_p {top_p}");
    }
}

#[test]
fn a_nucleus_is_found_beside_logits_that_are_no_numbers() {
    let mut logits = vec![f32::NAN, 1.0, f32::NEG_INFINITY, 1.0];
    logits.resize(500, f32::NAN);
    for (top_p, min_p) in [(0.9, 0.0), (0.9, 0.1), (1.0, 0.1)] {
        let options = SamplerOptions { temperature: 1.0, top_p, min_p, ..Default::default() };
        let mut s = sampler(options);
        assert!(s.sample(&logits, &[]).is_some());
        assert_eq!(ids(&mut s), [1, 3], "top_p {top_p}, min_p {min_p}");
    }
}

#[test]
fn min_p_is_relative_to_the_most_probable() {
    let logits: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
    for (min_p, kept) in [(0.0, 4), (0.2, 3), (0.5, 2), (1.0, 1), (7.0, 1)] {
        let mut s = sampler(SamplerOptions { temperature: 1.0, min_p, ..Default::default() });
        s.sample(&logits, &[]);
        assert_eq!(s.candidates.len(), kept, "min_p {min_p}");
    }
}

#[test]
fn typical_p_prefers_the_expected_surprise() {
    // Entropy 1.14 nats: 0.3 (surprise 1.20) is nearest, then 0.5 (0.69).
    let logits: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
    let options = SamplerOptions { temperature: 1.0, typical_p: 0.2, ..Default::default() };
    let mut s = sampler(options);
    s.sample(&logits, &[]);
    assert_eq!(ids(&mut s), [1]);
}

#[test]
fn penalties_count_tokens_in_the_window_only() {
    let options = SamplerOptions {
        repeat_last_n: 3,
        repeat_penalty: 2.0,
        frequency_penalty: 0.25,
        presence_penalty: 0.5,
        ..Default::default()
    };
    let mut s = sampler(options);
    s.sample(&[4.0, -4.0, 4.0, 4.0], &[3, 0, 0, 1, 99]);
    assert_eq!(s.candidates.logits(), [2.0 - 0.25 - 0.5, -8.0 - 0.25 - 0.5, 4.0, 4.0]);
}

#[test]
fn a_bias_is_added_before_all_else() {
    let logit_bias = vec![(1, -100.0), (2, 5.0), (99, 1.0)];
    let mut s = sampler(SamplerOptions { logit_bias, ..Default::default() });
    assert_eq!(s.sample(&[1.0, 9.0, 0.0], &[]), Some(2));
}

#[test]
fn tail_free_cuts_where_the_curve_becomes_flat() {
    // Slopes 0.3, 0.1, 0.01, 0; curvatures 0.2, 0.09, 0.01, of which 0.667, 0.3 and 0.033.
    let logits: Vec<f32> = [0.5f32, 0.2, 0.1, 0.09, 0.09].iter().map(|p| p.ln()).collect();
    for (tfs_z, kept) in [(0.5, 1), (0.9, 1), (0.99, 2), (1.0, 5)] {
        let mut s = sampler(SamplerOptions { temperature: 1.0, tfs_z, ..Default::default() });
        s.sample(&logits, &[]);
        assert_eq!(s.candidates.len(), kept, "tfs_z {tfs_z}");
    }
}

#[test]
fn xtc_keeps_the_least_of_the_good_choices_and_all_others() {
    let logits: Vec<f32> = [0.4f32, 0.3, 0.2, 0.1].iter().map(|p| p.ln()).collect();
    for (xtc_probability, xtc_threshold, kept) in
        [(1.0, 0.15, vec![2, 3]), (1.0, 0.5, vec![0, 1, 2, 3]), (0.0, 0.15, vec![0, 1, 2, 3])]
    {
        let options = SamplerOptions {
            temperature: 1.0,
            xtc_probability,
            xtc_threshold,
            ..Default::default()
        };
        let mut s = sampler(options);
        s.sample(&logits, &[]);
        assert_eq!(ids(&mut s), kept);
    }
}

#[test]
fn a_temperature_with_a_range_follows_the_entropy() {
    let options = SamplerOptions { temperature: 1.0, temperature_range: 0.5, ..Default::default() };
    let temperature = |logits: &[f32]| {
        let mut s = sampler(options.clone());
        s.sample(logits, &[]);
        s.temperature()
    };
    assert!((temperature(&[1.0; 8]) - 1.5).abs() < 1e-4, "all the same: the highest");
    assert!((temperature(&[100.0, 0.0]) - 0.5).abs() < 1e-4, "certain: the lowest");
}

#[test]
fn mirostat_keeps_the_surprise_near_its_target() {
    let logits: Vec<f32> = (0..200).map(|k| -1.2 * (k as f32 + 1.0).ln()).collect();
    let log_sum = logits.iter().map(|x| x.exp()).sum::<f32>().ln();
    for version in [MirostatVersion::V1, MirostatVersion::V2] {
        let mut mirostat = MirostatOptions::new(version);
        mirostat.tau = 3.0;
        let options =
            SamplerOptions { temperature: 1.0, mirostat: Some(mirostat), ..Default::default() };
        let mut s = sampler(options);
        let n = 4000;
        let bits: f32 = (0..n)
            .map(|_| (log_sum - logits[s.sample(&logits, &[]).unwrap() as usize]) / 2f32.ln())
            .sum();
        // The target is on the truncated distribution, whose surprise is a little lower.
        let mean = bits / n as f32;
        assert!((2.5..4.5).contains(&mean), "{version:?}: {mean} bits");
    }
}

#[test]
fn options_that_are_not_numbers_are_refused() {
    for options in [
        SamplerOptions { temperature: f32::NAN, ..Default::default() },
        SamplerOptions { top_p: f32::INFINITY, ..Default::default() },
        SamplerOptions { temperature: -1.0, ..Default::default() },
        SamplerOptions { repeat_penalty: 0.0, ..Default::default() },
    ] {
        assert!(matches!(Sampler::new(options), Err(Error::Option { .. })));
    }
}

proptest! {
    /// Whatever the options, the token is one of the vocabulary and never an impossible one.
    #[test]
    fn a_possible_token_is_chosen(
        logits in prop::collection::vec(prop_oneof![9 => -30.0f32..30.0, 1 => Just(f32::NAN)], 1..40),
        temperature in 0.0f32..2.0, top_k in 0usize..50, top_p in -0.1f32..1.2,
        min_p in -0.1f32..1.2, typical_p in -0.1f32..1.2, tfs_z in -0.1f32..1.2, seed: u64,
        temperature_range in 0.0f32..1.0, xtc_probability in 0.0f32..1.0, feedback in 0usize..3,
    ) {
        let mirostat = [None, Some(MirostatVersion::V1), Some(MirostatVersion::V2)][feedback];
        let options = SamplerOptions {
            temperature, top_k, top_p, min_p, typical_p, tfs_z, temperature_range, xtc_probability,
            mirostat: mirostat.map(MirostatOptions::new), seed, ..Default::default()
        };
        match sampler(options).sample(&logits, &[]) {
            Some(id) => prop_assert!(logits[id as usize].is_finite()),
            None => prop_assert!(logits.iter().all(|x| x.is_nan())),
        }
    }
}
