//! Each request's id, its line in the log, and its place in the counts.
//!
//! The id is a header of the answer and stands in every line that the request causes. A client may
//! bring its own. The line is written when the answer has been sent, or when nobody wants the rest.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tracing::{Instrument, Span};

use crate::ids;
use crate::meters::{Entered, Meters};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const MAX_ID_LEN: usize = 64;

/// The middleware.
pub(crate) async fn observe(
    State(meters): State<Arc<Meters>>,
    request: Request,
    next: Next,
) -> Response {
    let id = brought_id(request.headers()).unwrap_or_else(|| ids::hex(""));
    let span = tracing::info_span!("request", %id);
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    let mut sent = Sent {
        started: Instant::now(),
        _in_flight: meters.in_flight.enter(),
        meters,
        route: route.to_owned(),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        status: None,
        is_complete: false,
        span: span.clone(),
    };
    let mut response = next.run(request).instrument(span).await;
    sent.status = Some(response.status().as_u16());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.map(|body| Body::new(Watched { body, sent }))
}

/// An id that a client brought, if it is short and has nothing in it that could confuse a log.
fn brought_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_usable = (1..=MAX_ID_LEN).contains(&id.len()) && id.chars().all(is_plain);
    is_usable.then(|| id.to_owned())
}

/// What is told of a request when it is over.
struct Sent {
    started: Instant,
    _in_flight: Entered,
    meters: Arc<Meters>,
    route: String,
    method: String,
    path: String,
    /// `None` where the client went before there was an answer.
    status: Option<u16>,
    is_complete: bool,
    span: Span,
}

impl Drop for Sent {
    fn drop(&mut self) {
        let (method, path, is_complete) = (&self.method, &self.path, self.is_complete);
        // The number that clients know for "went away".
        let status = self.status.unwrap_or(499);
        let duration = self.started.elapsed();
        self.meters.count_request(&self.route, method, status);
        self.meters.durations.observe(duration);
        let ms = duration.as_secs_f64() * 1e3;
        self.span.in_scope(|| match self.route.as_str() {
            "/" | "/healthz" | "/readyz" | "/metrics" => {
                tracing::debug!(%method, %path, status, ms, is_complete, "answered");
            }
            _ => tracing::info!(%method, %path, status, ms, is_complete, "answered"),
        });
    }
}

/// A body that tells when it is over.
struct Watched {
    body: Body,
    sent: Sent,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let _entered = self.sent.span.clone().entered();
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.sent.is_complete = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_taken_if_they_are_plain() {
        let brought = |id: &'static str| {
            brought_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]))
        };
        assert_eq!(brought("a-1_b.c").as_deref(), Some("a-1_b.c"));
        for id in ["", "a b", "a\"b"] {
            assert_eq!(brought(id), None);
        }
        assert_eq!(brought_id(&HeaderMap::new()), None);
    }
}
