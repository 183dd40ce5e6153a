//! About the server itself.

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::failure::{Failure, json_response};

/// `GET /`: that someone is there. Clients look for these very words.
pub(crate) async fn root() -> &'static str {
    "Ollama is running"
}

/// `GET /api/version`
pub(crate) async fn version(State(app): State<App>) -> Result<Response, Failure> {
    json_response(&app.service.version().await?)
}
