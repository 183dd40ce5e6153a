//! The one place where an HTTP status, or a connection's failure, becomes an error's kind.

use std::error::Error;
use std::io;

use camelid_api_types::{ApiError, ErrorKind, json};
use hyper::StatusCode;
use serde::Deserialize;

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        413 => ErrorKind::TooLarge,
        499 => ErrorKind::Cancelled,
        429 | 503 => ErrorKind::Busy,
        501 => ErrorKind::Unsupported,
        502 | 504 => ErrorKind::Transport,
        400..=498 => ErrorKind::BadRequest,
        500..=599 => ErrorKind::Internal,
        // Nobody asked for a redirect, or for half an answer.
        _ => ErrorKind::Transport,
    }
}

/// The error that an answer with this status stands for. Where a server does not know a path, the
/// text is not one of the API's errors.
pub(crate) fn from_status(status: StatusCode, body: &[u8]) -> ApiError {
    if let Some(message) = error_text(body) {
        return ApiError::new(kind_of(status), message);
    }
    match String::from_utf8_lossy(body).trim() {
        "" => ApiError::new(kind_of(status), format!("the server answered {status}")),
        text => {
            let kind = match status {
                StatusCode::NOT_FOUND => ErrorKind::Unsupported,
                status => kind_of(status),
            };
            ApiError::new(kind, format!("the server answered {status}: {text}"))
        }
    }
}

/// The error that a line of a stream is, if it is one.
pub(crate) fn from_line(line: &[u8]) -> Option<ApiError> {
    error_text(line).map(ApiError::internal)
}

/// The text of `{"error": "<text>"}`.
fn error_text(json: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Probe {
        error: Option<String>,
    }
    // What is no such object is something else, not a failed attempt at one.
    json::decode::<Probe>(json).ok()?.error
}

/// The error that stands for a request which got no answer.
pub(crate) fn from_connection(base_url: &str, error: &(dyn Error + 'static)) -> ApiError {
    let causes = || std::iter::successors(Some(error), |&cause| cause.source());
    let is_refused = causes().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    });
    let texts: Vec<String> = causes().map(|cause| cause.to_string()).collect();
    let message = format!("no answer from {base_url}: {}", texts.join(": "));
    let kind = if is_refused { ErrorKind::Unreachable } else { ErrorKind::Transport };
    ApiError::new(kind, message)
}

/// The error for an answer that breaks the protocol.
pub(crate) fn broken(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::Transport, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_kinds() {
        let cases = [
            (400, ErrorKind::BadRequest),
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Forbidden),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::BadRequest),
            (413, ErrorKind::TooLarge),
            (499, ErrorKind::Cancelled),
            (500, ErrorKind::Internal),
            (501, ErrorKind::Unsupported),
            (502, ErrorKind::Transport),
            (503, ErrorKind::Busy),
            (301, ErrorKind::Transport),
        ];
        for (status, want) in cases {
            let status = StatusCode::from_u16(status).expect("a valid status");
            assert_eq!(kind_of(status), want, "{status}");
        }
    }

    #[test]
    fn the_text_is_the_servers_where_it_gave_one() {
        let status = StatusCode::NOT_FOUND;
        let message = |body: &str| from_status(status, body.as_bytes()).message;
        assert_eq!(message(r#"{"error":"model 'x' not found"}"#), "model 'x' not found");
        assert_eq!(
            message("404 page not found\n"),
            "the server answered 404 Not Found: 404 page not found"
        );
        assert_eq!(message(""), "the server answered 404 Not Found");
        assert_eq!(
            message(r#"{"error":{"message":"x"}}"#),
            r#"the server answered 404 Not Found: {"error":{"message":"x"}}"#
        );
    }

    #[test]
    fn a_path_that_the_server_does_not_know_is_not_a_model_that_is_not_there() {
        let kind = |body: &str| from_status(StatusCode::NOT_FOUND, body.as_bytes()).kind;
        assert_eq!(kind(r#"{"error":"model 'x' not found"}"#), ErrorKind::NotFound);
        assert_eq!(kind("404 page not found"), ErrorKind::Unsupported);
        // As for HEAD of a blob that is not there.
        assert_eq!(kind(""), ErrorKind::NotFound);
    }

    #[test]
    fn only_error_lines_are_errors() {
        assert_eq!(from_line(br#"{"error":"x"}"#), Some(ApiError::internal("x")));
        assert_eq!(from_line(br#"{"response":"x","done":false}"#), None);
        assert_eq!(from_line(b"nonsense"), None);
    }
}
