//! One request at work: its tokens, what of them has been run, and the text they make.

use std::{ops::Range, time::Instant};

use async_channel::Sender;

use crate::{
    batch::{Batch, SeqId, TokenId},
    error::{Error, Result},
    generation::{End, EndReason, GenerateOptions, LongPrompt, Piece, Priority, Stats},
    grammar::Constraint,
    logprobs::logprob,
    prefix_cache::common_prefix,
    sampler::Sampler,
    stop::{Matched, StopMatcher},
    text_stream::TextStream,
    tokenizer::Tokenizer,
};

use super::{
    Place, Request,
    speculation::{Ask, Source, Trust},
};

/// How long before the end of a prompt a copy is kept: more tokens than templates put behind the
/// last message, which are other ones in the next turn.
const CHECKPOINT_DISTANCE: usize = 8;

/// Most tokens that are taken at once because a grammar forces them, and the one before.
const MAX_FORCED: usize = 64;

/// Most tokens of a prompt that are scored in one step: each has a row of logits.
const MAX_SCORED: usize = 64;

/// A request's state between steps.
#[derive(Debug)]
pub(super) struct Sequence {
    id: SeqId,
    /// The tokens the model sees, oldest first: the prompt and what was generated, less what was
    /// dropped when the context was full.
    tokens: Vec<TokenId>,
    /// How many of `tokens` have been put into a batch.
    n_run: usize,
    n_prompt: usize,
    n_prompt_cached: usize,
    /// Whether it has taken over what others computed, and may run.
    has_begun: bool,
    is_shifted: bool,
    /// Numbers of tokens at which a copy is to be kept, the next one last.
    checkpoints: Vec<usize>,
    n_generated: usize,
    /// Tokens of the prompt that have a log-probability, and how many are to have one: those behind
    /// the first, or none.
    n_scored: usize,
    n_to_score: usize,
    n_ctx: usize,
    options: GenerateOptions,
    sampler: Sampler,
    constraint: Option<Constraint>,
    /// In each drafter, by [`Source`].
    trust: [Trust; 2],
    source: Source,
    /// Tokens behind `tokens` that the batch at work runs on trial.
    draft: Vec<TokenId>,
    /// How many of them have turned out right.
    n_accepted: usize,
    /// Whether the next logits are those of `tokens`.
    is_on_track: bool,
    /// The logits under the constraint; kept for its memory.
    masked: Vec<f32>,
    text: TextStream,
    stop: StopMatcher,
    /// What the next piece will hold.
    piece: Piece,
    sender: Sender<Result<Piece>>,
    _place: Option<Place>,
    started: Option<Instant>,
    prompt_done: Option<Instant>,
    is_done: bool,
}

impl Sequence {
    /// # Errors
    /// For a prompt that is empty or too long and options out of range.
    pub(super) fn new(id: SeqId, request: Request, n_ctx_max: usize) -> Result<Self> {
        let Request { prompt, options, constraint, sender, place } = request;
        let n_ctx = options.n_ctx.unwrap_or(n_ctx_max).clamp(1, n_ctx_max);
        let tokens = fit_prompt(prompt, n_ctx, &options)?;
        let n_to_score = options.prompt_logprobs.map_or(0, |_| tokens.len() - 1);
        Ok(Self {
            id,
            n_run: 0,
            n_prompt: tokens.len(),
            tokens,
            n_prompt_cached: 0,
            has_begun: false,
            is_shifted: false,
            checkpoints: Vec::new(),
            n_generated: 0,
            n_scored: 0,
            n_to_score,
            n_ctx,
            sampler: Sampler::new(options.sampler.clone())?,
            text: TextStream::new(),
            stop: StopMatcher::new(options.stop.iter().cloned()),
            trust: [Trust::new(options.n_draft), Trust::new(options.n_draft_model)],
            source: Source::Repetition,
            options,
            constraint,
            draft: Vec::new(),
            n_accepted: 0,
            is_on_track: true,
            masked: Vec::new(),
            piece: Piece::default(),
            sender,
            _place: place,
            started: None,
            prompt_done: None,
            is_done: false,
        })
    }

    pub(super) fn id(&self) -> SeqId {
        self.id
    }

    /// Whether its next token comes with the next step.
    pub(super) fn is_generating(&self) -> bool {
        self.n_generated > 0 && self.n_pending() <= MAX_FORCED
    }

    /// Whether it takes part in steps with more than its next token.
    pub(super) fn is_reading(&self) -> bool {
        self.has_begun && !self.is_generating()
    }

    pub(super) fn priority(&self) -> Priority {
        self.options.priority
    }

    /// Tokens that have still to be run.
    pub(super) fn n_pending(&self) -> usize {
        self.tokens.len() - self.n_run
    }

    #[cfg(test)]
    pub(super) fn n_generated(&self) -> usize {
        self.n_generated
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether nobody listens any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.sender.is_closed()
    }

    /// What it wants of a drafter for the next batch, at most `room` tokens; `None` where it has a
    /// guess already.
    pub(super) fn ask(&mut self, source: Source, room: usize) -> Option<Ask<'_>> {
        if !self.draft.is_empty() {
            return None;
        }
        let n_left = self.options.n_predict.unwrap_or(usize::MAX) - self.n_generated;
        // A guess is run only where a token could stand, and never the last one.
        let n_free = self.n_ctx.saturating_sub(self.tokens.len());
        let n_max = room.min(n_left.saturating_sub(1)).min(n_free);
        let n = self.trust[source as usize].len(n_max);
        self.source = source;
        let Self { id, tokens, sampler, draft, .. } = self;
        (n > 0).then(|| Ask { seq: *id, tokens, sampler, n, guess: draft })
    }

    /// Puts what is pending into a batch, and the guess behind it, at most `room` tokens.
    pub(super) fn add_next_to(&mut self, batch: &mut Batch, room: usize) {
        let room_for_guess = room.saturating_sub(self.n_pending());
        self.draft.truncate(room_for_guess);
        self.add_to(batch, room);
        let pos = u32::try_from(self.n_run).expect("a context is shorter than 2^32 tokens");
        for (&token, pos) in self.draft.iter().zip(pos..) {
            batch.push(self.id, pos, token, true);
        }
    }

    /// Puts the next tokens into a batch, at most `room`.
    pub(super) fn add_to(&mut self, batch: &mut Batch, room: usize) {
        let scored = self.n_scored..self.n_to_score;
        let room = if scored.is_empty() { room } else { room.min(MAX_SCORED) };
        let n = self.n_pending().min(room);
        if n == 0 {
            return;
        }
        self.started.get_or_insert_with(Instant::now);
        let end = (self.n_run + n).min(self.checkpoints.last().copied().unwrap_or(usize::MAX));
        let pos = u32::try_from(self.n_run).expect("a context is shorter than 2^32 tokens");
        for (i, pos) in (self.n_run..end).zip(pos..) {
            let is_last = i + 1 == self.tokens.len();
            batch.push(self.id, pos, self.tokens[i], is_last || scored.contains(&i));
        }
        self.n_run = end;
        self.is_on_track = true;
    }

    /// Chooses the next token and sends the text it completes. Logits behind a guess that was wrong
    /// are those of another text, and ignored. Shapes: `logits` is `[n_vocab]`.
    pub(super) fn take_logits(&mut self, logits: &[f32], tokenizer: &Tokenizer) {
        if self.is_done || !self.is_on_track {
            return;
        }
        if let Some(n) = self.options.prompt_logprobs.filter(|_| self.n_scored < self.n_to_score) {
            self.n_scored += 1;
            let token = self.tokens[self.n_scored];
            return self.piece.prompt_logprobs.push(logprob(logits, token, n));
        }
        self.prompt_done.get_or_insert_with(Instant::now);
        if self.options.n_predict == Some(0) {
            return self.finish(EndReason::Length);
        }
        let token = match self.choose(logits) {
            Ok(token) => token,
            Err(error) => return self.fail(error),
        };
        self.is_on_track = self.draft.get(self.n_accepted) == Some(&token);
        if self.is_on_track {
            self.n_run += 1;
            self.n_accepted += 1;
        }
        self.take_token(token, Some(logits), tokenizer);
        self.take_forced(tokenizer);
    }

    /// The next token, among those that the grammar allows.
    fn choose(&mut self, logits: &[f32]) -> Result<TokenId> {
        let pos = u32::try_from(self.tokens.len() - 1).unwrap_or(u32::MAX);
        let nothing = Error::NotFinite { pos };
        let Some(constraint) = &mut self.constraint else {
            return self.sampler.sample(logits, &self.tokens).ok_or(nothing);
        };
        self.masked.clear();
        self.masked.extend_from_slice(logits);
        constraint.mask(&mut self.masked)?;
        self.sampler.sample(&self.masked, &self.tokens).ok_or(nothing)
    }

    /// Takes the tokens that the grammar leaves no choice about, as far as they are known.
    fn take_forced(&mut self, tokenizer: &Tokenizer) {
        // Log-probabilities need logits; behind a right guess the next ones are there.
        if self.is_done || self.options.logprobs.is_some() || self.is_on_track {
            return;
        }
        let Some(constraint) = &mut self.constraint else { return };
        let n_max = self.n_ctx.saturating_sub(self.tokens.len()).min(MAX_FORCED - 1);
        for token in constraint.forced().into_iter().take(n_max) {
            if !self.is_done {
                self.take_token(token, None, tokenizer);
            }
        }
    }

    /// Appends a token and sends the text it completes.
    fn take_token(&mut self, token: TokenId, logits: Option<&[f32]>, tokenizer: &Tokenizer) {
        self.tokens.push(token);
        self.n_generated += 1;
        if tokenizer.vocab().is_end_of_generation(token) {
            return self.finish(EndReason::Stop);
        }
        if let Some(constraint) = &mut self.constraint
            && let Err(error) = constraint.accept(token)
        {
            return self.fail(error.into());
        }
        self.piece.tokens.push(token);
        let n_logprobs = self.options.logprobs.zip(logits);
        self.piece.logprobs.extend(n_logprobs.map(|(n, logits)| logprob(logits, token, n)));
        let mut text = String::new();
        self.text.push(tokenizer.bytes(token), &mut text);
        self.take_text(&text);
        if !self.is_done && self.options.n_predict.is_some_and(|n| self.n_generated >= n) {
            self.finish(EndReason::Length);
        }
    }

    /// Forgets the guess once its batch is over; answers how many of the tokens that were run are
    /// the sequence's. `costs` is what a guess takes to make, by [`Source`], in steps.
    pub(super) fn end_guess(&mut self, costs: [f32; 2]) -> usize {
        let source = self.source as usize;
        self.trust[source].observe(self.draft.len(), self.n_accepted, costs[source]);
        self.draft.clear();
        self.n_accepted = 0;
        self.n_run
    }

    fn take_text(&mut self, text: &str) {
        match self.stop.push(text) {
            Matched::Stop(text) => {
                self.piece.text.push_str(&text);
                self.send_end(EndReason::Stop);
            }
            Matched::Text(text) if text.is_empty() => {}
            Matched::Text(text) => {
                self.piece.text.push_str(&text);
                let piece = std::mem::take(&mut self.piece);
                self.send(Ok(piece));
            }
        }
    }

    /// Which tokens to drop, once no further one fits: the older half of what need not be kept.
    /// Ends where the request wants no shift.
    pub(super) fn overflow(&mut self) -> Option<Range<usize>> {
        if self.tokens.len() <= self.n_ctx {
            return None;
        }
        if !self.options.shift {
            self.finish(EndReason::Length);
            return None;
        }
        let n_keep = self.options.n_keep.min(self.n_ctx - 1);
        Some(n_keep..n_keep + ((self.n_ctx - n_keep) / 2).max(1))
    }

    /// Notes that the runner has dropped these tokens.
    pub(super) fn drop_tokens(&mut self, dropped: Range<usize>) {
        self.n_run -= dropped.len();
        self.tokens.drain(dropped);
        self.is_shifted = true;
    }

    /// Notes that the runner has forgotten everything, and is to run what is left without these
    /// tokens.
    pub(super) fn rerun_without(&mut self, dropped: Range<usize>) {
        self.tokens.drain(dropped);
        self.n_run = 0;
        self.checkpoints.clear();
    }

    /// Decides where copies are to be kept, if the first `n_reused` tokens are taken over and
    /// `n_shared` are those of another sequence: where the two part, since a third may follow
    /// them so far, and shortly before the end of the prompt, where the same prompt or the next
    /// turn will go on.
    pub(super) fn plan_checkpoints(&mut self, n_reused: usize, n_shared: usize) {
        let near_end = self.n_prompt.saturating_sub(CHECKPOINT_DISTANCE);
        self.checkpoints = vec![near_end.max(n_shared), near_end.min(n_shared)];
        self.checkpoints.retain(|&n| n > n_reused);
        self.checkpoints.dedup();
    }

    /// The tokens run so far, where a copy of them is to be kept.
    pub(super) fn take_checkpoint(&mut self) -> Option<Vec<TokenId>> {
        let is_here = self.checkpoints.last() == Some(&self.n_run);
        is_here.then(|| self.checkpoints.pop());
        is_here.then(|| self.tokens[..self.n_run].to_vec())
    }

    /// The tokens that need not be run if somebody has run them: the last one's logits are needed,
    /// and those of all where the prompt is scored.
    pub(super) fn reusable(&self) -> &[TokenId] {
        let n = if self.n_to_score > 0 { 0 } else { self.tokens.len() - 1 };
        &self.tokens[..n]
    }

    /// How many of these tokens this sequence begins with and has run.
    pub(super) fn shared_with(&self, tokens: &[TokenId]) -> usize {
        if self.is_shifted { 0 } else { common_prefix(&self.tokens[..self.n_run], tokens) }
    }

    /// How many of these tokens this sequence begins with, run or not.
    pub(super) fn promised_to(&self, tokens: &[TokenId]) -> usize {
        if self.is_shifted { 0 } else { common_prefix(&self.tokens, tokens) }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Begins, with the first `n` tokens in the cache already.
    pub(super) fn begin(&mut self, n: usize) {
        self.has_begun = true;
        self.n_run = n;
        self.n_prompt_cached = n;
    }

    /// Notes that the cache holds the first `n` tokens and no others.
    pub(super) fn set_run(&mut self, n: usize) {
        self.n_run = n;
        self.draft.clear();
    }

    /// What the cache holds of an ended sequence, of which `n_cached` tokens are there; nothing
    /// where a shift has left keys that remember what was dropped.
    pub(super) fn into_cached(mut self, n_cached: usize) -> (SeqId, Vec<TokenId>) {
        self.tokens.truncate(if self.is_shifted { 0 } else { self.n_run.min(n_cached) });
        (self.id, self.tokens)
    }

    /// Ends with all text that was held back.
    fn finish(&mut self, reason: EndReason) {
        let mut rest = String::new();
        self.text.finish(&mut rest);
        match self.stop.push(&rest) {
            Matched::Stop(text) => self.piece.text.push_str(&text),
            Matched::Text(text) => {
                self.piece.text.push_str(&text);
                self.piece.text.push_str(&self.stop.finish());
            }
        }
        self.send_end(reason);
    }

    fn send_end(&mut self, reason: EndReason) {
        let end = End { reason, stats: self.stats() };
        let piece = Piece { end: Some(end), ..std::mem::take(&mut self.piece) };
        self.is_done = true;
        self.send(Ok(piece));
    }

    /// Ends with an error.
    pub(super) fn fail(&mut self, error: Error) {
        self.is_done = true;
        self.send(Err(error));
    }

    fn send(&self, piece: Result<Piece>) {
        // The channel has no bound, so this fails only when nobody listens; the next step sees it.
        drop(self.sender.try_send(piece));
    }

    fn stats(&self) -> Stats {
        let now = Instant::now();
        let started = self.started.unwrap_or(now);
        let prompt_done = self.prompt_done.unwrap_or(now);
        // The guess at work is not over where the text ends within it.
        let drafted = self.trust.iter().map(|trust| trust.n_drafted);
        let accepted = self.trust.iter().map(|trust| trust.n_accepted);
        Stats {
            n_prompt: self.n_prompt,
            n_prompt_cached: self.n_prompt_cached,
            n_generated: self.n_generated,
            n_drafted: drafted.sum::<usize>() + self.draft.len(),
            n_accepted: accepted.sum::<usize>() + self.n_accepted,
            prompt_duration: prompt_done - started,
            generate_duration: now - prompt_done,
        }
    }
}

/// A prompt that leaves room for at least one token more.
fn fit_prompt(
    mut prompt: Vec<TokenId>,
    n_ctx: usize,
    options: &GenerateOptions,
) -> Result<Vec<TokenId>> {
    let n_prompt = prompt.len();
    let limit = n_ctx - 1;
    if n_prompt == 0 {
        return Err(Error::EmptyPrompt);
    }
    if n_prompt <= limit {
        return Ok(prompt);
    }
    // A context of one token has room for a prompt or an answer, not for both.
    if options.long_prompt == LongPrompt::Refuse || limit == 0 {
        return Err(Error::PromptTooLong { n_prompt, limit, n_ctx });
    }
    let n_keep = options.n_keep.min(limit);
    let n_left = n_ctx - ((n_ctx - n_keep) / 2).max(1);
    tracing::warn!(
        n_prompt,
        n_left,
        n_keep,
        n_ctx,
        "the prompt is too long: its middle is dropped"
    );
    prompt.drain(n_keep..n_keep + (n_prompt - n_left));
    Ok(prompt)
}
