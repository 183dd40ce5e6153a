//! What the dialects besides Ollama's own have in common: reading a body, and refusing.
//!
//! A request is refused either here, before anybody was asked, or by the service. Clients of Ollama
//! see the difference in small things (`charset=utf-8` against a line break at the end), and so do
//! ours.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use camelid_api_types::{ApiError, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::payload;

/// Why there is no answer, and who says so.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: ApiError,
    is_services: bool,
}

impl From<ApiError> for Refusal {
    /// A refusal before the service was asked.
    fn from(error: ApiError) -> Self {
        Self { error, is_services: false }
    }
}

impl Refusal {
    /// A refusal of the service's own.
    pub(crate) fn by_service(error: ApiError) -> Self {
        Self { error, is_services: true }
    }

    /// The answer, with the error in a dialect's envelope.
    pub(crate) fn into_response<B: Serialize>(
        self,
        status: StatusCode,
        envelope: impl FnOnce(ApiError) -> B,
    ) -> Response {
        let body = envelope(self.error);
        let response = if self.is_services { json_line(&body) } else { json_utf8(&body) };
        match response {
            Ok(mut response) => {
                *response.status_mut() = status;
                response
            }
            // A text always can be written as JSON.
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// The request's body as JSON; none at all is `EOF`.
///
/// # Errors
/// When it cannot be read, is too large, or is not what `T` wants.
pub(crate) async fn read<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, ApiError> {
    payload::read_json(request, app, |error| ApiError::bad_request(error.to_string())).await
}

/// A value as the whole of an answer, with a line break.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    let mut bytes = json::encode(value)?;
    bytes.push(b'\n');
    Ok(json_response(bytes, "application/json"))
}

fn json_utf8<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    Ok(json_response(json::encode(value)?, "application/json; charset=utf-8"))
}

fn json_response(bytes: Vec<u8>, content_type: &'static str) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
