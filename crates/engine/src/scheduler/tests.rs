//! The scheduler over a runner whose logits are a hash of everything the sequence has seen.

mod fake_runner;
mod pacing;
mod reuse;
mod soak;
mod speculating;

use async_channel::Receiver;
use proptest::prelude::*;

use super::*;
use crate::{
    generation::{EndReason, LongPrompt, Stats},
    page_table::PAGE_LEN,
};
use fake_runner::*;

#[test]
fn the_pieces_are_the_decoded_tokens() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[5, 6, 7], &options(20, 1));
    run_to_end(&mut s);
    let (tokens, text, end) = collect(&receiver);
    let end = end.unwrap().unwrap();
    assert_eq!(text, tokenizer().decode(&tokens));
    assert_eq!((end.reason, end.stats.n_prompt), (EndReason::Length, 3));
    assert_eq!((end.stats.n_generated, tokens.len()), (20, 20));
    assert!(!s.runner.is_empty(), "what was computed is kept for the next request");
}

#[test]
fn no_piece_ends_inside_a_character() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[5], &options(50, 3));
    run_to_end(&mut s);
    let all = tokenizer().decode(&collect(&receiver).0);
    assert!(all.contains('\u{fffd}'), "random tokens are no text; this checks the premise");
    // A character cut in two would have given more replacement characters than the whole has.
    let receiver = ask(&mut s, &[5], &options(50, 3));
    run_to_end(&mut s);
    assert_eq!(collect(&receiver).1, all);
}

#[test]
fn a_stop_string_ends_the_answer_without_showing() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[5, 6, 7], &options(20, 1));
    run_to_end(&mut s);
    let whole = collect(&receiver).1;
    let stop: String = whole.chars().skip(8).take(3).collect();
    let want = whole[..whole.find(&stop).unwrap()].to_owned();
    let receiver = ask(&mut s, &[5, 6, 7], &GenerateOptions { stop: vec![stop], ..options(20, 1) });
    run_to_end(&mut s);
    let (_, text, end) = collect(&receiver);
    assert_eq!((text, end.unwrap().unwrap().reason), (want, EndReason::Stop));
}

#[test]
fn a_dropped_receiver_frees_the_sequence_at_the_next_step() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[9; 40], &options(20, 1));
    s.step();
    assert!(!s.runner.is_empty());
    drop(receiver);
    s.step();
    assert!(s.is_idle());
}

#[test]
fn a_long_prompt_does_not_stop_others() {
    let mut s = scheduler(LIMITS);
    let first = ask(&mut s, &[5], &options(8, 1));
    s.step();
    let _second = ask(&mut s, &[9; 60], &options(1, 1));
    // The prompt takes four steps of 15 tokens beside the other's one; each gives one token.
    for _ in 0..4 {
        s.step();
    }
    assert_eq!(s.active[0].n_generated(), 5);
    drop(first);
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_or_cut_as_asked() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[1; 64], &options(1, 1));
    s.step();
    assert!(matches!(
        collect(&receiver).2,
        Some(Err(Error::PromptTooLong { n_prompt: 64, limit: 63, n_ctx: 64 }))
    ));
    let prompt: Vec<TokenId> = (0..100).collect();
    let cut = GenerateOptions { long_prompt: LongPrompt::DropMiddle, ..options(1, 1) };
    let _receiver = ask(&mut s, &prompt, &cut);
    for _ in 0..2 {
        s.step();
    }
    let seen = s.runner.seen(SeqId(1));
    // 4 are kept, and of the other 60 places 30 stay free.
    assert_eq!((&seen[..5], seen.len()), (&[0, 1, 2, 3, 70][..], 32));
    run_to_end(&mut s);
}

#[test]
fn a_full_context_ends_or_shifts_as_asked() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[7; 60], &options(50, 5));
    run_to_end(&mut s);
    let end = collect(&receiver).2.unwrap().unwrap();
    // 64 tokens fit; the last one chosen needs no place.
    assert_eq!((end.reason, end.stats.n_generated), (EndReason::Length, 5));
    let receiver = ask(&mut s, &[7; 60], &GenerateOptions { shift: true, ..options(50, 5) });
    run_to_end(&mut s);
    let end = collect(&receiver).2.unwrap().unwrap();
    assert_eq!((end.reason, end.stats.n_generated), (EndReason::Length, 50));
}

#[test]
fn a_failed_batch_fails_its_requests_and_no_others() {
    let mut s = scheduler(LIMITS);
    s.runner.fail_at = Some(1);
    let failed = ask(&mut s, &[5], &options(3, 1));
    s.step();
    assert!(matches!(collect(&failed).2, Some(Err(Error::Batch(_)))));
    assert!(s.runner.is_empty());
    let fine = ask(&mut s, &[5], &options(3, 1));
    run_to_end(&mut s);
    assert!(matches!(collect(&fine).2, Some(Ok(_))));
}

#[test]
fn an_empty_prompt_is_refused() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[], &options(3, 1));
    s.step();
    assert!(matches!(collect(&receiver).2, Some(Err(Error::EmptyPrompt))));
    assert!(s.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What else runs in the batch, and when it came or left, changes no answer.
    #[test]
    fn together_is_as_alone(
        requests in prop::collection::vec(
            // Few tokens, so that prompts often begin alike.
            (prop::collection::vec(0u32..3, 1..40), 1usize..30, any::<u64>(), 0usize..6, any::<bool>()),
            1..7,
        ),
        is_stateful: bool,
    ) {
        let alone: Vec<_> = requests.iter().map(|(prompt, n, seed, ..)| {
            let mut s = scheduler(LIMITS);
            let receiver = ask(&mut s, prompt, &options(*n, *seed));
            run_to_end(&mut s);
            collect(&receiver).0
        }).collect();
        let mut s = scheduler(LIMITS);
        s.runner.is_stateful = is_stateful;
        // Room for the four at work and little more: what has ended must often go.
        s.runner.set_n_pages(LIMITS.n_seq * LIMITS.n_ctx / PAGE_LEN + 1);
        let mut receivers = Vec::new();
        for (prompt, n, seed, steps_before, hangs_up) in &requests {
            (0..*steps_before).for_each(|_| s.step());
            let receiver = ask(&mut s, prompt, &options(*n, *seed));
            receivers.push((!hangs_up).then_some(receiver));
        }
        run_to_end(&mut s);
        for (receiver, alone) in receivers.iter().zip(&alone) {
            if let Some(receiver) = receiver {
                prop_assert_eq!(&collect(receiver).0, alone);
            }
        }
        forget_ended(&mut s);
        prop_assert!(s.runner.is_empty(), "nothing is lost");
    }
}
