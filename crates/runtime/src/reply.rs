//! From the engine's pieces to the parts of a streamed answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use camelid_api_types::{
    ApiError, Timestamp,
    ollama::{ChatResponse, DoneReason, GenerateResponse, Message, Metrics},
};
use camelid_engine::{End, EndReason, Generation, Piece, Special};
use futures_util::{Stream, StreamExt};

use crate::{error::from_engine, loaded::Loaded, residents::Lease};

/// When a request came, and how long its model took to be ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) started: Instant,
    pub(crate) load: Duration,
}

impl Timing {
    pub(crate) fn metrics(self, end: &End) -> Metrics {
        let stats = end.stats;
        Metrics {
            total_duration: self.started.elapsed(),
            load_duration: self.load,
            prompt_eval_count: stats.n_prompt as u64,
            prompt_eval_duration: stats.prompt_duration,
            eval_count: stats.n_generated as u64,
            eval_duration: stats.generate_duration,
        }
    }
}

fn done_reason(reason: EndReason) -> Option<DoneReason> {
    match reason {
        EndReason::Stop => Some(DoneReason::Stop),
        EndReason::Length => Some(DoneReason::Length),
        _ => None,
    }
}

/// What an endpoint makes of text and of the end.
pub(crate) trait Shape: Send + Unpin + 'static {
    /// The wire's type of a part.
    type Part: Send;
    /// Some text.
    fn text(&mut self, text: String) -> Self::Part;
    /// The last part.
    fn end(&mut self, end: &End, model: &Loaded) -> Self::Part;
}

/// An answer being made. Holds the model until it is dropped; dropping it cancels.
pub(crate) struct Reply<S> {
    generation: Generation,
    model: Lease<Loaded>,
    shape: S,
    /// The first piece, which was waited for before there was an answer.
    first: Option<Piece>,
    end: Option<End>,
}

impl<S: Shape> Reply<S> {
    /// Waits for the first piece, so that a request that cannot be answered is an error and not
    /// a stream that begins with one.
    pub(crate) async fn begin(
        mut generation: Generation,
        model: Lease<Loaded>,
        shape: S,
    ) -> Result<Self, ApiError> {
        let first = StreamExt::next(&mut generation).await.transpose();
        let first = first.map_err(|error| from_engine(&error))?;
        Ok(Self { generation, model, shape, first, end: None })
    }

    /// A piece's text, unless it is an end without one; the end is kept for the next call.
    fn receive(&mut self, piece: Piece) -> Option<S::Part> {
        self.end = piece.end;
        if !piece.text.is_empty() {
            return Some(self.shape.text(piece.text));
        }
        self.take_end()
    }

    fn take_end(&mut self) -> Option<S::Part> {
        let end = self.end.take()?;
        Some(self.shape.end(&end, &self.model))
    }
}

impl<S: Shape> Stream for Reply<S> {
    type Item = Result<S::Part, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(part) = self.take_end() {
                return Poll::Ready(Some(Ok(part)));
            }
            let piece = match self.first.take() {
                Some(piece) => Ok(piece),
                None => match std::task::ready!(self.generation.poll_next_unpin(cx)) {
                    Some(item) => item.map_err(|error| from_engine(&error)),
                    None => return Poll::Ready(None),
                },
            };
            match piece.map(|piece| self.receive(piece)) {
                Ok(Some(part)) => return Poll::Ready(Some(Ok(part))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// Parts of `/api/generate`.
pub(crate) struct GenerateShape {
    pub(crate) model: String,
    pub(crate) timing: Timing,
    /// The prompt and all text so far, whose tokens the last part carries; `None` in raw mode.
    pub(crate) context: Option<String>,
}

impl Shape for GenerateShape {
    type Part = GenerateResponse;

    fn text(&mut self, text: String) -> GenerateResponse {
        if let Some(context) = &mut self.context {
            context.push_str(&text);
        }
        GenerateResponse {
            model: self.model.clone(),
            created_at: Timestamp::now(),
            response: text,
            ..GenerateResponse::default()
        }
    }

    fn end(&mut self, end: &End, model: &Loaded) -> GenerateResponse {
        let encode = |text: String| model.engine.tokenizer().encode(&text, Special::Recognise).ok();
        GenerateResponse {
            model: self.model.clone(),
            created_at: Timestamp::now(),
            done: true,
            done_reason: done_reason(end.reason),
            context: self.context.take().and_then(encode).unwrap_or_default(),
            metrics: self.timing.metrics(end),
            ..GenerateResponse::default()
        }
    }
}

/// Parts of `/api/chat`.
pub(crate) struct ChatShape {
    pub(crate) model: String,
    pub(crate) timing: Timing,
}

impl Shape for ChatShape {
    type Part = ChatResponse;

    fn text(&mut self, text: String) -> ChatResponse {
        ChatResponse {
            model: self.model.clone(),
            created_at: Timestamp::now(),
            message: Message::assistant(text),
            ..ChatResponse::default()
        }
    }

    fn end(&mut self, end: &End, _: &Loaded) -> ChatResponse {
        ChatResponse {
            done: true,
            done_reason: done_reason(end.reason),
            metrics: self.timing.metrics(end),
            ..self.text(String::new())
        }
    }
}
