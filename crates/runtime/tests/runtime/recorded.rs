//! Every answer of `/api/generate` and `/api/chat` that was recorded from Ollama 0.33 with the
//! bundled model, where the folder of conformance data is at hand.

use std::path::Path;

use camelid_api_types::{
    ApiError, ErrorKind, Service, json,
    ollama::{ChatRequest, ChatResponse, GenerateRequest, GenerateResponse},
};
use camelid_runtime::{Catalog, Config, Runtime};
use futures_util::TryStreamExt;
use serde_json::Value;

use crate::fold;

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/http/exchanges.json");

/// Exchanges whose answer differs on purpose, or by what the engine cannot promise.
const DIFFERENT: &[(&str, &str)] = &[
    ("generate/bad template", "400: it is the client's mistake"),
    ("generate/bad format", "400: it is the client's mistake"),
    ("generate/format number", "400: it is the client's mistake"),
    ("generate/option of wrong type", "400: it is the client's mistake"),
    ("generate/images", "the text quotes another program's JSON"),
    (
        "chat/tools bad",
        "a call of a function that nobody declared is text, not a call without a name",
    ),
    ("chat/image", "the text quotes another program's JSON"),
];

async fn answer(runtime: &Runtime, path: &str, body: &[u8]) -> Result<Value, ApiError> {
    let bad = |error: json::DecodeError| ApiError::bad_request(error.to_string());
    Ok(if path == "/api/generate" {
        let request: GenerateRequest = json::decode(body).map_err(bad)?;
        request.validate()?;
        let parts = runtime.generate(request).await?.try_collect().await?;
        serde_json::to_value(fold::<GenerateResponse>(parts)).unwrap()
    } else {
        let request: ChatRequest = json::decode(body).map_err(bad)?;
        request.validate()?;
        let parts = runtime.chat(request).await?.try_collect().await?;
        serde_json::to_value(fold::<ChatResponse>(parts)).unwrap()
    })
}

/// The recorded body's parts, put together as a client does.
fn recorded(body: &str, path: &str) -> Value {
    let lines = body.lines().filter(|line| !line.is_empty());
    if path == "/api/generate" {
        let parts =
            lines.map(|l| json::decode::<GenerateResponse>(l.as_bytes()).unwrap()).collect();
        serde_json::to_value(fold::<GenerateResponse>(parts)).unwrap()
    } else {
        let parts = lines.map(|l| json::decode::<ChatResponse>(l.as_bytes()).unwrap()).collect();
        serde_json::to_value(fold::<ChatResponse>(parts)).unwrap()
    }
}

/// Takes out what no two runs share.
fn mask(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    for key in
        ["created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"]
    {
        object.remove(key);
    }
    // Figures that Ollama does not give.
    for key in ["prompt_cached_count", "prompt_dropped_count", "messages_dropped_count"] {
        object.remove(key);
    }
    if let Some(info) = object.get_mut("_debug_info").and_then(Value::as_object_mut) {
        info.remove("token_count");
    }
    round_logprobs(&mut value);
    if let Some(calls) = value.pointer_mut("/message/tool_calls") {
        for call in calls.as_array_mut().unwrap() {
            call["id"] = "call".into();
        }
    }
    value
}

/// Two programs' sums differ in the last digits, and what is all but impossible in more.
fn round_logprobs(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(logprob) = object.get_mut("logprob") {
                *logprob = format!("{:.0}", logprob.as_f64().unwrap().max(-9.0)).into();
            }
            object.values_mut().for_each(round_logprobs);
        }
        Value::Array(values) => values.iter_mut().for_each(round_logprobs),
        _ => {}
    }
}

fn status(kind: ErrorKind) -> u64 {
    match kind {
        ErrorKind::BadRequest => 400,
        ErrorKind::NotFound => 404,
        ErrorKind::Unsupported => 501,
        _ => 500,
    }
}

#[tokio::test]
async fn every_recorded_answer_is_given_again() {
    let Ok(text) = std::fs::read(Path::new(FILE)) else {
        println!("SKIPPED: the conformance data is not beside this checkout");
        return;
    };
    let exchanges: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let runtime = Runtime::new(Catalog::bundled(), Config::default());
    let (mut n_same, mut different) = (0, Vec::new());
    for exchange in &exchanges {
        let name = exchange["name"].as_str().unwrap();
        let path = exchange["request"]["path"].as_str().unwrap();
        let Some(request) = exchange["request"].get("json").and_then(Value::as_object) else {
            continue;
        };
        let is_ours = ["/api/generate", "/api/chat"].contains(&path);
        let is_known = DIFFERENT.iter().any(|(different, _)| *different == name);
        if !is_ours || is_known {
            continue;
        }
        let body = serde_json::to_vec(request).unwrap();
        let want = (
            exchange["response"]["status"].as_u64().unwrap(),
            exchange["response"]["body"].as_str().unwrap(),
        );
        let problem = match answer(&runtime, path, &body).await {
            Ok(value) if want.0 == 200 => {
                let (got, want) = (mask(value), mask(recorded(want.1, path)));
                (got != want).then(|| format!("got {got}\n  want {want}"))
            }
            Ok(value) => Some(format!("got {value}, want status {}", want.0)),
            Err(error) => {
                (status(error.kind) != want.0).then(|| format!("got {error:?}, want {want:?}"))
            }
        };
        match problem {
            None => n_same += 1,
            Some(problem) => different.push(format!("{name}: {problem}")),
        }
    }
    println!("{n_same} exchanges are the same");
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(n_same > 50, "{n_same}");
}
