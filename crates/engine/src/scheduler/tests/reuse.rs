//! What requests take over from others.

use super::{fake_runner::*, *};
use crate::logprobs::logprob;

fn n_cached(receiver: &Receiver<Result<Piece>>) -> usize {
    collect(receiver).2.unwrap().unwrap().stats.n_prompt_cached
}

#[test]
fn the_next_turn_of_a_chat_runs_only_what_is_new() {
    let mut s = scheduler(LIMITS);
    let first = ask(&mut s, &[5; 20], &options(8, 1));
    run_to_end(&mut s);
    let answer = collect(&first).0;
    let n_before = s.runner.n_run;
    let turn = [vec![5; 20], answer, vec![6; 4]].concat();
    let second = ask(&mut s, &turn, &options(1, 1));
    run_to_end(&mut s);
    let stats = collect(&second).2.unwrap().unwrap().stats;
    // The answer's last token was chosen but never run.
    assert_eq!((stats.n_prompt, stats.n_prompt_cached), (32, 27));
    assert_eq!(s.runner.n_run - n_before, 5);
}

#[test]
fn a_request_shares_the_prompt_of_one_that_is_still_running() {
    let mut s = scheduler(LIMITS);
    let _first = ask(&mut s, &[5; 12], &options(30, 1));
    s.step();
    let second = ask(&mut s, &[[5; 12].as_slice(), &[6]].concat(), &options(1, 2));
    run_to_end(&mut s);
    assert_eq!(collect(&second).2.unwrap().unwrap().stats.n_prompt_cached, 12);
}

#[test]
fn the_same_request_again_runs_one_token_of_its_prompt() {
    let mut s = scheduler(LIMITS);
    let answers: Vec<_> = (0..2)
        .map(|_| {
            let receiver = ask(&mut s, &[5; 12], &options(9, 1));
            run_to_end(&mut s);
            collect(&receiver)
        })
        .collect();
    assert_eq!(answers[0].0, answers[1].0);
    assert_eq!(answers[1].2.as_ref().unwrap().as_ref().unwrap().stats.n_prompt_cached, 11);
}

#[test]
fn a_scored_prompt_is_run_as_a_whole_beside_others() {
    let mut s = scheduler(LIMITS);
    let prompt: Vec<TokenId> = (300..340).collect();
    let _same = ask(&mut s, &prompt, &options(1, 1));
    run_to_end(&mut s);
    let _other = ask(&mut s, &[5], &options(20, 1));
    s.step();
    let scored = GenerateOptions { prompt_logprobs: Some(2), ..options(0, 1) };
    let receiver = ask(&mut s, &prompt, &scored);
    run_to_end(&mut s);
    let first = receiver.try_recv().unwrap().unwrap();
    let want: Vec<_> = (1..prompt.len())
        .map(|n| logprob(&s.runner.logits_after(&prompt[..n]), prompt[n], 2))
        .collect();
    assert_eq!(first.prompt_logprobs, want);
    assert_eq!(first.end.unwrap().stats.n_prompt_cached, 0);
    assert!(first.logprobs.is_empty());
}

#[test]
fn a_prompt_is_scored_where_nothing_is_to_be_generated() {
    let mut s = scheduler(LIMITS);
    for (prompt, n_scored) in [(&[5, 6, 7][..], 2), (&[5], 0)] {
        let scored = GenerateOptions { prompt_logprobs: Some(0), ..options(0, 1) };
        let receiver = ask(&mut s, prompt, &scored);
        run_to_end(&mut s);
        let piece = receiver.try_recv().unwrap().unwrap();
        assert_eq!((piece.prompt_logprobs.len(), piece.tokens.len()), (n_scored, 0));
        assert!(piece.end.is_some());
    }
}

#[test]
fn a_shifted_sequence_is_not_taken_for_what_its_tokens_say() {
    let mut s = scheduler(LIMITS);
    let first = ask(&mut s, &[7; 60], &GenerateOptions { shift: true, ..options(50, 5) });
    run_to_end(&mut s);
    drop(first);
    let second = ask(&mut s, &[7; 10], &options(1, 1));
    run_to_end(&mut s);
    assert_eq!(collect(&second).2.unwrap().unwrap().stats.n_prompt_cached, 0);
}

#[test]
fn requests_under_one_system_prompt_read_it_once() {
    let mut s = scheduler(Limits { n_seq: 8, n_ctx: 128, ..LIMITS });
    let system = [7; 64];
    let receivers: Vec<_> =
        (0..5).map(|i| ask(&mut s, &[&system[..], &[i; 10]].concat(), &options(3, 1))).collect();
    run_to_end(&mut s);
    assert_eq!(receivers.iter().map(n_cached).collect::<Vec<_>>(), [0, 64, 64, 64, 64]);
}

#[test]
fn completions_of_one_prompt_read_it_once() {
    let mut s = scheduler(LIMITS);
    let receivers: Vec<_> = (0..4).map(|seed| ask(&mut s, &[5; 50], &options(5, seed))).collect();
    run_to_end(&mut s);
    assert_eq!(receivers.iter().map(n_cached).collect::<Vec<_>>(), [0, 48, 48, 48]);
    // The first reads in pieces of 16; the last two tokens are not worth a step of waiting.
    assert_eq!(s.runner.n_run, 50 + 3 * 2 + 4 * 4);
}

#[test]
fn a_request_edited_at_its_end_reads_what_was_edited() {
    let mut s = scheduler(LIMITS);
    let first: Vec<TokenId> = (0..50).collect();
    let _first = ask(&mut s, &first, &options(5, 1));
    run_to_end(&mut s);
    let edited = ask(&mut s, &[&first[..45], &[99; 8]].concat(), &options(1, 1));
    run_to_end(&mut s);
    assert_eq!(n_cached(&edited), 45);
}

#[test]
fn one_whose_example_is_cancelled_reads_for_itself() {
    let mut s = scheduler(LIMITS);
    let first = ask(&mut s, &[5; 60], &options(5, 1));
    let second = ask(&mut s, &[5; 60], &options(2, 1));
    s.step();
    drop(first);
    run_to_end(&mut s);
    assert_eq!(collect(&second).0.len(), 2);
}

#[test]
fn an_interactive_request_waits_for_no_background_one() {
    let mut s = scheduler(LIMITS);
    let calm = GenerateOptions { priority: Priority::Background, ..options(1, 1) };
    let _background = ask(&mut s, &[5; 60], &calm);
    s.step();
    let interactive = ask(&mut s, &[5; 60], &options(1, 1));
    s.step();
    assert!(s.active.iter().all(Sequence::has_begun));
    run_to_end(&mut s);
    assert!(n_cached(&interactive) >= 14, "what the other had read by then");
}

fn stateful(limits: Limits) -> Scheduler<FakeRunner> {
    let mut s = scheduler(limits);
    s.runner.is_stateful = true;
    s
}

#[test]
fn a_state_is_gone_back_to_where_a_copy_was_kept() {
    let mut s = stateful(LIMITS);
    let mut ask_cached = |prompt: &[TokenId]| {
        let receiver = ask(&mut s, prompt, &options(3, 1));
        run_to_end(&mut s);
        let (answer, _, end) = collect(&receiver);
        (answer, end.unwrap().unwrap().stats.n_prompt_cached)
    };
    let prompt: Vec<TokenId> = (1..=30).collect();
    let (answer, n_cached) = ask_cached(&prompt);
    assert_eq!(n_cached, 0);
    // Again: eight tokens of the prompt are run.
    assert_eq!(ask_cached(&prompt), (answer.clone(), 22));
    // The next turn goes on where the answer ended; its last token was chosen but never run.
    let turn = [prompt.clone(), answer, vec![9; 12]].concat();
    assert_eq!(ask_cached(&turn).1, 32);
    // Another with the same beginning finds nothing, but leaves a copy for the next.
    let with = |end: TokenId| [&prompt[..15], &[end; 12][..]].concat();
    assert_eq!(ask_cached(&with(40)).1, 0);
    assert_eq!(ask_cached(&with(41)).1, 15);
}

#[test]
fn a_full_context_is_run_again_where_it_cannot_be_shifted() {
    let mut s = stateful(LIMITS);
    let receiver = ask(&mut s, &[7; 60], &GenerateOptions { shift: true, ..options(50, 5) });
    run_to_end(&mut s);
    let end = collect(&receiver).2.unwrap().unwrap();
    assert_eq!((end.reason, end.stats.n_generated), (EndReason::Length, 50));
    // Twice half of what need not be kept is dropped and the rest run again: 34 and 34 tokens.
    assert_eq!(s.runner.n_run, 60 + 49 + 2 * 34);
}
