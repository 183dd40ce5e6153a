//! Asking for a key where there are any.
//!
//! A key is shown as `Authorization: Bearer ...` or as `x-api-key: ...`. What a path needs is decided
//! by the path alone. `/`, `/healthz` and `/readyz` need none: they tell nothing.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use camelid_api_types::{ApiError, ErrorKind, openai};

use crate::anthropic;
use crate::dialect::Refusal;
use crate::failure::Failure;
use crate::keys::{ApiKeys, Denial, Scope};

/// The middleware.
pub(crate) async fn authorize(
    State(keys): State<Arc<ApiKeys>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let scopes = needed(path);
    if keys.is_empty() || scopes.is_empty() {
        return next.run(request).await;
    }
    let shown = shown_key(request.headers()).unwrap_or_default();
    match keys.authorize(shown, scopes) {
        Ok(name) => {
            tracing::debug!(key = name, "authorized");
            next.run(request).await
        }
        Err(denial) => refuse(path, denial),
    }
}

/// The scopes of which a path needs one.
fn needed(path: &str) -> &'static [Scope] {
    match path {
        "/" | "/healthz" | "/readyz" => &[],
        "/metrics" => &[Scope::Metrics],
        "/api/create" | "/api/copy" | "/api/delete" | "/api/pull" | "/api/push" => &[Scope::Manage],
        _ if path.starts_with("/api/blobs/") || path.starts_with("/api/user/") => &[Scope::Manage],
        // Looking at what there is.
        "/api/tags" | "/api/ps" | "/api/show" | "/api/version" | "/api/status" | "/v1/models"
        | "/openapi.json" => &[Scope::Infer, Scope::Manage],
        _ if path.starts_with("/v1/models/") => &[Scope::Infer, Scope::Manage],
        _ => &[Scope::Infer],
    }
}

fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| text("x-api-key"))
}

fn refuse(path: &str, denial: Denial) -> Response {
    let error = match denial {
        Denial::Unknown => ApiError::new(ErrorKind::Unauthorized, "a valid API key is required"),
        Denial::Scope(scope) => {
            let message = format!("this API key does not have the scope `{scope}`");
            ApiError::new(ErrorKind::Forbidden, message)
        }
    };
    let mut response = if path.starts_with("/v1/messages") {
        Refusal::from(error).into_response(anthropic::envelope)
    } else if path.starts_with("/v1/") {
        Refusal::from(error).into_response(openai::ErrorBody::from)
    } else {
        Failure(error).into_response()
    };
    if denial == Denial::Unknown {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_in_two_ways() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(
                header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )])
        };
        assert_eq!(shown_key(&headers("authorization", "Bearer k")), Some("k"));
        assert_eq!(shown_key(&headers("authorization", "bearer  k ")), Some("k"));
        assert_eq!(shown_key(&headers("x-api-key", "k")), Some("k"));
        assert_eq!(shown_key(&headers("authorization", "Basic k")), None);
        assert_eq!(shown_key(&HeaderMap::new()), None);
    }

    #[test]
    fn what_changes_models_needs_more_than_what_asks_them() {
        for (path, scopes) in [
            ("/healthz", &[][..]),
            ("/metrics", &[Scope::Metrics]),
            ("/api/blobs/sha256:0", &[Scope::Manage]),
            ("/api/delete", &[Scope::Manage]),
            ("/api/tags", &[Scope::Infer, Scope::Manage]),
            ("/v1/chat/completions", &[Scope::Infer]),
            ("/unknown", &[Scope::Infer]),
        ] {
            assert_eq!(needed(path), scopes, "{path}");
        }
    }
}
