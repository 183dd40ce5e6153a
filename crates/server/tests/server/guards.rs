//! Keys, ids, counts and health: what surrounds every route.

use axum::body::Body;
use axum::http::Request;
use camelid_api_types::ollama::{GenerateResponse, Metrics, ProgressResponse};
use camelid_server::{ApiKey, Config, CutOff, Scope};
use serde_json::Value;

use crate::fake::{Fake, Reply, Script, ask, done, get, part, post};

fn with_keys() -> axum::Router {
    let keys = [
        ApiKey::from_plain("app", "asks", vec![Scope::Infer]),
        ApiKey::from_plain("admin", "manages", vec![Scope::Manage]),
        ApiKey::from_plain("prometheus", "reads", vec![Scope::Metrics]),
    ];
    let keys = keys.into_iter().collect();
    Fake::new().0.router_with(Config { keys, ..Config::default() })
}

async fn with_key(method: &str, path: &str, key: &str) -> Reply {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {key}"));
    ask(&with_keys(), request.body(Body::from("{}")).expect("a request")).await
}

#[tokio::test]
async fn a_key_opens_what_it_is_for() {
    for (method, path, key, status) in [
        ("POST", "/api/generate", "asks", 200),
        ("POST", "/api/generate", "manages", 403),
        ("POST", "/api/generate", "reads", 403),
        ("POST", "/api/generate", "guessed", 401),
        ("DELETE", "/api/delete", "asks", 403),
        ("POST", "/api/pull", "asks", 403),
        ("POST", "/api/blobs/sha256:0", "asks", 403),
        ("GET", "/api/tags", "asks", 200),
        ("GET", "/api/tags", "manages", 200),
        ("GET", "/api/tags", "reads", 403),
        ("GET", "/metrics", "reads", 200),
        ("GET", "/metrics", "asks", 403),
        ("GET", "/nowhere", "guessed", 401),
    ] {
        let reply = with_key(method, path, key).await;
        assert_eq!(reply.status.as_u16(), status, "{method} {path} with {key}: {}", reply.body);
    }
}

#[tokio::test]
async fn without_a_key_only_health_is_told() {
    let router = with_keys();
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(get(&router, path).await.status.as_u16(), 200, "{path}");
    }
    let refused = get(&router, "/api/tags").await;
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(refused.body, r#"{"error":"a valid API key is required"}"#);
    for (path, pointer, kind) in [
        ("/v1/chat/completions", "/error/type", "authentication_error"),
        ("/v1/messages", "/error/type", "authentication_error"),
        ("/v1/messages", "/type", "error"),
    ] {
        let body: Value =
            serde_json::from_str(&post(&router, path, "{}").await.body).expect("JSON");
        assert_eq!(body.pointer(pointer).and_then(Value::as_str), Some(kind), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id() {
    let router = Fake::new().0.router();
    let id = |reply: &Reply| reply.header("x-request-id").expect("an id").to_owned();
    let (first, second) = (get(&router, "/").await, get(&router, "/nowhere").await);
    assert_ne!(id(&first), id(&second));
    let brought = Request::get("/").header("x-request-id", "mine-1");
    let reply = ask(&router, brought.body(Body::empty()).expect("a request")).await;
    assert_eq!(id(&reply), "mine-1");
}

#[tokio::test]
async fn what_is_done_is_counted() {
    let metrics = Metrics { prompt_eval_count: 7, eval_count: 2, ..Metrics::default() };
    let last = GenerateResponse { metrics, ..done() };
    let router = Fake::generating(Script::Parts(vec![Ok(part("Hey")), Ok(last)])).router();
    post(&router, "/api/generate", "{}").await;
    post(&router, "/v1/completions", "{}").await;
    get(&router, "/nowhere").await;
    let metrics = get(&router, "/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    for line in [
        r#"camelid_http_requests_total{route="/api/generate",method="POST",status="200"} 1"#,
        r#"camelid_http_requests_total{route="/v1/completions",method="POST",status="200"} 1"#,
        r#"camelid_http_requests_total{route="other",method="GET",status="404"} 1"#,
        "camelid_prompt_tokens_total 14",
        "camelid_generated_tokens_total 4",
        "camelid_generations_waiting 0",
        "camelid_generations_running 0",
        "camelid_time_to_first_token_seconds_count 2",
    ] {
        assert!(metrics.body.lines().any(|l| l == line), "{line} is missing in\n{}", metrics.body);
    }
}

#[tokio::test]
async fn a_server_that_is_cut_off_is_not_ready_and_begins_nothing() {
    let cut_off = CutOff::default();
    let config = Config { cut_off: cut_off.clone(), ..Config::default() };
    let router = Fake::generating(Script::Stuck).router_with(config);
    assert_eq!(get(&router, "/readyz").await.body, "ready");
    cut_off.cut();
    assert_eq!(get(&router, "/readyz").await.status.as_u16(), 503);
    let refused = post(&router, "/api/generate", "{}").await;
    assert_eq!(refused.status.as_u16(), 503);
    assert_eq!(refused.body, r#"{"error":"the server is shutting down"}"#);
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_stream_that_is_cut_off_ends_with_an_error_in_its_dialect() {
    for (path, want) in [
        ("/api/generate", "{\"error\":\"the server is shutting down\"}\n"),
        ("/api/pull", "{\"error\":\"the server is shutting down\"}\n"),
        (
            "/v1/completions",
            "data: {\"error\":{\"message\":\"the server is shutting down\",\"type\":\"api_error\",\"param\":null,\"code\":null}}\n\n",
        ),
    ] {
        let cut_off = CutOff::default();
        let config = Config { cut_off: cut_off.clone(), ..Config::default() };
        let fake = Fake {
            pull: Script::Endless(vec![ProgressResponse::status("Hey")]),
            ..Fake::generating(Script::Endless(vec![part("Hey")]))
        };
        let router = fake.router_with(config);
        let answer = tokio::spawn(async move { post(&router, path, r#"{"stream":true}"#).await });
        // The answer begins, and then nothing comes.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        cut_off.cut();
        let reply = answer.await.expect("no panic");
        assert_eq!(reply.status.as_u16(), 200);
        assert!(reply.body.contains("Hey") && reply.body.ends_with(want), "{}", reply.body);
    }
}
