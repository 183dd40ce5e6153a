//! What Ollama asks its own service for. There is none here, and each route says so in the way in
//! which a server does whose owner has switched it off.

use axum::response::Response;
use camelid_api_types::{ApiError, ErrorKind};
use serde::Serialize;

use crate::failure::{Failure, json_response};

/// Whether there is a cloud behind this server.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Status {
    cloud: CloudStatus,
}

#[derive(Serialize, utoipa::ToSchema)]
struct CloudStatus {
    disabled: bool,
    /// Who switched it off: `env`, `config`, `both` or `none`.
    source: &'static str,
}

/// Models that are recommended.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Recommendations {
    #[schema(value_type = Vec<String>)]
    recommendations: [&'static str; 0],
}

/// `GET /api/status`
pub(crate) async fn status() -> Result<Response, Failure> {
    json_response(&Status { cloud: CloudStatus { disabled: true, source: "config" } })
}

/// `GET /api/experimental/model-recommendations`
pub(crate) async fn recommendations() -> Result<Response, Failure> {
    json_response(&Recommendations { recommendations: [] })
}

/// `POST /api/experimental/web_search`
pub(crate) async fn web_search() -> Failure {
    disabled("web search is unavailable")
}

/// `POST /api/experimental/web_fetch`
pub(crate) async fn web_fetch() -> Failure {
    disabled("web fetch is unavailable")
}

/// `POST /api/me`
pub(crate) async fn me() -> Failure {
    ApiError::new(ErrorKind::Unauthorized, "unauthorized").into()
}

/// `POST /api/signout` and `DELETE /api/user/keys/{key}`
pub(crate) async fn sign_out() -> Failure {
    ApiError::new(ErrorKind::Unauthorized, "you are not currently signed in").into()
}

fn disabled(what: &str) -> Failure {
    ApiError::new(ErrorKind::Forbidden, format!("ollama cloud is disabled: {what}")).into()
}
