//! Making and moving models: work that reports its progress.

use axum::extract::State;
use axum::response::Response;
use camelid_api_types::ollama::{CreateRequest, PullRequest, PushRequest};

use crate::answer::progress;
use crate::app::App;
use crate::failure::Failure;
use crate::payload::Payload;

/// `POST /api/create`
pub(crate) async fn create(
    State(app): State<App>,
    Payload(request): Payload<CreateRequest>,
) -> Result<Response, Failure> {
    let is_streamed = request.stream.unwrap_or(true);
    progress(app.attend(app.service.create(request)).await?, is_streamed).await
}

/// `POST /api/pull`
pub(crate) async fn pull(
    State(app): State<App>,
    Payload(request): Payload<PullRequest>,
) -> Result<Response, Failure> {
    let is_streamed = request.stream.unwrap_or(true);
    progress(app.attend(app.service.pull(request)).await?, is_streamed).await
}

/// `POST /api/push`
pub(crate) async fn push(
    State(app): State<App>,
    Payload(request): Payload<PushRequest>,
) -> Result<Response, Failure> {
    let is_streamed = request.stream.unwrap_or(true);
    progress(app.attend(app.service.push(request)).await?, is_streamed).await
}
