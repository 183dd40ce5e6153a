//! Looking at models and after them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use camelid_api_types::ollama::{CopyRequest, DeleteRequest, ShowRequest};

use crate::app::App;
use crate::failure::{Failure, json_response};
use crate::payload::Payload;

/// Copilot's chat takes this name for the model's.
const COPILOT: &str = "GitHubCopilotChat/";

/// `GET /api/tags`
pub(crate) async fn tags(State(app): State<App>) -> Result<Response, Failure> {
    json_response(&app.service.list().await?)
}

/// `GET /api/ps`
pub(crate) async fn ps(State(app): State<App>) -> Result<Response, Failure> {
    json_response(&app.service.ps().await?)
}

/// `POST /api/show`
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Payload(request): Payload<ShowRequest>,
) -> Result<Response, Failure> {
    let name = request.model().to_owned();
    let mut shown = app.service.show(request).await?;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if agent.is_some_and(|agent| agent.starts_with(COPILOT)) {
        shown.model_info.insert("general.basename".to_owned(), name.into());
    }
    json_response(&shown)
}

/// `POST /api/copy`
pub(crate) async fn copy(
    State(app): State<App>,
    Payload(request): Payload<CopyRequest>,
) -> Result<StatusCode, Failure> {
    app.service.copy(request).await?;
    Ok(StatusCode::OK)
}

/// `DELETE /api/delete`
pub(crate) async fn delete(
    State(app): State<App>,
    Payload(request): Payload<DeleteRequest>,
) -> Result<StatusCode, Failure> {
    app.service.delete(request).await?;
    Ok(StatusCode::OK)
}
