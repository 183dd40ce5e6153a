//! Cross-origin resource sharing: carrying out what [`Origins`](crate::Origins) decides.
//!
//! A refused origin gets 403 and no body; an allowed one gets its name back, or `*` where all are
//! allowed; its OPTIONS requests are answered here. Credentials are never allowed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::host_filter::requested_host;
use crate::{OriginDecision, Origins};

const ALLOWED_METHODS: &str = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS";

/// What clients made with OpenAI's libraries send, and a few more.
const ALLOWED_HEADERS: &str = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,\
    Openai-Beta,X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,\
    X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,\
    X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,\
    X-Stainless-Runtime-Version,X-Stainless-Timeout";

/// Twelve hours, in seconds.
const MAX_AGE: &str = "43200";

/// The middleware.
pub(crate) async fn cors(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    // An origin that is no text is no origin that anyone allowed.
    let decision = match origin.to_str() {
        Ok(text) => origins.decide(text, requested_host(&request)),
        Err(_) => OriginDecision::Refused,
    };
    let is_any = match decision {
        OriginDecision::NotCrossOrigin => return next.run(request).await,
        OriginDecision::Refused => return StatusCode::FORBIDDEN.into_response(),
        OriginDecision::AnyAllowed => true,
        OriginDecision::Allowed(_) => false,
    };
    let mut response = match *request.method() == Method::OPTIONS {
        true => preflight(is_any),
        false => next.run(request).await,
    };
    allow(response.headers_mut(), origin, is_any);
    response
}

/// The answer to "may I?", but for the origin itself.
fn preflight(is_any: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if !is_any {
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Method"));
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, is_any: bool) {
    let name = header::ACCESS_CONTROL_ALLOW_ORIGIN;
    if is_any {
        headers.insert(name, HeaderValue::from_static("*"));
    } else {
        headers.insert(name, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
