//! A service's stream as an HTTP answer: lines of JSON as they come, or one object at the end.
//!
//! The first part is awaited before anything is sent, so that an error in its place still has a
//! status. An error after it is one more line, `{"error": ...}`, and the end. Nobody else holds the
//! stream: when the connection goes, the answer is dropped, and with it the work. A panic behind the
//! stream is an error like others.

use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use camelid_api_types::ollama::{Chunk, ErrorBody, ProgressResponse};
use camelid_api_types::{ApiError, ResponseStream, json};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::failure::{Failure, json_response};

/// The answer that a stream of an answer's parts makes.
pub(crate) async fn answer<T>(
    mut parts: ResponseStream<T>,
    is_streamed: bool,
) -> Result<Response, Failure>
where
    T: Chunk + Serialize + Send + 'static,
{
    let Some(first) = parts.try_next().await? else {
        return Err(ApiError::internal("the model's answer ended before its first part").into());
    };
    if is_streamed && !first.stands_alone() {
        return Ok(lines(stream::iter([Ok(first)]).chain(parts)));
    }
    json_response(&whole(first, parts).await?)
}

/// The answer that a stream of steps of progress makes. An object has another content type there.
pub(crate) async fn progress(
    mut steps: ResponseStream<ProgressResponse>,
    is_streamed: bool,
) -> Result<Response, Failure> {
    let first = match steps.try_next().await {
        Ok(Some(first)) => first,
        Ok(None) => return Err(ApiError::internal("the work ended before its first step").into()),
        Err(error) => return Ok(plain_json(Failure(error).into_response())),
    };
    if is_streamed {
        return Ok(lines(stream::iter([Ok(first)]).chain(steps)));
    }
    Ok(plain_json(match whole(first, steps).await {
        Ok(last) => json_response(&last)?,
        Err(error) => Failure(error).into_response(),
    }))
}

/// All parts as one.
async fn whole<T: Chunk>(first: T, parts: ResponseStream<T>) -> Result<T, ApiError> {
    let absorb = |mut whole: T, part| {
        whole.absorb(part);
        ready(Ok(whole))
    };
    parts.try_fold(first, absorb).await
}

/// The same answer with a content type that names no character set.
fn plain_json(mut response: Response) -> Response {
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A line per part, each sent as soon as it is there.
fn lines<T>(parts: impl Stream<Item = Result<T, ApiError>> + Send + 'static) -> Response
where
    T: Serialize + Send + 'static,
{
    let lines = unbroken(parts).scan(false, |has_failed, part| {
        let line = (!*has_failed).then(|| line(part, has_failed));
        ready(line.map(Ok::<_, Infallible>))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
    response
}

/// A stream in which a panic is an error like others.
pub(crate) fn unbroken<T>(
    parts: impl Stream<Item = Result<T, ApiError>>,
) -> impl Stream<Item = Result<T, ApiError>> {
    AssertUnwindSafe(parts).catch_unwind().map(|part| match part {
        Ok(part) => part,
        Err(_) => Err(ApiError::internal("the answer broke off because of a bug in the server")),
    })
}

/// One line; an error's is the last.
fn line<T: Serialize>(part: Result<T, ApiError>, has_failed: &mut bool) -> Bytes {
    let written = part.and_then(|part| json::encode(&part)).or_else(|error| {
        *has_failed = true;
        json::encode(&ErrorBody::from(error))
    });
    let mut line = written.expect("because an error's text can be written as JSON");
    line.push(b'\n');
    line.into()
}
