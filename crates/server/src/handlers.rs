//! What each route does: take the request apart, ask the service, put the answer together.

use axum::extract::State;
use axum::response::Response;
use camelid_api_types::ollama::{ChatRequest, GenerateRequest};

use crate::answer::answer;
use crate::failure::{Failure, json_response};
use crate::payload::Payload;
use crate::routes::App;

/// `GET /`: that someone is there. Clients look for these very words.
pub(crate) async fn root() -> &'static str {
    "Ollama is running"
}

/// `GET /api/version`
pub(crate) async fn version(State(app): State<App>) -> Result<Response, Failure> {
    json_response(&app.service.version().await?)
}

/// `GET /api/tags`
pub(crate) async fn tags(State(app): State<App>) -> Result<Response, Failure> {
    json_response(&app.service.list().await?)
}

/// `POST /api/generate`
pub(crate) async fn generate(
    State(app): State<App>,
    Payload(request): Payload<GenerateRequest>,
) -> Result<Response, Failure> {
    request.validate()?;
    let is_streamed = request.stream.unwrap_or(true);
    answer(app.service.generate(request).await?, is_streamed).await
}

/// `POST /api/chat`
pub(crate) async fn chat(
    State(app): State<App>,
    Payload(request): Payload<ChatRequest>,
) -> Result<Response, Failure> {
    request.validate()?;
    let is_streamed = request.stream.unwrap_or(true);
    answer(app.service.chat(request).await?, is_streamed).await
}
