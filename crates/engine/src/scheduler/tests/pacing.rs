//! How long steps are, who goes first, and how soon a request that is gone is gone.

use super::{fake_runner::*, *};

const ROOMY: Limits =
    Limits { n_seq: 4, n_ctx: 4096, n_batch: 512, step_time: Duration::from_millis(100) };

/// When each step began and ended, from now until nothing is left to do.
fn run_and_time(s: &mut Scheduler<FakeRunner>) -> Vec<Duration> {
    let mut steps = Vec::new();
    while !s.is_idle() {
        let started = s.runner.time.now();
        s.step();
        steps.push(s.runner.time.now() - started);
    }
    steps
}

#[test]
fn a_long_prompt_delays_the_next_token_of_others_by_a_stated_time() {
    let mut s = scheduler(ROOMY);
    let talker = ask(&mut s, &[5], &options(200, 1));
    s.step();
    let reader = ask(&mut s, &[9; 3000], &options(1, 1));
    let steps = run_and_time(&mut s);
    let longest = steps.iter().max().unwrap();
    assert!(*longest <= Duration::from_millis(100), "{longest:?}");
    // 3,000 tokens of 1 ms, in steps of 100 ms of which 10 ms are a step's own.
    let n_mixed = s.runner.batch_lens.iter().filter(|&&n| n > 1).count();
    assert!(n_mixed <= 3000 / 80, "the time is used: {n_mixed} steps");
    assert_eq!(collect(&talker).0.len(), 200);
    assert_eq!(collect(&reader).0.len(), 1);
}

#[test]
fn prompts_alone_take_longer_steps() {
    let mut s = scheduler(ROOMY);
    let _reader = ask(&mut s, &[9; 3000], &options(1, 1));
    let steps = run_and_time(&mut s);
    assert!(steps.iter().max().unwrap() <= &Duration::from_millis(800), "{steps:?}");
    assert!(steps.len() <= 8, "{steps:?}");
}

#[test]
fn nobody_is_delayed_for_the_sake_of_the_background() {
    let calm = GenerateOptions { priority: Priority::Background, ..options(200, 1) };
    let mut s = scheduler(ROOMY);
    let _background = ask(&mut s, &[5], &calm);
    s.step();
    let _reader = ask(&mut s, &[9; 1000], &options(1, 1));
    assert!(run_and_time(&mut s).iter().max().unwrap() > &Duration::from_millis(200));
}

#[test]
fn a_short_prompt_is_answered_before_a_long_one_that_came_first() {
    let mut s = scheduler(ROOMY);
    let long = ask(&mut s, &[9; 3000], &options(1, 1));
    let short = ask(&mut s, &[5; 60], &options(1, 1));
    s.step();
    assert!(collect(&short).2.is_some() && collect(&long).2.is_none());
}

#[test]
fn interactive_requests_are_taken_from_the_queue_first() {
    let mut s = scheduler(Limits { n_seq: 1, ..ROOMY });
    let calm = GenerateOptions { priority: Priority::Background, ..options(3, 1) };
    let first = ask(&mut s, &[5], &calm);
    s.step();
    let second = ask(&mut s, &[6], &calm);
    let third = ask(&mut s, &[7], &options(3, 1));
    while collect(&third).2.is_none() {
        s.step();
    }
    assert!(collect(&first).2.is_some() && collect(&second).2.is_none());
    run_to_end(&mut s);
    assert!(collect(&second).2.is_some());
}

#[test]
fn a_request_that_is_gone_frees_the_machine_in_the_middle_of_a_step() {
    let mut s = scheduler(ROOMY);
    let gone = ask(&mut s, &[9; 3000], &options(1, 1));
    s.step();
    let n_run = s.runner.n_run;
    s.runner.halfway = Some(Box::new(move || drop(gone)));
    s.step();
    assert_eq!(s.runner.n_run, n_run, "the step was given up");
    s.step();
    assert!(s.is_idle());
}

#[test]
fn those_who_shared_a_step_that_was_given_up_notice_nothing() {
    let alone = {
        let mut s = scheduler(ROOMY);
        let receiver = ask(&mut s, &[5; 20], &options(30, 7));
        run_to_end(&mut s);
        collect(&receiver).0
    };
    let mut s = scheduler(ROOMY);
    let stays = ask(&mut s, &[5; 20], &options(30, 7));
    s.step();
    let goes = ask(&mut s, &[9; 3000], &options(1, 1));
    s.step();
    s.runner.halfway = Some(Box::new(move || drop(goes)));
    run_to_end(&mut s);
    assert_eq!(collect(&stays).0, alone);
}

#[test]
fn a_step_that_is_mostly_for_others_is_finished() {
    let mut s = scheduler(ROOMY);
    let stays = ask(&mut s, &[9; 60], &options(1, 1));
    let goes = ask(&mut s, &[5; 40], &options(1, 1));
    s.runner.halfway = Some(Box::new(move || drop(goes)));
    s.step();
    assert!(collect(&stays).2.is_some());
}

#[test]
fn a_waiting_request_that_is_gone_gives_its_place_back() {
    let mut s = scheduler(Limits { n_seq: 1, ..ROOMY });
    let _working = ask(&mut s, &[5], &options(30, 1));
    s.step();
    let places = Places::new(1);
    let (sender, receiver) = async_channel::unbounded();
    let (prompt, place) = (vec![6], places.take());
    let request = Request { prompt, options: options(3, 1), constraint: None, sender, place };
    s.accept(Work::Generate(Box::new(request)));
    assert!(places.take().is_none());
    drop(receiver);
    s.step();
    assert!(places.take().is_some());
}
