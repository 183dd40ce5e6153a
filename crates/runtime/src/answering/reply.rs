//! From the engine's pieces to the parts of a streamed answer.
//!
//! The engine gives text; a parser tells content, thinking and tool calls apart; a [`Shape`] puts
//! each into the wire's form. A piece may give no part (the parser waits for more) or several.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use camelid_api_types::{
    ApiError,
    ollama::{Logprob, PromptLogprob, TokenLogprob},
};
use camelid_engine::{Generation, Piece, TokenId, Tokenizer};
use camelid_template::{Event, OutputParser};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::task::JoinHandle;

use super::{formed::Formed, shape::Shape};
use crate::{
    error::from_engine,
    scheduling::{Lease, Loaded},
};

/// An answer being made. Holds the model until it is dropped; dropping it cancels.
pub(crate) struct Reply<S: Shape> {
    generation: Generation,
    model: Lease<Loaded>,
    shape: S,
    /// Tells kinds of text apart; `None` takes all of it as content.
    parser: Option<OutputParser>,
    /// How to hold the answer to a form once the model has thought; `None` where there is no form,
    /// or it holds already.
    formed: Option<Formed>,
    /// The answer's second beginning, under way.
    beginning: Option<JoinHandle<camelid_engine::Result<Generation>>>,
    /// Parts that are ready.
    ready: VecDeque<S::Part>,
    /// How likely the engine found the prompt's tokens but the first; of its first piece.
    prompt_logprobs: Vec<camelid_engine::Logprob>,
    /// Whether nothing more is to be said.
    is_over: bool,
}

impl<S: Shape> Reply<S> {
    /// Waits for the first piece, so that a request that cannot be answered is an error and not
    /// a stream that begins with one.
    pub(crate) async fn begin(
        generation: Generation,
        model: Lease<Loaded>,
        shape: S,
        parser: Option<OutputParser>,
        formed: Option<Formed>,
    ) -> Result<Self, ApiError> {
        let mut reply = Self {
            generation,
            model,
            shape,
            parser,
            formed,
            beginning: None,
            ready: VecDeque::new(),
            prompt_logprobs: Vec::new(),
            is_over: false,
        };
        let first = StreamExt::next(&mut reply.generation).await.transpose();
        if let Some(mut piece) = first.map_err(|error| from_engine(&error))? {
            reply.prompt_logprobs = std::mem::take(&mut piece.prompt_logprobs);
            reply.receive(&piece);
        }
        Ok(reply)
    }

    /// How likely the prompt's tokens were, where that was asked for. BOS is told only where the
    /// request gave tokens: in front of a text, nobody but the model asked for it.
    pub(crate) fn prompt_logprobs(&mut self, is_given_as_tokens: bool) -> Vec<PromptLogprob> {
        let tokenizer = self.model.engine.tokenizer();
        let tokens = self.generation.prompt_tokens();
        let logprobs = std::mem::take(&mut self.prompt_logprobs);
        let first = tokens.first().map(|&token| PromptLogprob {
            token: text_of(token, tokenizer),
            bytes: tokenizer.bytes(token).to_vec(),
            ..PromptLogprob::default()
        });
        let bos = tokenizer.vocab().special().bos.filter(|_| tokenizer.vocab().add_bos());
        let skips_first = !is_given_as_tokens && tokens.first().copied() == bos && bos.is_some();
        let others = logprobs.iter().map(|logprob| to_wire(logprob, tokenizer).into());
        first.into_iter().filter(|_| !skips_first).chain(others).collect()
    }

    fn receive(&mut self, piece: &Piece) {
        let mut events = self.parse(piece);
        let begins_again = self.begin_again(&piece.text, &mut events);
        if !begins_again {
            self.shape.note(&piece.text);
        }
        events.retain(|event| self.shape.wants(event));
        if events.is_empty() && !piece.logprobs.is_empty() {
            // The parser waits for more; the tokens are told all the same.
            events.push(Event::Content(String::new()));
        }
        let tokenizer = self.model.engine.tokenizer();
        let mut logprobs = piece.logprobs.iter().map(|l| to_wire(l, tokenizer)).collect();
        for event in events {
            let mut part = self.shape.event(event);
            S::set_logprobs(&mut part, std::mem::take(&mut logprobs));
            self.ready.push_back(part);
        }
        if let Some(end) = piece.end.as_ref().filter(|_| !begins_again) {
            self.ready.push_back(self.shape.end(end, &self.model));
        }
    }

    fn parse(&mut self, piece: &Piece) -> Vec<Event> {
        let Some(parser) = &mut self.parser else {
            return vec![Event::Content(piece.text.clone())];
        };
        let mut events = parser.push(&piece.text);
        // An answer that is to begin again is not over: the parser goes on with what comes then.
        if piece.end.is_some() && (self.formed.is_none() || Formed::first_word(&events).is_none()) {
            events.extend(parser.finish());
        }
        events.retain(|event| !is_empty(event));
        events
    }

    /// Where the answer must have a form and its first word has come: forgets that word and begins
    /// again. Whether it does.
    fn begin_again(&mut self, text: &str, events: &mut Vec<Event>) -> bool {
        let Some(mut formed) = self.formed.take() else { return false };
        formed.note(text);
        let Some((at, content)) = Formed::first_word(events) else {
            self.formed = Some(formed);
            return false;
        };
        self.shape.note(text.rfind(&content).map_or(text, |end| &text[..end]));
        events.truncate(at);
        self.beginning = Some(formed.begin(&content));
        true
    }
}

/// What a token adds to a text.
fn text_of(token: TokenId, tokenizer: &Tokenizer) -> String {
    String::from_utf8_lossy(tokenizer.bytes(token)).into_owned()
}

fn to_wire(logprob: &camelid_engine::Logprob, tokenizer: &Tokenizer) -> Logprob {
    let text = |token| text_of(token, tokenizer);
    let (chosen, token) = (logprob.chosen, text(logprob.chosen.token));
    let top = logprob.top.iter().map(|top| TokenLogprob {
        token: text(top.token),
        logprob: top.logprob.into(),
        bytes: tokenizer.bytes(top.token).to_vec(),
    });
    Logprob {
        token,
        logprob: chosen.logprob.into(),
        bytes: tokenizer.bytes(chosen.token).to_vec(),
        top_logprobs: top.collect(),
    }
}

fn is_empty(event: &Event) -> bool {
    matches!(event, Event::Content(text) | Event::Thinking(text) if text.is_empty())
}

impl<S: Shape> Stream for Reply<S> {
    type Item = Result<S::Part, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(part)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if let Some(beginning) = &mut self.beginning {
                let begun = std::task::ready!(beginning.poll_unpin(cx));
                self.beginning = None;
                match begun {
                    Ok(Ok(generation)) => self.generation = generation,
                    Ok(Err(error)) => return self.fail(from_engine(&error)),
                    Err(panic) => {
                        return self
                            .fail(ApiError::internal(format!("the request failed: {panic}")));
                    }
                }
            }
            match std::task::ready!(self.generation.poll_next_unpin(cx)) {
                Some(Ok(piece)) => self.receive(&piece),
                Some(Err(error)) => return self.fail(from_engine(&error)),
                None => self.is_over = true,
            }
        }
    }
}

impl<S: Shape> Reply<S> {
    fn fail(&mut self, error: ApiError) -> Poll<Option<Result<S::Part, ApiError>>> {
        self.is_over = true;
        Poll::Ready(Some(Err(error)))
    }
}
