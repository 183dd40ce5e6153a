//! A runner with real pages, whose logits are a hash of what a sequence's pages hold, and a clock
//! that it moves: a page that is freed or written while in use changes an answer.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_channel::Receiver;
use camelid_gguf::GgufFile;

use super::super::*;
use crate::{
    generation::End,
    page_table::{PAGE_LEN, PageCopy, PageTable},
    runner::{Logits, Rows},
    sampler::SamplerOptions,
};

/// The first of some tokens that are text and end nothing.
pub(super) const FIRST_TEXT: TokenId = 300;

/// Checks that batches continue their sequences, and answers by what they have seen.
pub(super) struct FakeRunner {
    n_vocab: usize,
    n_batch: usize,
    pages: PageTable,
    /// What each slot of each page holds.
    slots: Vec<TokenId>,
    logits: Vec<f32>,
    /// Fails the batch with this number.
    pub(super) fail_at: Option<usize>,
    pub(super) n_batches: usize,
    /// Tokens run, whatever became of them.
    pub(super) n_run: usize,
    /// Only so many tokens from [`FIRST_TEXT`] on are possible, and only so many of the last ones matter.
    pub(super) narrow: Option<(usize, usize)>,
    /// Answers otherwise than others after one of so many texts.
    pub(super) differs_after_one_in: Option<u64>,
    /// Whether a sequence can be taken over whole or not at all, and not be shifted.
    pub(super) is_stateful: bool,
    pub(super) time: FakeTime,
    /// What a step takes, and what each of its tokens takes on top.
    pub(super) cost: (Duration, Duration),
    /// Tokens of each batch that was begun.
    pub(super) batch_lens: Vec<usize>,
    /// Does this before a batch's second half.
    pub(super) halfway: Option<Box<dyn FnOnce() + Send>>,
}

/// A clock that the runner moves on.
#[derive(Clone)]
pub(super) struct FakeTime {
    start: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl FakeTime {
    fn new() -> Self {
        Self { start: Instant::now(), passed: Arc::default() }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + *self.passed.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }
}

impl FakeRunner {
    /// What a sequence's pages hold, whoever wrote to them last.
    pub(super) fn seen(&self, seq: SeqId) -> Vec<TokenId> {
        (0..self.pages.len(seq)).map(|pos| self.slots[self.pages.slot(seq, pos)]).collect()
    }

    /// Whether no page is in use.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.n_free() == self.pages.n_pages()
    }

    pub(super) fn set_n_pages(&mut self, n: usize) {
        assert!(self.is_empty());
        self.pages = PageTable::new(n as u32, None);
        self.slots = vec![0; n * PAGE_LEN];
    }

    fn copy_pages(&mut self, copies: &[PageCopy]) {
        for copy in copies {
            let from = copy.from as usize * PAGE_LEN;
            self.slots.copy_within(from..from + copy.n_slots, copy.to as usize * PAGE_LEN);
        }
    }

    /// What follows a text.
    pub(super) fn logits_after(&self, seen: &[TokenId]) -> Vec<f32> {
        let (n_possible, n_recent) = self.narrow.unwrap_or((self.n_vocab, seen.len()));
        let mut hasher = DefaultHasher::new();
        seen[seen.len().saturating_sub(n_recent)..].hash(&mut hasher);
        let mut bits = hasher.finish();
        if self.differs_after_one_in.is_some_and(|n| bits.is_multiple_of(n)) {
            bits = !bits;
        }
        let mut next = || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 40) as f32 / (1 << 22) as f32
        };
        let first = if self.narrow.is_some() { FIRST_TEXT as usize } else { 0 };
        let possible = first..first + n_possible;
        let logit = |id| if possible.contains(&id) { next() } else { f32::NEG_INFINITY };
        (0..self.n_vocab).map(logit).collect()
    }
}

impl Runner for FakeRunner {
    fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    fn forward(&mut self, batch: &Batch) -> Result<Logits<'_>> {
        Ok(self.forward_while(batch, &|| true)?.expect("it stays wanted"))
    }

    fn forward_while(
        &mut self,
        batch: &Batch,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Logits<'_>>> {
        assert!(batch.len() <= self.n_batch, "the batch is too large");
        self.check_room(batch)?;
        self.n_batches += 1;
        self.batch_lens.push(batch.len());
        let (per_batch, per_token) = self.cost;
        let whole = per_batch + per_token * batch.len() as u32;
        self.time.pass(whole / 2);
        self.halfway.take().into_iter().for_each(|act| act());
        if !is_wanted() {
            return Ok(None);
        }
        self.time.pass(whole / 2);
        self.n_run += batch.len();
        if self.fail_at == Some(self.n_batches) {
            return Err(Error::CacheFull { needed: 1, free: 0, total: 0 });
        }
        self.logits.clear();
        for token in batch.tokens() {
            let len = self.pages.len(token.seq);
            assert_eq!(len, token.pos, "the batch continues its sequence");
            let placement = self.pages.append(token.seq, 1).expect("the room was checked");
            self.copy_pages(&placement.copies);
            self.slots[placement.slots[0]] = token.token;
            if token.want_logits {
                let row = self.logits_after(&self.seen(token.seq));
                self.logits.extend(row);
            }
        }
        Ok(Some(Logits::new(&self.logits, self.n_vocab)))
    }

    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>> {
        self.forward(batch)
    }

    fn n_cached(&self, seq: SeqId) -> u32 {
        self.pages.len(seq)
    }

    fn check_room(&self, batch: &Batch) -> Result<()> {
        let runs = batch.tokens().chunk_by(|a, b| a.seq == b.seq);
        let needed = runs.map(|run| self.pages.pages_needed(run[0].seq, run.len())).sum();
        self.pages.require_free(needed)
    }

    fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        assert_eq!(self.reusable(from, len), len, "what is copied is there");
        assert_eq!(self.pages.len(to), 0, "a new request is a new sequence");
        self.pages.copy(from, to, len);
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        self.pages.truncate(seq, self.reusable(seq, len));
    }

    fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let own = self.pages.len(seq);
        if self.is_stateful && len < own { 0 } else { len.min(own) }
    }

    fn needs_checkpoints(&self) -> bool {
        self.is_stateful
    }

    fn shift(&mut self, seq: SeqId, range: Range<u32>) -> Result<()> {
        if self.is_stateful {
            return Err(Error::CannotShift { found: "a test" });
        }
        let copies = self.pages.make_exclusive(seq, range.start)?;
        self.copy_pages(&copies);
        let len = self.pages.len(seq);
        for pos in range.end..len {
            let to = self.pages.slot(seq, pos - range.len() as u32);
            self.slots[to] = self.slots[self.pages.slot(seq, pos)];
        }
        self.pages.truncate(seq, len - range.len() as u32);
        Ok(())
    }
}

pub(super) fn tokenizer() -> Tokenizer {
    let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
    Tokenizer::from_metadata(file.metadata()).unwrap()
}

fn runner(limits: Limits, time: &FakeTime) -> FakeRunner {
    let mut runner = FakeRunner {
        narrow: None,
        differs_after_one_in: None,
        is_stateful: false,
        time: time.clone(),
        cost: (Duration::from_millis(10), Duration::from_millis(1)),
        batch_lens: Vec::new(),
        halfway: None,
        n_vocab: tokenizer().vocab().len(),
        n_batch: limits.n_batch,
        pages: PageTable::new(0, None),
        slots: Vec::new(),
        logits: Vec::new(),
        fail_at: None,
        n_batches: 0,
        n_run: 0,
    };
    runner.set_n_pages(2 * limits.n_seq * limits.n_ctx.div_ceil(PAGE_LEN));
    runner
}

pub(super) fn scheduler(limits: Limits) -> Scheduler<FakeRunner> {
    let time = FakeTime::new();
    let runner = runner(limits, &time);
    Scheduler::with_clock(runner, tokenizer(), limits, Arc::new(move || time.now()))
}

/// A runner that guesses for a scheduler's own: as that one but for what `change` does, at a tenth
/// of the cost.
pub(super) fn add_draft_model(s: &mut Scheduler<FakeRunner>, change: impl FnOnce(&mut FakeRunner)) {
    let mut draft = runner(s.limits, &s.runner.time);
    draft.narrow = s.runner.narrow;
    draft.cost = (s.runner.cost.0 / 10, s.runner.cost.1 / 10);
    change(&mut draft);
    s.set_draft_model(draft, s.limits.n_ctx);
}

pub(super) const LIMITS: Limits =
    Limits { n_seq: 4, n_ctx: 64, n_batch: 16, step_time: Duration::from_millis(100) };

pub(super) fn ask<R: Runner>(
    scheduler: &mut Scheduler<R>,
    prompt: &[TokenId],
    options: &GenerateOptions,
) -> Receiver<Result<Piece>> {
    let (sender, receiver) = async_channel::unbounded();
    let (prompt, options) = (prompt.to_vec(), options.clone());
    let request = Request { prompt, options, constraint: None, sender, place: None };
    scheduler.accept(Work::Generate(Box::new(request)));
    receiver
}

/// What has arrived, joined.
pub(super) fn collect(
    receiver: &Receiver<Result<Piece>>,
) -> (Vec<TokenId>, String, Option<Result<End>>) {
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

pub(super) fn run_to_end<R: Runner>(scheduler: &mut Scheduler<R>) {
    for _ in 0..10_000 {
        if scheduler.is_idle() {
            return;
        }
        scheduler.step();
    }
    panic!("the scheduler does not come to an end");
}

/// Gives back what is kept for later requests.
pub(super) fn forget_ended(s: &mut Scheduler<FakeRunner>) {
    while give_up_page(&mut s.runner, &mut s.ended) {}
}

pub(super) fn options(n_predict: usize, seed: u64) -> GenerateOptions {
    GenerateOptions {
        n_predict: Some(n_predict),
        sampler: SamplerOptions { temperature: 0.8, seed, ..Default::default() },
        ..Default::default()
    }
}
