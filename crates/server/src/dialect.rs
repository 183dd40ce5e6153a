//! What the dialects besides Ollama's own have in common: reading a body, refusing, and what they say
//! of a conversation in the same way.
//!
//! A request is refused either here, before anybody was asked, or by the service. Clients of Ollama
//! see the difference in small things (`charset=utf-8` against a line break at the end), and so do
//! ours.

use axum::extract::Request;
use axum::response::Response;
use camelid_api_types::ApiError;
use camelid_api_types::ollama::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::json_body::{json_line, json_utf8, refusal};
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
        envelope: impl FnOnce(ApiError) -> B,
    ) -> Response {
        let kind = self.error.kind;
        let body = envelope(self.error);
        let response = if self.is_services { json_line(&body) } else { json_utf8(&body) };
        refusal(kind, response)
    }
}

/// The request's body as JSON; none at all is `EOF`.
///
/// # Errors
/// When it cannot be read, is too large, or is not what `T` wants.
pub(crate) async fn read<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, ApiError> {
    payload::read_json(request, app, |error| ApiError::bad_request(error.to_string())).await
}

/// The name of the tool that the latest call with this id named; empty where none has it.
pub(crate) fn called_name(before: &[Message], id: &str) -> String {
    let calls = before.iter().rev().flat_map(|message| &message.tool_calls);
    let call = calls.into_iter().find(|call| !id.is_empty() && call.id == id);
    call.map(|call| call.function.name.clone()).unwrap_or_default()
}
