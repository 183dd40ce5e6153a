//! A bug in one request's handling ends that request and nothing else.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

/// The middleware: a panic becomes 500 with an empty body. The panic hook has told the log already.
pub(crate) async fn catch_panics(request: Request, next: Next) -> Response {
    // Whatever the handler owned is dropped with it; what it shares must not be left half changed,
    // which is the service's own care as with any panic.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
