//! OpenAI's dialect: `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/models` and
//! `/v1/responses`.
//!
//! Each request is translated to a native one (`*_request`), the native answer's parts to the
//! dialect's (`*_answer`), by functions over typed values. What Ollama's own `/v1` ignores and the
//! real API defines is honoured: `n`, `logit_bias`, `tool_choice`, `echo`, `best_of`.

mod chat;
mod chat_answer;
mod chat_messages;
mod chat_request;
mod completion_answer;
mod completion_request;
mod completions;
mod embeddings;
mod frame;
mod heading;
mod models;
mod options;
mod response_answer;
mod response_input;
mod response_request;
mod responses;

use axum::response::Response;
use camelid_api_types::openai::ErrorBody;

pub(crate) use chat::chat;
pub(crate) use completions::completions;
pub(crate) use embeddings::embeddings;
pub(crate) use models::{model, models};
pub(crate) use responses::responses;

use crate::dialect::Refusal;

/// The answer, or the error in OpenAI's envelope.
fn respond(answer: Result<Response, Refusal>) -> Response {
    answer.unwrap_or_else(|refusal| refusal.into_response(ErrorBody::from))
}
