//! Exchanges recorded with Ollama 0.33, had again with a service that answers as Ollama's did.
//!
//! What is compared is what the server itself decides: statuses, headers, framing, the order of
//! fields, and every refusal that comes before a model is looked up.

use std::path::Path;

use axum::body::Body;
use axum::http::Request;
use camelid_api_types::json::decode;
use camelid_api_types::ollama::ErrorBody;
use camelid_api_types::{ApiError, ErrorKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::fake::{Fake, Reply, Script, ask};

#[derive(Deserialize)]
struct Selection {
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    request: Recorded,
    response: Answer,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    json: Option<Value>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    headers: Map<String, Value>,
    body: String,
}

/// Exchanges in which the service must not be asked.
const REFUSED_BY_THE_SERVER: &[&str] = &[
    "generate/empty body",
    "generate/not json",
    "generate/half json",
    "generate/top_logprobs too many",
    "generate/stream string",
    "chat/empty body",
];

/// Numbers in these are written with other digits for the same value.
const WITH_FLOATS: &[&str] = &["chat/logprobs stream"];

/// What a service does to give the recorded answer.
fn script<T: DeserializeOwned>(exchange: &Exchange) -> Script<T> {
    let answer = &exchange.response;
    if REFUSED_BY_THE_SERVER.contains(&exchange.name.as_str()) {
        return Script::Panic(Vec::new());
    }
    let kind = match answer.status {
        404 => ErrorKind::NotFound,
        400 => ErrorKind::BadRequest,
        _ => {
            let read = |line: &str| decode(line.as_bytes()).expect("a recorded line");
            return Script::Parts(answer.body.lines().map(read).map(Ok).collect());
        }
    };
    let body: ErrorBody = decode(answer.body.as_bytes()).expect("a recorded error");
    Script::Refuse(ApiError::new(kind, body.error))
}

fn service(exchange: &Exchange) -> Fake {
    let mut fake = Fake::new().0;
    match exchange.request.path.as_str() {
        "/api/generate" if exchange.request.method == "POST" => fake.generate = script(exchange),
        "/api/chat" if exchange.request.method == "POST" => fake.chat = script(exchange),
        "/api/tags" if exchange.response.status == 200 => {
            fake.list = decode(exchange.response.body.as_bytes()).expect("a recorded list");
        }
        _ => {}
    }
    fake
}

fn request(recorded: &Recorded) -> Request<Body> {
    let body = match (&recorded.json, &recorded.text) {
        (Some(json), _) => Body::from(json.to_string()),
        (None, Some(text)) => Body::from(text.clone()),
        (None, None) => Body::empty(),
    };
    let request = Request::builder().method(recorded.method.as_str()).uri(&recorded.path);
    recorded
        .headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value.as_str().expect("text")))
        .body(body)
        .expect("a valid request")
}

/// A header's values, in no particular order.
fn values(reply: &Reply, name: &str) -> Vec<String> {
    let all = reply.headers.get_all(name);
    sorted(all.iter().map(|value| value.to_str().expect("text").to_owned()).collect())
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

fn assert_headers(exchange: &Exchange, reply: &Reply) {
    for (name, value) in &exchange.response.headers {
        let recorded = value.as_str().expect("text");
        match name.as_str() {
            // The connection's affair.
            "transfer-encoding" => {}
            "vary" => {
                let recorded = sorted(recorded.split(", ").map(str::to_owned).collect());
                assert_eq!(values(reply, name), recorded, "{}", exchange.name);
            }
            _ => assert_eq!(reply.header(name), Some(recorded), "{}: {name}", exchange.name),
        }
    }
    for name in ["access-control-allow-origin", "vary", "location"] {
        if !exchange.response.headers.contains_key(name) {
            assert_eq!(reply.header(name), None, "{}: {name}", exchange.name);
        }
    }
}

fn assert_body(exchange: &Exchange, reply: &Reply) {
    let recorded = &exchange.response.body;
    if !WITH_FLOATS.contains(&exchange.name.as_str()) {
        assert_eq!(&reply.body, recorded, "{}", exchange.name);
        return;
    }
    let values = |body: &str| -> Vec<Value> {
        body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    assert_eq!(values(&reply.body), values(recorded), "{}", exchange.name);
}

#[tokio::test]
async fn recorded_exchanges_go_the_same_way() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/ollama-0.33.json");
    let data = std::fs::read_to_string(path).expect("part of the crate");
    let selection: Selection = serde_json::from_str(&data).expect("valid data");
    assert!(selection.exchanges.len() >= 40);
    for exchange in &selection.exchanges {
        let router = service(exchange).router();
        let reply = ask(&router, request(&exchange.request)).await;
        assert_eq!(reply.status.as_u16(), exchange.response.status, "{}", exchange.name);
        assert_headers(exchange, &reply);
        assert_body(exchange, &reply);
    }
}
