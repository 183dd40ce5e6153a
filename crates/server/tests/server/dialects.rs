//! The other dialects over the bundled model, held against exchanges recorded from Ollama 0.33 with
//! the same model.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use camelid_runtime::{Catalog, Config as RuntimeConfig, Runtime};
use camelid_server::{Config, router};
use serde_json::Value;

use crate::fake::{Reply, ask, post};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/http/exchanges.json");

/// What is another way here on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("v1models", "the recorded store has another model too"),
    ("v1models/one", "the bundled model has another date"),
    ("v1chat/json_schema", "the question has no name to tell, so any of many is as good"),
    ("responses/previous", "drawn by chance"),
    ("v1chat/json_object", "another grammar for any JSON"),
];

/// The server over the bundled model.
pub(crate) fn tiny() -> Router {
    let runtime = Runtime::new(Catalog::bundled(), RuntimeConfig::default());
    router(Arc::new(runtime), Config::default())
}

/// Keys whose values differ from run to run.
const VOLATILE: &[&str] = &[
    "id",
    "item_id",
    "call_id",
    "created",
    "created_at",
    "completed_at",
    "request_id",
    // Figures that Ollama does not give.
    "prompt_tokens_details",
    "input_tokens_details",
    "cache_read_input_tokens",
];

fn mask(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // Anthropic's count leaves out what was cached.
            let cached = object.get("cache_read_input_tokens").and_then(Value::as_u64);
            if let (Some(cached), Some(n)) =
                (cached, object.get("input_tokens").and_then(Value::as_u64))
            {
                object["input_tokens"] = (n + cached).into();
            }
            object.retain(|key, _| !VOLATILE.contains(&key.as_str()));
            // Two programs' sums differ in the last digits, and what is all but impossible in more.
            if let Some(logprob) = object.get_mut("logprob").filter(|logprob| logprob.is_number()) {
                let rounded = logprob.as_f64().unwrap_or_default().max(-9.0).round();
                *logprob = rounded.into();
            }
            object.values_mut().for_each(mask);
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        // 1 and 1.0 are the same.
        Value::Number(number) => *value = number.as_f64().into(),
        _ => {}
    }
}

/// A body as values: one, or one for each event with its name, or none for what is no JSON.
fn values(body: &str) -> Vec<(Option<&str>, Value)> {
    let read = |text: &str| {
        let mut value: Value = serde_json::from_str(text).ok()?;
        mask(&mut value);
        // An estimate, which is another where tools are counted.
        if let Some(tokens) = value.pointer_mut("/message/usage/input_tokens") {
            *tokens = Value::Null;
        }
        Some(value)
    };
    if body.starts_with(['{', '[']) {
        return vec![(None, read(body).expect("JSON"))];
    }
    let mut name = None;
    let mut values = Vec::new();
    for line in body.lines() {
        if let Some(event) = line.strip_prefix("event: ") {
            name = Some(event);
        } else if let Some(data) = line.strip_prefix("data: ") {
            values.push((name.take(), read(data).unwrap_or_else(|| data.into())));
        }
    }
    values
}

fn problem(want: &Value, reply: &Reply) -> Option<String> {
    let status = want["status"].as_u64().expect("a status");
    if u64::from(reply.status.as_u16()) != status {
        return Some(format!("status {}, want {status}: {}", reply.status, reply.body));
    }
    for name in ["content-type", "cache-control", "connection"] {
        let (got, want) = (reply.header(name), want["headers"][name].as_str());
        if got != want {
            return Some(format!("{name} is {got:?}, want {want:?}"));
        }
    }
    let body = want["body"].as_str().expect("a body");
    let (got, want) = (values(&reply.body), values(body));
    let at = got.iter().zip(&want).position(|(got, want)| got != want);
    match at {
        Some(at) => Some(format!("value {at}:\n  got  {:?}\n  want {:?}", got[at], want[at])),
        None if got.len() != want.len() => {
            Some(format!("{} values, want {}: {}", got.len(), want.len(), reply.body))
        }
        None => None,
    }
}

#[tokio::test]
async fn recorded_exchanges_of_other_dialects_are_had_again() {
    let Ok(text) = std::fs::read(Path::new(FILE)) else {
        println!("SKIPPED: the conformance data is not beside this checkout");
        return;
    };
    let exchanges: Vec<Value> = serde_json::from_slice(&text).expect("recorded exchanges");
    let router = tiny();
    let (mut n_same, mut different) = (0, Vec::new());
    for exchange in &exchanges {
        let name = exchange["name"].as_str().expect("a name");
        let recorded = &exchange["request"];
        let path = recorded["path"].as_str().expect("a path");
        let is_known = DIFFERENT.iter().any(|(different, _)| *different == name);
        if !path.starts_with("/v1/") || is_known {
            continue;
        }
        let body = match (recorded.get("json"), recorded["text"].as_str()) {
            (Some(json), _) if !json.is_null() => Body::from(json.to_string()),
            (_, text) => Body::from(text.unwrap_or_default().to_owned()),
        };
        let method = recorded["method"].as_str().expect("a method");
        let request = Request::builder().method(method).uri(path).body(body).expect("a request");
        let reply = ask(&router, request).await;
        match problem(&exchange["response"], &reply) {
            None => n_same += 1,
            Some(problem) => different.push(format!("{name}: {problem}")),
        }
    }
    println!("{n_same} exchanges are the same");
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(n_same >= 30, "{n_same}");
}

/// The bundled model has no head that ranks.
#[tokio::test]
async fn documents_to_rerank_are_scored_by_the_cosine_of_embeddings() {
    let router = tiny();
    let texts = ["a cat", "a dog in the park", "a cat"];
    let body = serde_json::json!({"model": "tiny", "input": texts}).to_string();
    let embedded: Value =
        serde_json::from_str(&post(&router, "/api/embed", body).await.body).expect("JSON");
    let vector = |i: usize| -> Vec<f64> {
        let numbers = embedded["embeddings"][i].as_array().expect("a vector");
        numbers.iter().filter_map(Value::as_f64).collect()
    };
    let cosine: f64 = vector(0).iter().zip(vector(1)).map(|(x, y)| x * y).sum();

    let body = serde_json::json!({"model": "tiny", "query": texts[0], "documents": texts[1..]});
    let reply = post(&router, "/v1/rerank", body.to_string()).await;
    let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
    let results = answer["results"].as_array().expect("results");
    let score = |i: usize| results[i]["relevance_score"].as_f64().expect("a score");
    assert_eq!((results[0]["index"].as_u64(), results[1]["index"].as_u64()), (Some(1), Some(0)));
    assert!((score(0) - 1.0).abs() < 1e-4, "{answer}");
    assert!((score(1) - cosine).abs() < 1e-4 && cosine < 0.999, "{answer}, {cosine}");
    assert_eq!(answer["usage"]["total_tokens"], embedded["prompt_eval_count"]);
}

/// What does not fit is left out, oldest first, and every dialect's usage tells how much.
#[tokio::test]
async fn what_was_left_out_of_a_prompt_is_told_in_every_dialect() {
    let mut config = RuntimeConfig::default();
    config.n_ctx = 64;
    let router = router(Arc::new(Runtime::new(Catalog::bundled(), config)), Config::default());
    let long = "the cat sat on the mat and ".repeat(8);
    let turns = [("user", long.as_str()), ("assistant", &long), ("user", "Hi")];
    let messages =
        turns.map(|(role, content)| serde_json::json!({"role": role, "content": content}));
    for (path, conversation, told_at) in [
        ("/v1/chat/completions", "messages", "/usage/prompt_tokens_details/dropped_messages"),
        ("/v1/responses", "input", "/usage/input_tokens_details/dropped_messages"),
        ("/v1/messages", "messages", "/usage/dropped_messages"),
    ] {
        let mut request = serde_json::json!({"model": "tiny", "max_tokens": 4});
        request[conversation] = messages.as_slice().into();
        let reply = post(&router, path, request.to_string()).await;
        let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!(answer.pointer(told_at).and_then(Value::as_u64), Some(2), "{path}: {answer}");
    }
}
