//! For those who look after the server.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::meters::Memory;

/// `GET /healthz`: that the program runs.
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// `GET /readyz`: that it takes requests, which it does until it shuts down.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.cut_off.is_cut() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response();
    }
    match app.service.version().await {
        Ok(_) => "ready".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.message).into_response(),
    }
}

/// `GET /metrics`: what was counted and measured, for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut memory = Memory::default();
    // A service that cannot tell has no models in memory that anybody knows of.
    if let Ok(running) = app.service.ps().await {
        memory.n_models = running.models.len() as u64;
        memory.n_bytes = running.models.iter().map(|model| model.size).sum();
    }
    let text = app.meters.to_prometheus(memory);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
