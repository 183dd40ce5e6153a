//! A value as the whole of an answer.
//!
//! There are two ways to lay JSON out, and clients of Ollama see which one it is.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use camelid_api_types::{ApiError, ErrorKind, json};
use serde::Serialize;

use crate::failure::status_of;

/// As it is, and said to be UTF-8.
///
/// # Errors
/// When the value cannot be written as JSON.
pub(crate) fn json_utf8<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    Ok(response(json::encode(value)?, "application/json; charset=utf-8"))
}

/// With a line break.
///
/// # Errors
/// When the value cannot be written as JSON.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    let mut bytes = json::encode(value)?;
    bytes.push(b'\n');
    Ok(response(bytes, "application/json"))
}

/// The answer that says why there is none, with the status that goes with that.
pub(crate) fn refusal(kind: ErrorKind, body: Result<Response, ApiError>) -> Response {
    match body {
        Ok(mut response) => {
            *response.status_mut() = status_of(kind);
            response
        }
        // A text always can be written as JSON.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn response(bytes: Vec<u8>, content_type: &'static str) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
