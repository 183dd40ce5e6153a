//! Guessing changes nothing but the number of steps.

use std::ops::Range;

use super::{fake_runner::*, *};

/// A scheduler over a model that repeats itself: few tokens, and only the last two matter.
fn repetitive() -> Scheduler<FakeRunner> {
    let mut s = scheduler(Limits { n_ctx: 256, ..LIMITS });
    s.runner.narrow = Some((12, 2));
    s
}

fn with_drafts(n_draft: usize, seed: u64, temperature: f32) -> GenerateOptions {
    let mut options = options(100, seed);
    options.sampler.temperature = temperature;
    GenerateOptions { n_draft, ..options }
}

#[test]
fn a_greedy_text_is_the_same_in_fewer_steps() {
    let run = |n_draft| {
        let mut s = repetitive();
        let receiver = ask(&mut s, &[5, 6, 7], &with_drafts(n_draft, 1, 0.0));
        run_to_end(&mut s);
        let (tokens, text, end) = collect(&receiver);
        (tokens, text, end.unwrap().unwrap().stats, s.runner.n_batches)
    };
    let (plain, guessed) = (run(0), run(8));
    assert_eq!((&plain.0, &plain.1), (&guessed.0, &guessed.1));
    assert_eq!((plain.2.n_drafted, plain.2.n_accepted), (0, 0));
    assert!(guessed.2.n_accepted > 50, "{:?}", guessed.2);
    assert_eq!(plain.3, 100);
    assert!(guessed.3 <= 100 - guessed.2.n_accepted, "{} steps", guessed.3);
}

/// How often each token followed each other one in many sampled texts, and how many guesses were
/// right.
fn count_pairs(n_draft: usize, seeds: Range<u64>) -> (Vec<f64>, usize) {
    let mut counts = vec![0.0; 12 * 12];
    let mut n_accepted = 0;
    for seed in seeds {
        let mut s = repetitive();
        let receiver = ask(&mut s, &[5, 6, 7, 5, 6], &with_drafts(n_draft, seed, 1.0));
        run_to_end(&mut s);
        let (tokens, _, end) = collect(&receiver);
        n_accepted += end.unwrap().unwrap().stats.n_accepted;
        let place = |token: TokenId| (token - FIRST_TEXT) as usize;
        for pair in tokens.windows(2) {
            counts[place(pair[0]) * 12 + place(pair[1])] += 1.0;
        }
    }
    (counts, n_accepted)
}

/// The seeds of one are not those of the other: it is not equal texts that make equal counts.
#[test]
fn sampling_with_guesses_follows_the_same_distribution() {
    let (plain, _) = count_pairs(0, 0..60);
    let (guessed, n_accepted) = count_pairs(8, 1000..1060);
    assert!(n_accepted > 50, "{n_accepted} guesses were right; this checks the premise");
    // Homogeneity of two samples of one size: the sum of (a - b)^2 / (a + b) is about chi-square
    // with a degree of freedom for each cell.
    let cells: Vec<(f64, f64)> =
        plain.into_iter().zip(guessed).filter(|(a, b)| a + b >= 10.0).collect();
    let chi_square: f64 = cells.iter().map(|(a, b)| (a - b).powi(2) / (a + b)).sum();
    let n = cells.len() as f64;
    // Five standard deviations: the tokens of a text depend on each other.
    assert!(chi_square < n + 5.0 * (2.0 * n).sqrt(), "{chi_square} over {n} cells");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// With the same seed it is the same text, alone or with others, shifted or not.
    #[test]
    fn a_sampled_text_is_the_same(
        requests in prop::collection::vec((prop::collection::vec(0u32..4, 1..30), any::<u64>(), 0.0f32..1.5), 1..5),
        shift: bool,
    ) {
        let run = |n_draft: usize| -> Vec<_> {
            let mut s = scheduler(LIMITS);
            s.runner.narrow = Some((6, 2));
            let receivers: Vec<_> = requests.iter().map(|(prompt, seed, temperature)| {
                let options = GenerateOptions { shift, ..with_drafts(n_draft, *seed, *temperature) };
                ask(&mut s, prompt, &options)
            }).collect();
            run_to_end(&mut s);
            receivers.iter().map(|receiver| {
                let (tokens, text, end) = collect(receiver);
                (tokens, text, end.unwrap().unwrap().reason)
            }).collect()
        };
        prop_assert_eq!(run(0), run(8));
    }
}
