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

/// A repetitive scheduler whose draft model differs after one of three texts, and guesses of it.
fn with_draft_model() -> Scheduler<FakeRunner> {
    let mut s = repetitive();
    add_draft_model(&mut s, |draft| draft.differs_after_one_in = Some(3));
    s
}

fn guessed_by_model(seed: u64, temperature: f32) -> GenerateOptions {
    GenerateOptions { n_draft_model: 4, ..with_drafts(0, seed, temperature) }
}

/// How often each token followed each other one in many sampled texts, and how many guesses were
/// right.
fn count_pairs(
    make: fn() -> Scheduler<FakeRunner>,
    options: impl Fn(u64) -> GenerateOptions,
    seeds: Range<u64>,
) -> (Vec<f64>, usize) {
    let mut counts = vec![0.0; 12 * 12];
    let mut n_accepted = 0;
    for seed in seeds {
        let mut s = make();
        let receiver = ask(&mut s, &[5, 6, 7, 5, 6], &options(seed));
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

/// Holds texts with guesses against texts without. The seeds of one are not those of the other: it
/// is not equal texts that make equal counts.
fn check_distribution(
    make: fn() -> Scheduler<FakeRunner>,
    options: fn(u64, f32) -> GenerateOptions,
) {
    let (plain, _) = count_pairs(repetitive, |seed| with_drafts(0, seed, 1.0), 0..60);
    let (guessed, n_accepted) = count_pairs(make, |seed| options(seed, 1.0), 1000..1060);
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

#[test]
fn sampling_with_guesses_follows_the_same_distribution() {
    check_distribution(repetitive, |seed, temperature| with_drafts(8, seed, temperature));
}

#[test]
fn sampling_with_a_draft_model_follows_the_same_distribution() {
    check_distribution(with_draft_model, guessed_by_model);
}

/// Its tokens, what it took, and in how many steps.
fn run_alone(
    mut s: Scheduler<FakeRunner>,
    options: &GenerateOptions,
) -> (Vec<TokenId>, Stats, usize) {
    let receiver = ask(&mut s, &[5, 6, 7], options);
    run_to_end(&mut s);
    let (tokens, _, end) = collect(&receiver);
    (tokens, end.unwrap().unwrap().stats, s.runner.n_batches)
}

#[test]
fn a_model_that_guesses_for_its_like_is_always_right() {
    for temperature in [0.0, 1.0] {
        let mut s = repetitive();
        add_draft_model(&mut s, |_| ());
        let (tokens, stats, n_steps) = run_alone(s, &guessed_by_model(1, temperature));
        assert_eq!(tokens, run_alone(repetitive(), &with_drafts(0, 1, temperature)).0);
        assert_eq!(stats.n_accepted, stats.n_drafted);
        assert_eq!((stats.n_accepted, n_steps), (79, 21), "five tokens a step");
    }
}

#[test]
fn a_model_that_is_often_wrong_saves_fewer_steps_and_changes_nothing() {
    for temperature in [0.0, 1.0] {
        let (tokens, stats, n_steps) =
            run_alone(with_draft_model(), &guessed_by_model(1, temperature));
        assert_eq!(tokens, run_alone(repetitive(), &with_drafts(0, 1, temperature)).0);
        assert!(0 < stats.n_accepted && stats.n_accepted < stats.n_drafted, "{stats:?}");
        assert!(n_steps <= 100 - stats.n_accepted, "{stats:?} in {n_steps} steps");
    }
}

#[test]
fn a_draft_model_that_is_no_faster_is_soon_left_alone() {
    let mut s = repetitive();
    add_draft_model(&mut s, |draft| draft.cost = (Duration::from_millis(10), Duration::ZERO));
    let (_, stats, _) = run_alone(s, &guessed_by_model(1, 0.0));
    assert!((1..25).contains(&stats.n_drafted), "{stats:?}");
}

#[test]
fn a_draft_model_that_fails_is_done_without() {
    let mut s = repetitive();
    add_draft_model(&mut s, |draft| draft.fail_at = Some(7));
    let (tokens, stats, _) = run_alone(s, &guessed_by_model(1, 0.0));
    assert_eq!(tokens, run_alone(repetitive(), &with_drafts(0, 1, 0.0)).0);
    assert!((1..10).contains(&stats.n_drafted), "{stats:?}");
}

#[test]
fn a_draft_model_reads_a_long_prompt_in_pieces_and_what_it_has_read_once() {
    let mut s = scheduler(Limits { n_ctx: 256, ..LIMITS });
    add_draft_model(&mut s, |_| ());
    let prompt: Vec<TokenId> = (0..120).map(|i| 300 + i % 50).collect();
    let options = GenerateOptions { n_draft: 0, ..options(40, 1) };
    // A step has room for 16 tokens of it: eight steps without a guess.
    let first = ask(&mut s, &prompt, &options);
    run_to_end(&mut s);
    let (n_first, stats) = (s.runner.n_batches, collect(&first).2.unwrap().unwrap().stats);
    assert!((20..=32).contains(&stats.n_accepted), "{stats:?}");
    let again = ask(&mut s, &prompt, &options);
    run_to_end(&mut s);
    let stats = collect(&again).2.unwrap().unwrap().stats;
    let n_steps = s.runner.n_batches - n_first;
    assert!(stats.n_accepted >= 30 && n_steps <= 10, "{stats:?} in {n_steps} steps");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// With the same seed it is the same text, alone or with others, shifted or not.
    #[test]
    fn a_sampled_text_is_the_same_whoever_guesses(
        requests in prop::collection::vec((prop::collection::vec(0u32..4, 1..30), any::<u64>(), 0.0f32..1.5), 1..5),
        shift: bool,
    ) {
        let run = |n_draft: usize, n_draft_model: usize| -> Vec<_> {
            let mut s = scheduler(LIMITS);
            s.runner.narrow = Some((6, 2));
            add_draft_model(&mut s, |draft| draft.differs_after_one_in = Some(4));
            let receivers: Vec<_> = requests.iter().map(|(prompt, seed, temperature)| {
                let options = GenerateOptions { shift, n_draft_model, ..with_drafts(n_draft, *seed, *temperature) };
                ask(&mut s, prompt, &options)
            }).collect();
            run_to_end(&mut s);
            receivers.iter().map(|receiver| {
                let (tokens, text, end) = collect(receiver);
                (tokens, text, end.unwrap().unwrap().reason)
            }).collect()
        };
        let plain = run(0, 0);
        prop_assert_eq!(&plain, &run(8, 0));
        prop_assert_eq!(&plain, &run(0, 4));
        prop_assert_eq!(&plain, &run(8, 4));
    }
}
