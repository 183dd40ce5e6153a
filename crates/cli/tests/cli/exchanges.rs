//! The whole way of a request, from HTTP to the engine and back, held against Ollama 0.33.
//!
//! Exchanges were recorded from Ollama with the bundled model under the name `tiny` (by `record.py`
//! of the conformance data). Each is had again, in the same order, with a runtime of the same
//! content behind the router. Status, headers and body must be the same, but for values that no two
//! runs share. A part of the exchanges is in `testdata/`; all of them are taken where the folder of
//! conformance data is at hand.

mod compare;
mod different;

use std::{path::Path, sync::Arc};

use axum::{Router, body::Body, http::Request};
use camelid_api_types::{
    Service,
    ollama::{CreateRequest, ProgressResponse},
};
use camelid_model_tiny as tiny;
use camelid_runtime::{
    Catalog, Config, Runtime,
    registry::{Digest, Store},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use tower::ServiceExt;

use compare::Answer;
use different::{DIFFERENT, RANDOM};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/ollama-0.33-exchanges.json");
const ALL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/http/exchanges.json");

/// A runtime whose store has the bundled model as it was given to Ollama.
async fn runtime(folder: &Path) -> Runtime {
    let store = Store::open(folder).unwrap();
    let runtime = Runtime::new(Catalog::new().with_store(store), Config::default());
    let digest = Digest::of(tiny::GGUF).to_string();
    let bytes = stream::once(async { Ok(tiny::GGUF.into()) }).boxed();
    runtime.put_blob(&digest, bytes).await.unwrap();
    let modelfile = tiny::MODELFILE;
    let blob = modelfile.lines().find(|line| line.starts_with("FROM")).unwrap();
    let request = CreateRequest {
        model: "tiny".to_owned(),
        modelfile: modelfile.replace(blob, &format!("FROM @{digest}")),
        ..CreateRequest::default()
    };
    let steps = runtime.create(request).await.unwrap();
    let steps: Vec<ProgressResponse> = steps.try_collect().await.unwrap();
    assert_eq!(steps.last().unwrap().status, ProgressResponse::SUCCESS);
    runtime
}

fn request(recorded: &Value) -> Request<Body> {
    let body = match (recorded.get("json"), recorded["text"].as_str()) {
        (Some(json), _) => json.to_string(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => String::new(),
    };
    let text = |key: &str| recorded[key].as_str().unwrap();
    let request = Request::builder().method(text("method")).uri(text("path"));
    let none = Map::new();
    let headers = recorded["headers"].as_object().unwrap_or(&none);
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value.as_str().unwrap()))
        .body(Body::from(body))
        .unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: compare::headers(&parts.headers),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// Has all exchanges again. What differs without being known to, or is known to and does not.
async fn replay(exchanges: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let service: Arc<dyn Service> = Arc::new(runtime(folder.path()).await);
    let router = camelid_server::router(service, camelid_server::Config::default());
    let mut problems = Vec::new();
    for exchange in exchanges {
        let name = exchange["name"].as_str().unwrap();
        let got = ask(&router, request(&exchange["request"])).await;
        if RANDOM.contains(&name) {
            let status = exchange["response"]["status"].as_u64().unwrap();
            assert_eq!(u64::from(got.status), status, "{name}: {}", got.body);
            continue;
        }
        let is_known = DIFFERENT.iter().any(|(different, _)| *different == name);
        match compare::difference(&got, &exchange["response"]) {
            Some(problem) if !is_known => problems.push(format!("{name}: {problem}")),
            None if is_known => problems.push(format!("{name}: is not different any more")),
            _ => {}
        }
    }
    problems
}

async fn check(file: &str, n_at_least: usize) {
    let exchanges: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(exchanges.len() >= n_at_least, "{}", exchanges.len());
    let problems = replay(&exchanges).await;
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn recorded_exchanges_are_had_again() {
    check(OWN, 100).await;
}

#[tokio::test]
async fn every_recorded_exchange_is_had_again() {
    if !Path::new(ALL).exists() {
        println!("SKIPPED: the conformance data is not beside this checkout");
        return;
    }
    check(ALL, 188).await;
}
