//! Every route, and what lies around them all.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{MethodRouter, delete, get, head, post};
use camelid_api_types::Service;

use crate::Config;
use crate::app::App;
use crate::failure::when_to_ask_again;
use crate::fallback::{KnownPaths, unknown_path, wrong_method};
use crate::handlers::{blobs, cloud, general, health, inference, models, transfer};
use crate::meters::Meters;
use crate::unknown_fields::UnknownFields;
use crate::{anthropic, auth, cors, host_filter, observe, openai, openapi, panics, rerank};

/// The HTTP face of a service.
///
/// ```
/// # use std::sync::Arc;
/// # use camelid_api_types::Service;
/// # fn example(service: Arc<dyn Service>) {
/// let router = camelid_server::router(service, camelid_server::Config::default());
/// # }
/// ```
pub fn router(service: Arc<dyn Service>, config: Config) -> Router {
    let routes = routes();
    let known: KnownPaths = routes.iter().map(|(path, _)| *path).collect();
    let meters = Arc::<Meters>::default();
    let app = App {
        service,
        max_body_bytes: config.max_body_bytes,
        logs_bodies: config.logs_bodies,
        cut_off: config.cut_off,
        meters: Arc::clone(&meters),
        unknown_fields: Arc::new(UnknownFields::new(config.is_strict)),
    };
    routes
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
        .fallback(axum::routing::any(unknown_path).with_state(known))
        // The last layer is the outermost.
        .layer(from_fn(panics::catch_panics))
        .layer(map_response(when_to_ask_again))
        .layer(from_fn_with_state(Arc::new(config.keys), auth::authorize))
        .layer(from_fn_with_state(Arc::new(config.host_filter), host_filter::filter_hosts))
        .layer(from_fn_with_state(Arc::new(config.origins), cors::cors))
        .layer(from_fn_with_state(meters, observe::observe))
}

fn routes() -> Vec<(&'static str, MethodRouter<App>)> {
    // `get` answers HEAD too.
    vec![
        ("/", get(general::root)),
        ("/api/version", get(general::version)),
        ("/api/generate", post(inference::generate)),
        ("/api/chat", post(inference::chat)),
        ("/api/embed", post(inference::embed)),
        ("/api/embeddings", post(inference::embeddings)),
        ("/api/tags", get(models::tags)),
        ("/api/ps", get(models::ps)),
        ("/api/show", post(models::show)),
        ("/api/copy", post(models::copy)),
        ("/api/delete", delete(models::delete)),
        ("/api/create", post(transfer::create)),
        ("/api/pull", post(transfer::pull)),
        ("/api/push", post(transfer::push)),
        ("/api/blobs/{digest}", head(blobs::find).post(blobs::put)),
        ("/api/status", get(cloud::status)),
        ("/api/me", post(cloud::me)),
        ("/api/signout", post(cloud::sign_out)),
        ("/api/user/keys/{key}", delete(cloud::sign_out)),
        ("/api/experimental/web_search", post(cloud::web_search)),
        ("/api/experimental/web_fetch", post(cloud::web_fetch)),
        ("/api/experimental/model-recommendations", get(cloud::recommendations)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(health::metrics)),
        ("/openapi.json", get(openapi::openapi)),
        ("/v1/chat/completions", post(openai::chat)),
        ("/v1/completions", post(openai::completions)),
        ("/v1/models", get(openai::models)),
        ("/v1/models/{model}", get(openai::model)),
        ("/v1/embeddings", post(openai::embeddings)),
        ("/v1/responses", post(openai::responses)),
        ("/v1/rerank", post(rerank::rerank)),
        ("/api/rerank", post(rerank::rerank)),
        ("/v1/messages", post(anthropic::messages)),
        ("/v1/messages/count_tokens", post(anthropic::count_tokens)),
    ]
}

/// The paths of all routes.
#[cfg(test)]
pub(crate) fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}
