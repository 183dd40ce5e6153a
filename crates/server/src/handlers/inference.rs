//! Asking models.

use axum::extract::State;
use axum::response::Response;
use camelid_api_types::ollama::{ChatRequest, EmbedRequest, EmbeddingsRequest, GenerateRequest};

use crate::answer::answer;
use crate::app::App;
use crate::failure::{Failure, json_response};
use crate::payload::Payload;

/// `POST /api/generate`
pub(crate) async fn generate(
    State(app): State<App>,
    Payload(request): Payload<GenerateRequest>,
) -> Result<Response, Failure> {
    let is_streamed = request.stream.unwrap_or(true);
    answer(app.generate(request).await?, is_streamed).await
}

/// `POST /api/chat`
pub(crate) async fn chat(
    State(app): State<App>,
    Payload(request): Payload<ChatRequest>,
) -> Result<Response, Failure> {
    let is_streamed = request.stream.unwrap_or(true);
    answer(app.chat(request).await?, is_streamed).await
}

/// `POST /api/embed`
pub(crate) async fn embed(
    State(app): State<App>,
    Payload(request): Payload<EmbedRequest>,
) -> Result<Response, Failure> {
    json_response(&app.unless_cut(app.service.embed(request)).await?)
}

/// `POST /api/embeddings`
pub(crate) async fn embeddings(
    State(app): State<App>,
    Payload(request): Payload<EmbeddingsRequest>,
) -> Result<Response, Failure> {
    json_response(&app.unless_cut(app.service.embeddings(request)).await?)
}
