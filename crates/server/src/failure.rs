//! The one place where an error becomes an HTTP status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use camelid_api_types::ollama::ErrorBody;
use camelid_api_types::{ApiError, ErrorKind};
use serde::Serialize;

use crate::json_body::{json_utf8, refusal};

/// An error on its way out as `{"error": "<text>"}`.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        refusal(self.0.kind, json_utf8(&ErrorBody::from(self.0)))
    }
}

/// Tells those who are sent away because there is no room when to ask again.
pub(crate) async fn when_to_ask_again(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let a_second = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, a_second);
    }
    response
}

/// The status of a kind of failure.
pub(crate) fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        // No standard's number, but the one that clients know.
        ErrorKind::Cancelled => {
            StatusCode::from_u16(499).expect("because 499 lies between 100 and 999")
        }
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unreachable | ErrorKind::Transport => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A value as the whole of an answer.
pub(crate) fn json_response<T: Serialize>(value: &T) -> Result<Response, Failure> {
    json_utf8(value).map_err(Failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_statuses_that_clients_know() {
        let cases = [
            (ErrorKind::BadRequest, 400),
            (ErrorKind::Unauthorized, 401),
            (ErrorKind::Forbidden, 403),
            (ErrorKind::NotFound, 404),
            (ErrorKind::TooLarge, 413),
            (ErrorKind::Cancelled, 499),
            (ErrorKind::Internal, 500),
            (ErrorKind::Unsupported, 501),
            (ErrorKind::Transport, 502),
            (ErrorKind::Unreachable, 502),
            (ErrorKind::Busy, 503),
        ];
        for (kind, want) in cases {
            assert_eq!(status_of(kind).as_u16(), want, "{kind:?}");
        }
    }
}
