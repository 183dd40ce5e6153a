//! Anthropic's dialect: `/v1/messages` and `/v1/messages/count_tokens`.
//!
//! A request is translated to a native chat (`request`, `blocks`), the native answer to a message or
//! to its events (`answer`, `stream`), by functions over typed values.

mod answer;
mod blocks;
mod messages;
mod request;
mod stream;

use axum::response::Response;
use camelid_api_types::ApiError;
use camelid_api_types::anthropic::{ErrorBody, ErrorDetail};

pub(crate) use messages::{count_tokens, messages};

use crate::dialect::Refusal;
use crate::ids;

/// The answer, or the error in Anthropic's envelope.
fn respond(answer: Result<Response, Refusal>) -> Response {
    answer.unwrap_or_else(|refusal| refusal.into_response(envelope))
}

/// An error on its way out.
pub(crate) fn envelope(error: ApiError) -> ErrorBody {
    ErrorBody {
        kind: "error".to_owned(),
        error: ErrorDetail::from(error),
        request_id: ids::hex("req_"),
    }
}
