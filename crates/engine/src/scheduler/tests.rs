//! The scheduler over a runner whose logits are a hash of everything the sequence has seen.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

use async_channel::Receiver;
use camelid_gguf::GgufFile;
use proptest::prelude::*;

use super::*;
use crate::{
    generation::{End, EndReason, LongPrompt},
    runner::{Logits, Rows},
    sampler::SamplerOptions,
};

/// Checks that batches continue their sequences, and answers by what they have seen.
struct FakeRunner {
    n_vocab: usize,
    n_batch: usize,
    sequences: HashMap<SeqId, Vec<TokenId>>,
    logits: Vec<f32>,
    /// Fails the batch with this number.
    fail_at: Option<usize>,
    n_batches: usize,
    /// Tokens run, whatever became of them.
    n_run: usize,
    /// Tokens that all sequences together may hold.
    n_room: usize,
    /// Whether a sequence can be taken over whole or not at all, and not be shifted.
    is_stateful: bool,
}

impl FakeRunner {
    fn logits_after(&self, seen: &[TokenId]) -> Vec<f32> {
        let mut hasher = DefaultHasher::new();
        seen.hash(&mut hasher);
        let mut bits = hasher.finish();
        let mut next = || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 40) as f32 / (1 << 22) as f32
        };
        (0..self.n_vocab).map(|_| next()).collect()
    }
}

impl Runner for FakeRunner {
    fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    fn forward(&mut self, batch: &Batch) -> Result<Logits<'_>> {
        assert!(batch.len() <= self.n_batch, "the batch is too large");
        self.check_room(batch)?;
        self.n_batches += 1;
        self.n_run += batch.len();
        if self.fail_at == Some(self.n_batches) {
            return Err(Error::CacheFull { needed: 1, free: 0, total: 0 });
        }
        self.logits.clear();
        for token in batch.tokens() {
            let seen = self.sequences.entry(token.seq).or_default();
            assert_eq!(seen.len(), token.pos as usize, "the batch continues its sequence");
            seen.push(token.token);
            if token.want_logits {
                let row = self.logits_after(&self.sequences[&token.seq]);
                self.logits.extend(row);
            }
        }
        Ok(Logits::new(&self.logits, self.n_vocab))
    }

    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>> {
        self.forward(batch)
    }

    fn n_cached(&self, seq: SeqId) -> u32 {
        self.sequences.get(&seq).map_or(0, |s| s.len() as u32)
    }

    fn check_room(&self, batch: &Batch) -> Result<()> {
        let n_held: usize = self.sequences.values().map(Vec::len).sum();
        if n_held + batch.len() > self.n_room {
            return Err(Error::CacheFull { needed: batch.len(), free: 0, total: self.n_room });
        }
        Ok(())
    }

    fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let own = self.n_cached(seq);
        if self.is_stateful && len < own { 0 } else { len.min(own) }
    }

    fn needs_checkpoints(&self) -> bool {
        self.is_stateful
    }

    fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        let len = self.reusable(from, len);
        let copy = self.sequences[&from][..len as usize].to_vec();
        assert!(self.sequences.insert(to, copy).is_none(), "a new request is a new sequence");
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        assert_eq!(len, 0);
        self.sequences.remove(&seq);
    }

    fn shift(&mut self, seq: SeqId, range: Range<u32>) -> Result<()> {
        if self.is_stateful {
            return Err(Error::CannotShift { found: "a test" });
        }
        let seen = self.sequences.get_mut(&seq).expect("only a sequence at work is shifted");
        seen.drain(range.start as usize..range.end as usize);
        Ok(())
    }
}

fn tokenizer() -> Tokenizer {
    let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
    Tokenizer::from_metadata(file.metadata()).unwrap()
}

fn scheduler(limits: Limits) -> Scheduler<FakeRunner> {
    let tokenizer = tokenizer();
    let runner = FakeRunner {
        n_vocab: tokenizer.vocab().len(),
        n_batch: limits.n_batch,
        sequences: HashMap::new(),
        logits: Vec::new(),
        fail_at: None,
        n_batches: 0,
        n_run: 0,
        n_room: 2 * limits.n_seq * limits.n_ctx,
        is_stateful: false,
    };
    Scheduler::new(runner, tokenizer, limits)
}

const LIMITS: Limits = Limits { n_seq: 4, n_ctx: 64, n_batch: 16 };

fn ask<R: Runner>(
    scheduler: &mut Scheduler<R>,
    prompt: &[TokenId],
    options: &GenerateOptions,
) -> Receiver<Result<Piece>> {
    let (sender, receiver) = async_channel::unbounded();
    let (prompt, options) = (prompt.to_vec(), options.clone());
    scheduler.admit(Request { prompt, options, constraint: None, sender });
    receiver
}

/// What has arrived, joined.
fn collect(receiver: &Receiver<Result<Piece>>) -> (Vec<TokenId>, String, Option<Result<End>>) {
    let (mut tokens, mut text) = (Vec::new(), String::new());
    while let Ok(item) = receiver.try_recv() {
        match item {
            Ok(piece) => {
                tokens.extend(piece.tokens);
                text += &piece.text;
                if let Some(end) = piece.end {
                    return (tokens, text, Some(Ok(end)));
                }
            }
            Err(error) => return (tokens, text, Some(Err(error))),
        }
    }
    (tokens, text, None)
}

fn run_to_end<R: Runner>(scheduler: &mut Scheduler<R>) {
    for _ in 0..10_000 {
        if scheduler.is_idle() {
            return;
        }
        scheduler.step();
    }
    panic!("the scheduler does not come to an end");
}

fn options(n_predict: usize, seed: u64) -> GenerateOptions {
    GenerateOptions {
        n_predict: Some(n_predict),
        sampler: SamplerOptions { temperature: 0.8, seed, ..Default::default() },
        ..Default::default()
    }
}

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
    assert_eq!(s.runner.sequences.len(), 1, "what was computed is kept for the next request");
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
    assert!(!s.runner.sequences.is_empty());
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
    let seen = &s.runner.sequences[&SeqId(0)];
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
    assert!(s.runner.sequences.is_empty());
    let fine = ask(&mut s, &[5], &options(3, 1));
    run_to_end(&mut s);
    assert!(matches!(collect(&fine).2, Some(Ok(_))));
}

#[test]
fn an_empty_prompt_is_refused() {
    let mut s = scheduler(LIMITS);
    let receiver = ask(&mut s, &[], &options(3, 1));
    assert!(matches!(collect(&receiver).2, Some(Err(Error::EmptyPrompt))));
    assert!(s.is_idle());
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
fn a_shifted_sequence_is_not_taken_for_what_its_tokens_say() {
    let mut s = scheduler(LIMITS);
    let first = ask(&mut s, &[7; 60], &GenerateOptions { shift: true, ..options(50, 5) });
    run_to_end(&mut s);
    drop(first);
    let second = ask(&mut s, &[7; 10], &options(1, 1));
    run_to_end(&mut s);
    assert_eq!(collect(&second).2.unwrap().unwrap().stats.n_prompt_cached, 0);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

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
        s.runner.n_room = LIMITS.n_seq * LIMITS.n_ctx + LIMITS.n_batch;
        let mut receivers = Vec::new();
        for (prompt, n, seed, steps_before, hangs_up) in &requests {
            (0..*steps_before).for_each(|_| s.step());
            while !s.has_room() {
                s.step();
            }
            let receiver = ask(&mut s, prompt, &options(*n, *seed));
            receivers.push((!hangs_up).then_some(receiver));
        }
        run_to_end(&mut s);
        for (receiver, alone) in receivers.iter().zip(&alone) {
            if let Some(receiver) = receiver {
                prop_assert_eq!(&collect(receiver).0, alone);
            }
        }
        while let Some(ended) = s.ended.evict() {
            s.runner.truncate(ended, 0);
        }
        prop_assert!(s.runner.sequences.is_empty(), "nothing is lost");
    }
}
