//! Forms batches from all requests at work and turns their logits into pieces of text.
//!
//! One step is one forward pass: a token for each sequence that generates, and as much of the
//! prompts as may be read in the time a step should take (`pace`), evenly shared (`share`).
//! Requests wait by priority (`queue`), and join and leave between steps. A request whose receiver
//! is gone leaves at the next step, and a step that is mostly for such requests is given up.
//! Sequences that have ended stay cached for requests that begin like them, as long as there is
//! room.

mod embedder;
mod kept;
mod pace;
mod queue;
mod sequence;
mod share;
mod speculation;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_channel::Sender;

use crate::{
    batch::{Batch, SeqId, TokenId},
    error::{Error, Result},
    generation::{GenerateOptions, Piece, Priority},
    grammar::Constraint,
    prefix_cache::PrefixCache,
    runner::Runner,
    tokenizer::Tokenizer,
};
use embedder::Embedder;
use kept::{give_up_page, holder, keep, with_room};
use pace::{Average, Pace, Waiting};
use queue::Queue;
use sequence::Sequence;
use share::{Want, share};
use speculation::{Ask, DraftModel, Drafter, Repetition, Source};

pub(crate) use embedder::EmbedInput;
pub(crate) use queue::{Place, Places};

/// What the scheduler may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Sequences at work at once.
    pub(crate) n_seq: usize,
    /// Context of one sequence, in tokens.
    pub(crate) n_ctx: usize,
    /// Tokens in one batch; there is always room for one of each sequence.
    pub(crate) n_batch: usize,
    /// How long prompts may make a step that somebody waits for.
    pub(crate) step_time: Duration,
}

/// What the engine is asked for.
#[derive(Debug)]
pub(crate) enum Work {
    Generate(Box<Request>),
    Embed {
        inputs: Vec<EmbedInput>,
        place: Place,
    },
    /// Answers how many of the tokens are cached, and what is.
    Save {
        tokens: Vec<TokenId>,
        reply: Sender<Result<(usize, Vec<u8>)>>,
    },
    /// Keeps what was saved of the tokens.
    Load {
        tokens: Vec<TokenId>,
        cache: Vec<u8>,
        reply: Sender<Result<()>>,
    },
}

/// A text to be continued.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) prompt: Vec<TokenId>,
    pub(crate) options: GenerateOptions,
    pub(crate) constraint: Option<Constraint>,
    pub(crate) sender: Sender<Result<Piece>>,
    /// Held until the request has ended.
    pub(crate) place: Option<Place>,
}

/// Tokens that it is worth waiting for while another request reads them: fewer are read as soon.
const WORTH_WAITING: usize = 8;

/// Most tokens that are guessed in one step.
const MAX_GUESSED: usize = 16;

/// Tells the time; a test's clock stands still.
type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The requests of one runner, waiting and at work.
pub(crate) struct Scheduler<R> {
    runner: R,
    tokenizer: Tokenizer,
    limits: Limits,
    waiting: Queue,
    active: Vec<Sequence>,
    embedder: Embedder,
    ended: PrefixCache,
    next_id: u32,
    batch: Batch,
    pace: Pace,
    /// By [`Source`].
    drafters: [Option<Box<dyn Drafter>>; 2],
    /// What a step without prompts takes.
    step_time: Average,
    clock: Clock,
}

impl<R: Runner> Scheduler<R> {
    pub(crate) fn new(runner: R, tokenizer: Tokenizer, limits: Limits) -> Self {
        Self::with_clock(runner, tokenizer, limits, Arc::new(Instant::now))
    }

    fn with_clock(runner: R, tokenizer: Tokenizer, mut limits: Limits, clock: Clock) -> Self {
        limits.n_batch = limits.n_batch.max(limits.n_seq);
        Self {
            runner,
            tokenizer,
            waiting: Queue::default(),
            active: Vec::new(),
            embedder: Embedder::default(),
            ended: PrefixCache::default(),
            next_id: 0,
            batch: Batch::new(),
            pace: Pace::new(limits.step_time, limits.n_batch),
            drafters: [Some(Box::new(Repetition)), None],
            step_time: Average::default(),
            limits,
            clock,
        }
    }

    /// Lets a second model guess: one with the same vocabulary, whose sequences may lose their ends,
    /// and that takes as large batches. `n_ctx` is what it can read of one sequence.
    pub(crate) fn set_draft_model(&mut self, runner: impl Runner + 'static, n_ctx: usize) {
        let (tokenizer, clock) = (self.tokenizer.clone(), Arc::clone(&self.clock));
        let drafter = DraftModel::new(runner, tokenizer, n_ctx, clock);
        self.drafters[Source::Model as usize] = Some(Box::new(drafter));
    }

    /// Whether a step would do nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty() && self.waiting.is_empty() && self.embedder.is_idle()
    }

    /// Takes something, to be worked on when there is room.
    pub(crate) fn accept(&mut self, work: Work) {
        match work {
            Work::Generate(request) => self.waiting.push(*request),
            Work::Embed { inputs, place } => {
                let place = Arc::new(place);
                for input in inputs {
                    let id = self.new_id();
                    self.embedder.admit(id, input, Arc::clone(&place));
                }
            }
            // A caller that has stopped listening has no use for the answer.
            Work::Save { tokens, reply } => drop(reply.try_send(self.save(&tokens))),
            Work::Load { tokens, cache, reply } => {
                drop(reply.try_send(self.load(&tokens, &cache)));
            }
        }
    }

    fn save(&mut self, tokens: &[TokenId]) -> Result<(usize, Vec<u8>)> {
        let Self { runner, active, ended, .. } = self;
        match holder(runner, active, ended, tokens) {
            Some((id, n)) => Ok((n, runner.save(id, n as u32)?)),
            None => Ok((0, Vec::new())),
        }
    }

    fn load(&mut self, tokens: &[TokenId], cache: &[u8]) -> Result<()> {
        let id = self.new_id();
        let Self { runner, ended, .. } = self;
        with_room(runner, ended, |runner| runner.load(id, tokens.len() as u32, cache))?;
        keep(runner, ended, (id, tokens));
        Ok(())
    }

    fn new_id(&mut self) -> SeqId {
        let id = SeqId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn admit_waiting(&mut self) {
        self.waiting.drop_cancelled();
        while self.active.len() < self.limits.n_seq {
            let Some(request) = self.waiting.pop() else { return };
            self.admit(request);
        }
    }

    /// Takes a request to work on, or answers it with the reason why not.
    fn admit(&mut self, request: Request) {
        let sender = request.sender.clone();
        match Sequence::new(self.new_id(), request, self.limits.n_ctx) {
            Ok(sequence) => self.active.push(sequence),
            Err(error) => drop(sender.try_send(Err(error))),
        }
    }

    /// Lets those begin that have not, each with what an earlier or a running sequence has
    /// computed already. One whose beginning is just being read for another waits until it is.
    fn begin_reading(&mut self) {
        for i in 0..self.active.len() {
            if !self.active[i].has_begun() && !self.waits_for_another(i) {
                self.begin(i);
            }
        }
    }

    fn waits_for_another(&self, i: usize) -> bool {
        // Where a beginning is lost as soon as it is passed, there is nothing to wait for.
        if self.runner.needs_checkpoints() {
            return false;
        }
        let (others, sequence) = (&self.active[..i], &self.active[i]);
        let wanted = sequence.reusable();
        let n_run = self.active.iter().map(|other| other.shared_with(wanted)).max().unwrap_or(0);
        let n_there = n_run.max(self.ended.longest_shared(wanted));
        let is_ahead = |other: &&Sequence| other.priority() <= sequence.priority();
        let promised = others.iter().filter(is_ahead).map(|other| other.promised_to(wanted));
        promised.max().is_some_and(|n| n >= n_there + WORTH_WAITING)
    }

    /// Takes over what an earlier or a running sequence has computed already.
    fn begin(&mut self, i: usize) {
        let Self { runner, active, ended, .. } = self;
        let wanted = active[i].reusable();
        let best = holder(runner, active, ended, wanted);
        let n = best.map_or(0, |(_, n)| n);
        let shared = active.iter().map(|other| other.shared_with(wanted)).max().unwrap_or(0);
        let n_shared = shared.max(ended.longest_shared(wanted));
        let sequence = &mut active[i];
        if runner.needs_checkpoints() {
            sequence.plan_checkpoints(n, n_shared);
        }
        if let Some((from, n)) = best {
            runner.copy(from, sequence.id(), n as u32);
        }
        sequence.begin(n);
    }

    /// Keeps copies of the sequences that have come to a place which may be gone back to.
    fn keep_checkpoints(&mut self) {
        let Self { runner, active, ended, next_id, .. } = self;
        for sequence in active {
            let Some(tokens) = sequence.take_checkpoint() else { continue };
            let id = SeqId(*next_id);
            *next_id = next_id.wrapping_add(1);
            runner.copy(sequence.id(), id, tokens.len() as u32);
            keep(runner, ended, (id, &tokens));
        }
    }

    /// Runs one batch of inputs to be embedded and one of sequences, if there are any.
    pub(crate) fn step(&mut self) {
        self.release(|sequence| sequence.is_cancelled());
        self.admit_waiting();
        self.begin_reading();
        let waiting = self.who_waits();
        self.embed(waiting);
        self.generate(waiting);
        self.release(|sequence| sequence.is_done());
    }

    fn embed(&mut self, waiting: Waiting) {
        let Self { runner, embedder, ended, limits, active, pace, .. } = self;
        let n_batch = match waiting {
            Waiting::Listener => pace.room(waiting),
            Waiting::Nobody => limits.n_batch,
        };
        let make_room = |runner: &mut R| give_up_page(runner, ended);
        if let Err(error) = embedder.step(runner, n_batch, make_room)
            && active.is_empty()
        {
            // Nothing will end that could make room.
            embedder.fail_oldest(runner, error);
        }
    }

    fn generate(&mut self, waiting: Waiting) {
        let n_prompt = self.fill_batch(waiting);
        if self.batch.is_empty() {
            return;
        }
        let started = (self.clock)();
        if let Err(error) = self.run_batch() {
            return self.fail_batch(error);
        }
        let took = (self.clock)() - started;
        self.pace.observe(waiting, n_prompt, took);
        if n_prompt == 0 {
            self.step_time.observe(took);
        }
    }

    /// Lets go of the sequences that `is_over` picks, and keeps what they computed.
    fn release(&mut self, is_over: impl Fn(&Sequence) -> bool) {
        let Self { runner, active, ended, drafters, .. } = self;
        for sequence in active.extract_if(.., |sequence| is_over(sequence)) {
            let n_cached = runner.n_cached(sequence.id()) as usize;
            drafters.iter_mut().flatten().for_each(|drafter| drafter.end(sequence.id()));
            let (id, tokens) = sequence.into_cached(n_cached);
            keep(runner, ended, (id, &tokens));
        }
    }

    fn who_waits(&self) -> Waiting {
        let is_heard = |s: &Sequence| s.is_generating() && s.priority() == Priority::Interactive;
        if self.active.iter().any(is_heard) { Waiting::Listener } else { Waiting::Nobody }
    }

    /// Puts together the next batch; answers how many of its tokens are prompts'.
    fn fill_batch(&mut self, waiting: Waiting) -> usize {
        self.batch.clear();
        // Those that generate come first: their readers wait for the next word.
        self.guess(waiting);
        let mut n_left = self.active.iter().filter(|s| s.is_generating()).count();
        for sequence in self.active.iter_mut().filter(|s| s.is_generating()) {
            // One place is for each of the others.
            n_left -= 1;
            let room = self.limits.n_batch - self.batch.len() - n_left;
            sequence.add_next_to(&mut self.batch, room);
        }
        let n_generating = self.batch.len();
        let reading = || self.active.iter().filter(|s| s.is_reading());
        let wants: Vec<Want> =
            reading().map(|s| Want { n_tokens: s.n_pending(), priority: s.priority() }).collect();
        let room = self.pace.room(waiting).max(wants.len());
        let shares = share(room.min(self.limits.n_batch.saturating_sub(n_generating)), &wants);
        let reading = self.active.iter_mut().filter(|s| s.is_reading());
        for (sequence, n) in reading.zip(shares) {
            sequence.add_to(&mut self.batch, n);
        }
        self.batch.len() - n_generating
    }

    /// Lets those that generate guess, as long as they are few: what many run at once is bound by
    /// arithmetic, and a wrong guess is arithmetic for nothing.
    fn guess(&mut self, waiting: Waiting) {
        // Where a sequence cannot be shortened, a wrong guess could not be taken back.
        if self.runner.needs_checkpoints() {
            return;
        }
        let n_generating = self.active.iter().filter(|s| s.is_generating()).count();
        for source in Source::ALL {
            let Some(drafter) = &mut self.drafters[source as usize] else { continue };
            let generating = self.active.iter_mut().filter(|s| s.is_generating());
            let asks: Vec<Ask<'_>> =
                generating.filter_map(|s| s.ask(source, MAX_GUESSED / n_generating)).collect();
            if let Err(error) = drafter.guess(asks, self.pace.room(waiting)) {
                tracing::warn!(%error, ?source, "nothing is guessed any more");
                self.drafters[source as usize] = None;
            }
        }
    }

    /// What it takes to guess a token, by [`Source`], against a step.
    fn guess_costs(&self) -> [f32; 2] {
        let step = self.step_time.get().as_secs_f32();
        // Before the first step is measured nobody can tell.
        let is_known = step > 0.0;
        self.drafters.each_ref().map(|drafter| match drafter {
            Some(drafter) if is_known => drafter.cost().as_secs_f32() / step,
            _ => 0.0,
        })
    }

    fn run_batch(&mut self) -> Result<()> {
        let Self { runner, tokenizer, active, ended, batch, .. } = self;
        with_room(runner, ended, |runner| runner.check_room(batch))?;
        let Some(logits) = runner.forward_while(batch, &|| is_wanted(batch, active))? else {
            self.take_back_batch();
            return Ok(());
        };
        let wanted = batch.tokens().iter().filter(|t| t.want_logits);
        for (token, row) in wanted.zip(logits.rows()) {
            let sequence = active.iter_mut().find(|s| s.id() == token.seq);
            sequence.expect("a batch is made of active sequences").take_logits(row, tokenizer);
        }
        self.end_guesses();
        self.keep_checkpoints();
        self.shift_full_contexts();
        Ok(())
    }

    /// Takes what was guessed wrong out of the cache.
    fn end_guesses(&mut self) {
        let costs = self.guess_costs();
        for sequence in &mut self.active {
            let n_right = sequence.end_guess(costs) as u32;
            if self.runner.n_cached(sequence.id()) > n_right {
                self.runner.truncate(sequence.id(), n_right);
            }
        }
    }

    /// Notes what a batch that was given up has left in the cache.
    fn take_back_batch(&mut self) {
        for sequence in &mut self.active {
            sequence.set_run(self.runner.n_cached(sequence.id()) as usize);
        }
    }

    fn shift_full_contexts(&mut self) {
        let Self { runner, active, ended, .. } = self;
        for sequence in active.iter_mut().filter(|s| !s.is_done()) {
            let Some(dropped) = sequence.overflow() else { continue };
            let positions = dropped.start as u32..dropped.end as u32;
            match with_room(runner, ended, |r| r.shift(sequence.id(), positions.clone())) {
                Ok(()) => sequence.drop_tokens(dropped),
                Err(Error::CannotShift { .. }) => {
                    runner.truncate(sequence.id(), 0);
                    sequence.rerun_without(dropped);
                }
                Err(error) => sequence.fail(error),
            }
        }
    }

    /// Ends every sequence of the batch with the error that all of them met.
    fn fail_batch(&mut self, error: Error) {
        let error = Arc::new(error);
        for sequence in &mut self.active {
            if self.batch.tokens().iter().any(|t| t.seq == sequence.id()) {
                sequence.fail(Error::Batch(Arc::clone(&error)));
            }
        }
    }
}

/// Whether a batch is worth finishing: not if half of it is for requests that are gone. Less than
/// that would cost the others more to begin again than to end.
fn is_wanted(batch: &Batch, active: &[Sequence]) -> bool {
    let is_gone = |id| active.iter().any(|s| s.id() == id && s.is_cancelled());
    let runs = batch.tokens().chunk_by(|a, b| a.seq == b.seq);
    let n_gone: usize = runs.filter(|run| is_gone(run[0].seq)).map(<[_]>::len).sum();
    2 * n_gone < batch.len()
}

#[cfg(test)]
mod tests;
