//! The parts of an answer, read off its body.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use camelid_api_types::ollama::Chunk;
use camelid_api_types::{ApiError, json};
use futures_core::Stream;
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;

use crate::failure;
use crate::lines::LineBuffer;

/// A stream of the lines of a body, each as a `T`; see the crate's head for what is an error.
pub(crate) struct Parts<T> {
    /// None when there is nothing more to say.
    body: Option<Incoming>,
    lines: LineBuffer,
    is_done: bool,
    part: PhantomData<fn() -> T>,
}

impl<T> Parts<T> {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body: Some(body), is_done: false, ..Self::ended() }
    }

    /// A stream that has said all.
    fn ended() -> Self {
        Self { body: None, lines: LineBuffer::default(), is_done: true, part: PhantomData }
    }
}

impl<T: Chunk + DeserializeOwned> Parts<T> {
    /// The next part, without the care for what follows an error.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, ApiError>>> {
        loop {
            match self.lines.next_line() {
                Err(error) => return Poll::Ready(Some(Err(failure::broken(error.to_string())))),
                Ok(Some(line)) if is_blank(line) => continue,
                Ok(Some(line)) => return Poll::Ready(Some(parse(line))),
                Ok(None) => {}
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(body).poll_frame(cx)) {
                // Trailers are of no interest.
                Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|b| self.lines.push(b)),
                Some(Err(error)) => {
                    let message = format!("the answer broke off: {error}");
                    return Poll::Ready(Some(Err(failure::broken(message))));
                }
                None => return Poll::Ready(self.end()),
            }
        }
    }

    /// What the body's end means: a last line without a line's end, or the stream's end.
    fn end(&mut self) -> Option<Result<T, ApiError>> {
        self.body = None;
        match self.lines.rest() {
            Some(line) if !is_blank(line) => Some(parse(line)),
            _ => None,
        }
    }
}

impl<T: Chunk + DeserializeOwned> Stream for Parts<T> {
    type Item = Result<T, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let parts = &mut *self;
        let part = match ready!(parts.poll_part(cx)) {
            None if parts.is_done => None,
            None => Some(Err(failure::broken("the answer ended before it was done"))),
            part => part,
        };
        match &part {
            Some(Ok(part)) => parts.is_done |= part.is_done() || part.stands_alone(),
            // Nothing follows an error: the connection is given up.
            Some(Err(_)) => *parts = Self::ended(),
            None => {}
        }
        Poll::Ready(part)
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, ApiError> {
    if let Some(error) = failure::from_line(line) {
        return Err(error);
    }
    json::decode(line)
        .map_err(|error| failure::broken(format!("a line of the answer cannot be read: {error}")))
}
