//! The wire types against what Ollama 0.33 really sent and received.
//!
//! The selection in `testdata/` is always read; the project's whole record, where it is at hand, is
//! read too.

use std::path::Path;

use camelid_api_types::json::{decode, encode};
use camelid_api_types::ollama::{
    ChatRequest, ChatResponse, ErrorBody, GenerateRequest, GenerateResponse, ListResponse,
    VersionResponse,
};
use camelid_api_types::{ApiError, ErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Exchange {
    name: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    json: Option<Value>,
    text: Option<String>,
}

impl Request {
    fn body(&self) -> String {
        match (&self.json, &self.text) {
            (Some(json), _) => json.to_string(),
            (None, text) => text.clone().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    body: String,
}

#[derive(Deserialize)]
struct Selection {
    exchanges: Vec<Exchange>,
}

/// The selection, and the whole record if there is one.
#[expect(clippy::print_stdout, reason = "a skipped test must say so")]
fn exchanges() -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path));
    let selection = read("testdata/ollama-0.33.json").expect("the selection is part of the crate");
    let mut all = serde_json::from_str::<Selection>(&selection).expect("valid data").exchanges;
    match read("../../../shared/conformance/http/exchanges.json") {
        Ok(record) => all.append(&mut serde_json::from_str(&record).expect("valid data")),
        Err(_) => println!("SKIPPED: the whole record (shared/conformance) is not at hand"),
    }
    all
}

/// Reads each line of a body as a `T`; writing it must give the same JSON.
fn assert_same_when_written<T: DeserializeOwned + Serialize>(exchange: &Exchange) {
    for line in exchange.response.body.lines() {
        let want: Value = serde_json::from_str(line).expect("recorded JSON");
        let typed: T = decode(line.as_bytes()).expect(&exchange.name);
        let written = encode(&typed).expect("wire types can be written");
        let got: Value = serde_json::from_slice(&written).expect("our own JSON");
        assert_eq!(got, want, "{}", exchange.name);
    }
}

#[test]
fn recorded_answers_are_written_as_they_were_read() {
    let mut count = 0;
    for exchange in exchanges().iter().filter(|e| !e.response.body.is_empty()) {
        match (exchange.response.status, exchange.request.path.as_str()) {
            (200, "/api/generate") => assert_same_when_written::<GenerateResponse>(exchange),
            (200, "/api/chat") => assert_same_when_written::<ChatResponse>(exchange),
            (200, "/api/tags") => assert_same_when_written::<ListResponse>(exchange),
            (200, "/api/version") => assert_same_when_written::<VersionResponse>(exchange),
            (400..=599, "/api/generate" | "/api/chat") => {
                assert_same_when_written::<ErrorBody>(exchange);
            }
            _ => continue,
        }
        count += 1;
    }
    assert!(count >= 30, "only {count} exchanges were compared");
}

/// Decodes and checks a request as a server does before it looks for the model.
fn check(request: &Request) -> Result<(), ApiError> {
    let body = request.body();
    match request.path.as_str() {
        "/api/generate" => decode::<GenerateRequest>(body.as_bytes())?.validate(),
        _ => decode::<ChatRequest>(body.as_bytes())?.validate(),
    }
}

/// Refused before the model is looked up, with the same text as Ollama's.
const REFUSED_ALIKE: &[&str] = &[
    "generate/think bad",
    "generate/think number",
    "generate/keep_alive '5'",
    "generate/keep_alive bad",
    "generate/options string",
    "generate/stream string",
    "generate/top_logprobs too many",
    "generate/model number",
    "generate/empty body",
    "generate/not json",
    "generate/half json",
    "generate/array",
    "chat/empty body",
];

/// Refused too, in other words: Ollama names its own Go types there, or answers 500 for the
/// client's mistake.
const REFUSED_OTHERWISE: &[&str] = &[
    "generate/images not base64",
    "generate/images data uri",
    "generate/bad format",
    "generate/format number",
    "chat/content parts",
    "chat/tools not a list",
];

#[test]
fn recorded_requests_are_accepted_or_refused_as_recorded() {
    let is_ours = |e: &&Exchange| {
        e.request.method == "POST"
            && matches!(e.request.path.as_str(), "/api/generate" | "/api/chat")
    };
    for exchange in exchanges().iter().filter(is_ours) {
        let name = exchange.name.as_str();
        let result = check(&exchange.request);
        if REFUSED_ALIKE.contains(&name) {
            let recorded: ErrorBody = decode(exchange.response.body.as_bytes()).expect(name);
            assert_eq!(result, Err(ApiError::bad_request(recorded.error)), "{name}");
        } else if REFUSED_OTHERWISE.contains(&name) {
            let error = result.expect_err(name);
            assert_eq!(error.kind, ErrorKind::BadRequest, "{name}");
        } else {
            assert_eq!(result, Ok(()), "{name}");
        }
    }
}

#[test]
fn parts_fold_into_the_whole() {
    use camelid_api_types::ollama::Chunk;

    fn fold<T: Chunk + DeserializeOwned>(lines: &str) -> T {
        let mut parts = lines.lines().map(|line| decode::<T>(line.as_bytes()).expect(line));
        let mut whole = parts.next().expect("at least one part");
        parts.for_each(|part| whole.absorb(part));
        whole
    }

    for exchange in exchanges() {
        match exchange.name.as_str() {
            "generate/stream" => {
                let whole: GenerateResponse = fold(&exchange.response.body);
                assert_eq!(whole.response, "The capital of France is Paris.");
                assert!(whole.done && whole.metrics.eval_count == 8 && !whole.context.is_empty());
            }
            "chat/tools stream" => {
                let whole: ChatResponse = fold(&exchange.response.body);
                assert_eq!(whole.message.tool_calls.len(), 1);
                assert!(whole.done && whole.metrics.eval_count > 0);
            }
            "chat/logprobs stream" => {
                let whole: ChatResponse = fold(&exchange.response.body);
                assert_eq!(whole.message.content, "The capital");
                assert_eq!(whole.logprobs.len(), 2);
            }
            _ => {}
        }
    }
}
