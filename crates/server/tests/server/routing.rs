//! Routes, bodies, answers and failures, asked without a port.

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use camelid_api_types::{ApiError, ErrorKind};
use camelid_server::{Config, Origins};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;

use crate::fake::{Fake, Script, ask, done, get, part, post};

const GENERATE: &str = "/api/generate";

fn fake() -> Fake {
    Fake::new().0
}

#[tokio::test]
async fn parts_are_lines_or_one_object() {
    let router = fake().router();
    let streamed = post(&router, GENERATE, "{}").await;
    assert_eq!(streamed.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        streamed.body,
        concat!(
            r#"{"model":"tiny","created_at":"1970-01-01T00:00:00Z","response":"H","done":false}"#,
            "\n",
            r#"{"model":"tiny","created_at":"1970-01-01T00:00:00Z","response":"ey","done":false}"#,
            "\n",
            r#"{"model":"tiny","created_at":"1970-01-01T00:00:00Z","response":"","done":true}"#,
            "\n",
        )
    );
    let whole = post(&router, GENERATE, r#"{"stream":false}"#).await;
    assert_eq!(whole.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(
        whole.body,
        r#"{"model":"tiny","created_at":"1970-01-01T00:00:00Z","response":"Hey","done":true}"#
    );
}

#[tokio::test]
async fn an_error_before_the_first_part_has_a_status() {
    let error = || ApiError::bad_request("the prompt is too long");
    for script in [Script::Refuse(error()), Script::Parts(vec![Err(error())])] {
        let reply = post(&Fake::generating(script).router(), GENERATE, "{}").await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(reply.body, r#"{"error":"the prompt is too long"}"#);
    }
}

#[tokio::test]
async fn a_later_error_is_the_last_line() {
    let parts = vec![Ok(part("H")), Err(ApiError::internal("<broken>")), Ok(done())];
    let router = Fake::generating(Script::Parts(parts)).router();
    let reply = post(&router, GENERATE, "{}").await;
    assert_eq!(reply.status, StatusCode::OK);
    let lines: Vec<&str> = reply.body.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], r#"{"error":"\u003cbroken\u003e"}"#);

    let whole = post(&router, GENERATE, r#"{"stream":false}"#).await;
    assert_eq!(whole.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(whole.body, r#"{"error":"\u003cbroken\u003e"}"#);
}

#[tokio::test]
async fn an_answer_without_parts_is_an_error() {
    let reply = post(&Fake::generating(Script::Parts(Vec::new())).router(), GENERATE, "{}").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("ended before its first part"), "{}", reply.body);
}

#[tokio::test]
async fn kinds_of_errors_have_their_statuses() {
    for (error, status, text) in [
        (ApiError::not_found("model 'x' not found"), 404, r#"{"error":"model 'x' not found"}"#),
        (ApiError::cancelled(), 499, r#"{"error":"request canceled"}"#),
        (
            ApiError::busy(),
            503,
            r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
        ),
        (ApiError::new(ErrorKind::Unsupported, "no"), 501, r#"{"error":"no"}"#),
    ] {
        let reply = post(&Fake::generating(Script::Refuse(error)).router(), GENERATE, "{}").await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (status, text));
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_is_served() {
    let router = Fake::generating(Script::Panic(Vec::new())).router();
    let reply = post(&router, GENERATE, "{}").await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.as_str()),
        (500, r#"{"error":"the answer broke off because of a bug in the server"}"#)
    );
    assert_eq!(get(&router, "/").await.body, "Ollama is running");
}

#[tokio::test]
async fn an_invalid_request_does_not_reach_the_service() {
    let service = Arc::new(fake());
    let router = camelid_server::router(service.clone(), Config::default());
    for body in [r#"{"top_logprobs":21}"#, r#"{"top_logprobs":-1}"#, r#"{"model":5}"#, "", "{"] {
        let reply = post(&router, GENERATE, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(reply.body.starts_with(r#"{"error":""#), "{}", reply.body);
    }
    assert!(service.prompts.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn bodies_are_read_up_to_the_limit() {
    let config = || Config { max_body_bytes: 32, ..Config::default() };
    let router = fake().router_with(config());
    let fits = format!("{{}}{}", " ".repeat(30));
    let too_large = format!("{fits} ");
    assert_eq!(post(&router, GENERATE, fits.clone()).await.status, StatusCode::OK);
    let reply = post(&router, GENERATE, too_large.clone()).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.body, r#"{"error":"request body is larger than the 32 bytes allowed"}"#);

    // The same in pieces of three, with no length declared; and with one that is far too large.
    let in_pieces = |text: &str| {
        let pieces = text.as_bytes().chunks(3).map(Bytes::copy_from_slice).map(Ok::<_, Infallible>);
        Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()))
    };
    assert_eq!(post(&router, GENERATE, in_pieces(&fits)).await.status, StatusCode::OK);
    let reply = post(&router, GENERATE, in_pieces(&too_large)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let declared = Request::post(GENERATE).header("content-length", "18446744073709551615");
    let reply = ask(&router, declared.body(Body::empty()).expect("a valid request")).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn hostile_json_is_refused() {
    let router = fake().router();
    let deep = format!(r#"{{"options":{}"#, "[".repeat(1 << 20));
    let reply = post(&router, GENERATE, deep).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.body, r#"{"error":"exceeded max depth of 64"}"#);
    for body in ["{\"prompt\":\"\\ud83d\"}", "{\"prompt\":\"\u{0}\"}", "{\"keep_alive\":1e999}"] {
        let status = post(&router, GENERATE, body).await.status;
        assert!(status == 200 || status == 400, "{body}: {status}");
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let router = fake().router();
    for path in ["/", "/api/version", "/api/tags"] {
        let request = Request::head(path).body(Body::empty()).expect("a valid request");
        let reply = ask(&router, request).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, ""), "{path}");
        let got = get(&router, path).await;
        assert_eq!(reply.header("content-type"), got.header("content-type"));
        assert!(!got.body.is_empty());
    }
}

#[tokio::test]
async fn an_empty_list_is_no_null() {
    assert_eq!(get(&fake().router(), "/api/tags").await.body, r#"{"models":[]}"#);
}

#[tokio::test]
async fn unclean_paths_are_redirected_when_that_helps() {
    let router = fake().router();
    for (path, location) in [
        ("/api/tags/", "/api/tags"),
        ("//api//tags", "/api/tags"),
        ("/api/x/../tags?a=1", "/api/tags?a=1"),
        ("//", "/"),
    ] {
        let reply = get(&router, path).await;
        assert_eq!(reply.status, StatusCode::MOVED_PERMANENTLY, "{path}");
        assert_eq!(reply.header("location"), Some(location));
    }
    let reply = post(&router, "/api/chat/", "{}").await;
    assert_eq!(reply.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!((reply.header("location"), reply.body.as_str()), (Some("/api/chat"), ""));
    for path in ["/api/nope/", "//evil.example.com/", "/\\evil.example.com/", "/api"] {
        let reply = get(&router, path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.header("location"), None);
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let router = fake().router();
    for (reply, allowed) in [
        (get(&router, GENERATE).await, "POST"),
        (post(&router, "/api/version", "").await, "GET,HEAD"),
    ] {
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(reply.body, "405 method not allowed");
        assert_eq!(reply.header("allow"), Some(allowed));
    }
}

/// A request as a page would make it.
fn from_page(method: &str, path: &str, origin: &str, host: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("host", host);
    request.header("origin", origin).body(Body::empty()).expect("a valid request")
}

#[tokio::test]
async fn pages_from_elsewhere_are_refused_on_every_path() {
    let router = fake().router();
    for (method, path) in
        [("GET", "/"), ("GET", "/nope"), ("POST", "/api/version"), ("OPTIONS", "/api/chat")]
    {
        let request = from_page(method, path, "http://evil.example.com", "127.0.0.1:11434");
        let reply = ask(&router, request).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (403, ""), "{method} {path}");
        let request = from_page(method, path, "http://localhost", "evil.example.com");
        let reply = ask(&router, request).await;
        let want = if method == "OPTIONS" { 204 } else { 403 };
        assert_eq!(reply.status.as_u16(), want, "{method} {path}");
    }
}

#[tokio::test]
async fn errors_too_are_readable_by_allowed_pages() {
    let origin = "http://localhost:3000";
    let router = Fake::generating(Script::Panic(Vec::new())).router();
    for (method, path, status) in [("GET", "/nope", 404), ("GET", GENERATE, 405)] {
        let reply = ask(&router, from_page(method, path, origin, "localhost")).await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
    let request = Request::post(GENERATE).header("origin", origin).body(Body::from("{}"));
    let reply = ask(&router, request.expect("a valid request")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
}

#[tokio::test]
async fn where_all_origins_are_allowed_none_is_named() {
    let origins = Origins::with_extra("*").expect("a valid list");
    let router = fake().router_with(Config { origins, ..Config::default() });
    for method in ["GET", "OPTIONS"] {
        let request = from_page(method, "/api/version", "http://a.example", "localhost");
        let reply = ask(&router, request).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("vary"), None);
    }
}

#[tokio::test]
async fn an_options_request_to_a_local_name_needs_no_origin() {
    let request = |host: &str| {
        let request = Request::options("/api/chat").header("host", host);
        request.body(Body::empty()).expect("a valid request")
    };
    let router = fake().router();
    assert_eq!(ask(&router, request("localhost:11434")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&router, request("127.0.0.1")).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_host_of_an_absolute_url_is_the_one_that_counts() {
    let request = |uri: &str, host: &str| {
        Request::get(uri).header("host", host).body(Body::empty()).expect("a valid request")
    };
    let router = fake().router();
    let reply = ask(&router, request("http://evil.example.com/", "localhost")).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let open = fake().router_with(Config { host_filter: None, ..Config::default() });
    let reply = ask(&open, request("/", "evil.example.com")).await;
    assert_eq!(reply.status, StatusCode::OK);
}

/// The paths are held against the router in the crate itself.
#[tokio::test]
async fn the_description_has_every_method_of_every_route() {
    let router = fake().router();
    let reply = get(&router, "/openapi.json").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let uri = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let request = Request::builder().method(method).uri(&uri).body(Body::empty());
            let reply = ask(&router, request.expect("a request")).await;
            let is_described = methods.get(method.to_lowercase()).is_some();
            let is_there = reply.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_described, is_there, "{method} {path}");
        }
    }
}
