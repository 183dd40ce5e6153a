//! The bundled model under many requests that come, stop and vanish.

use std::sync::Arc;

use camelid_gguf::GgufFile;
use camelid_kernels::{Cpu, Kernels, KvType, ThreadTeam};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use super::{fake_runner::*, *};
use crate::{
    cpu::CpuDevice,
    decoder::{CacheOptions, Decoder},
    grammar::{Grammar, GrammarCompiler},
};

const SMALL: Limits =
    Limits { n_seq: 8, n_ctx: 128, n_batch: 64, step_time: Duration::from_millis(20) };

type Tiny = Scheduler<Decoder<CpuDevice>>;

fn tiny() -> Tiny {
    let file = Arc::new(GgufFile::from_static(camelid_model_tiny::GGUF).unwrap());
    let tokenizer = Tokenizer::from_metadata(file.metadata()).unwrap();
    let cpu = Cpu::new(Kernels::detect(), ThreadTeam::new(2));
    let mut cache = CacheOptions::new(SMALL.n_seq * SMALL.n_ctx, KvType::F16);
    (cache.n_seq, cache.n_batch) = (SMALL.n_seq, SMALL.n_batch);
    let decoder = Decoder::with_context(&file, CpuDevice::new(cpu), cache, SMALL.n_ctx).unwrap();
    Scheduler::new(decoder, tokenizer, SMALL)
}

/// Whether every page is free: only then does a text as long as the whole cache fit.
fn all_pages_are_free(s: &mut Tiny) -> bool {
    while give_up_page(&mut s.runner, &mut s.ended) {}
    let whole = vec![1; SMALL.n_seq * SMALL.n_ctx];
    s.runner.check_room(&Batch::prompt(SeqId(u32::MAX), 0, &whole)).is_ok()
}

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A request of any kind.
fn any_request(dice: &mut Dice) -> (Vec<TokenId>, GenerateOptions) {
    let max_len = if dice.one_in(10) { 200 } else { 60 };
    let n_prompt = 1 + dice.below(max_len);
    // Few different beginnings, so that much is shared.
    let first = dice.below(4) as TokenId;
    let n_shared = dice.below(50);
    let token = |i| if i < n_shared { 300 + first } else { 300 + (i as TokenId * 7 + first) % 90 };
    let mut options = options(1 + dice.below(60), dice.0.next_u64());
    options.sampler.temperature = if dice.one_in(3) { 0.0 } else { 0.9 };
    options.sampler.top_k = 40;
    options.shift = dice.one_in(4);
    options.long_prompt = if dice.one_in(2) { LongPrompt::DropMiddle } else { LongPrompt::Refuse };
    options.stop = if dice.one_in(3) { vec!["e".to_owned()] } else { Vec::new() };
    options.priority = if dice.one_in(3) { Priority::Background } else { Priority::Interactive };
    options.n_draft = if dice.one_in(4) { 0 } else { 8 };
    ((0..n_prompt).map(token).collect(), options)
}

/// Sends requests between steps, drops some on the way, and sees every other one end.
fn soak(n_requests: usize, mut after_each: impl FnMut(usize)) {
    let mut s = tiny();
    let grammars = GrammarCompiler::default();
    let mut dice = Dice(Xoshiro256PlusPlus::seed_from_u64(7));
    let places = Places::new(24);
    let mut listening: Vec<Receiver<Result<Piece>>> = Vec::new();
    let (mut n_sent, mut n_ended) = (0, 0);
    while n_sent < n_requests || !s.is_idle() {
        if n_sent < n_requests
            && dice.one_in(2)
            && let Some(place) = places.take()
        {
            let (prompt, mut options) = any_request(&mut dice);
            let digits = Grammar::Regex("[0-9]{1,20}".to_owned());
            options.grammar = dice.one_in(8).then_some(digits);
            let compile = |grammar| grammars.compile(grammar, &s.tokenizer).unwrap();
            let constraint = options.grammar.as_ref().map(compile);
            let (sender, receiver) = async_channel::unbounded();
            let request = Request { prompt, options, constraint, sender, place: Some(place) };
            s.accept(Work::Generate(Box::new(request)));
            listening.push(receiver);
            n_sent += 1;
            after_each(n_sent);
        }
        s.step();
        if dice.one_in(12) && !listening.is_empty() {
            let gone = dice.below(listening.len());
            listening.swap_remove(gone);
        }
        listening.retain(|receiver| {
            let has_ended = collect(receiver).2.is_some();
            n_ended += usize::from(has_ended);
            !has_ended
        });
    }
    assert!(listening.is_empty(), "{} requests have no end", listening.len());
    assert!(n_ended > n_requests / 2, "{n_ended} ended");
    assert!(all_pages_are_free(&mut s));
    let free: Vec<Place> = std::iter::from_fn(|| places.take()).collect();
    assert_eq!(free.len(), 24);
}

#[test]
fn every_page_and_place_comes_back() {
    soak(120, |_| {});
}

/// Prints the memory in use on the way.
#[test]
#[ignore = "takes a minute: run it by hand in release mode"]
fn a_thousand_requests() {
    soak(1000, |n| {
        if n % 100 == 0 {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let rss = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or("");
            eprintln!("{n} requests: {rss}");
        }
    });
}

#[test]
fn eight_requests_together_are_as_each_alone() {
    let requests: Vec<(Vec<TokenId>, GenerateOptions)> = (0..8)
        .map(|i| {
            let prompt = (0..10 + 5 * i).map(|k| 300 + (k * k + i) % 70).collect();
            let mut options = options(40, u64::from(i));
            options.sampler.temperature = if i % 2 == 0 { 0.0 } else { 0.9 };
            (prompt, options)
        })
        .collect();
    let alone: Vec<_> = requests
        .iter()
        .map(|(prompt, options)| {
            let mut s = tiny();
            let receiver = ask(&mut s, prompt, &GenerateOptions { n_draft: 0, ..options.clone() });
            run_to_end(&mut s);
            collect(&receiver).0
        })
        .collect();
    let mut s = tiny();
    let together: Vec<_> =
        requests.iter().map(|(prompt, options)| ask(&mut s, prompt, options)).collect();
    run_to_end(&mut s);
    for (receiver, alone) in together.iter().zip(alone) {
        assert_eq!(collect(receiver).0, alone);
    }
}
