//! Answers as server-sent events.
//!
//! A [`Translator`] turns the parts of native answers into a dialect's frames; what it makes of each
//! part is written at once. The first part is awaited before anything is sent, so that an error in
//! its place still has a status. An error after it is the stream's last frame.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use camelid_api_types::{ApiError, json};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::choices::Choices;

/// One event on the wire.
pub(crate) trait Frame {
    /// Appends the event, with the empty line that ends it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ApiError>;
}

/// From native parts to a dialect's frames.
pub(crate) trait Translator: Send + 'static {
    /// A part of a native answer.
    type Part: Send + 'static;
    /// An event of the dialect.
    type Frame: Frame;

    /// What a part of one of the answers becomes.
    fn part(&mut self, choice: usize, part: Self::Part) -> Vec<Self::Frame>;
    /// What follows when all answers are complete.
    fn end(&mut self) -> Vec<Self::Frame>;
    /// What tells that something went wrong; nothing follows it.
    fn fail(&mut self, error: ApiError) -> Vec<Self::Frame>;
}

/// `data: {json}`, and the name before it where there is one.
pub(crate) fn write_event<T: Serialize>(
    name: Option<&str>,
    data: &T,
    out: &mut Vec<u8>,
) -> Result<(), ApiError> {
    if let Some(name) = name {
        out.extend_from_slice(format!("event: {name}\n").as_bytes());
    }
    out.extend_from_slice(b"data: ");
    out.append(&mut json::encode(data)?);
    out.extend_from_slice(b"\n\n");
    Ok(())
}

/// The answer that streams what `translator` makes of `parts`.
///
/// # Errors
/// The first part's.
pub(crate) async fn stream<T: Translator>(
    parts: Choices<T::Part>,
    translator: T,
) -> Result<Response, ApiError> {
    let mut parts = Box::pin(parts.peekable());
    if let Some((_, Err(_))) = parts.as_mut().peek().await
        && let Some((_, Err(error))) = parts.next().await
    {
        return Err(error);
    }
    let bodies = stream::unfold(Some((parts, translator)), async |state| {
        let (mut parts, mut translator) = state?;
        let (frames, is_last) = match parts.next().await {
            Some((choice, Ok(part))) => (translator.part(choice, part), false),
            Some((_, Err(error))) => (translator.fail(error), true),
            None => (translator.end(), true),
        };
        match bytes_of(&frames) {
            Ok(bytes) => Some((bytes, (!is_last).then_some((parts, translator)))),
            Err(error) => Some((bytes_of(&translator.fail(error)).unwrap_or_default(), None)),
        }
    });
    // A part that the dialect has nothing to say about is no reason to wake the client.
    let bodies = bodies.filter(|bytes| std::future::ready(!bytes.is_empty()));
    let mut response = Response::new(Body::from_stream(bodies.map(Ok::<_, Infallible>)));
    let event_stream = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, event_stream);
    Ok(response)
}

/// The headers of the dialects whose events have names.
pub(crate) fn forbid_caching(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
}

fn bytes_of<F: Frame>(frames: &[F]) -> Result<Bytes, ApiError> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.write(&mut bytes)?;
    }
    Ok(bytes.into())
}
