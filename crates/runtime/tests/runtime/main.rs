//! The runtime over the bundled model: real answers, held against those recorded from Ollama 0.33
//! with the same model at temperature 0 (by `record.py` of the conformance data).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod extensions;
mod management;
mod recorded;
mod reranking;

use camelid_api_types::{
    ApiError, ErrorKind, Service,
    ollama::{
        ChatRequest, ChatResponse, Chunk, DoneReason, Format, GenerateRequest, GenerateResponse,
        KeepAlive, Message, Think, Tool,
    },
};
use camelid_runtime::{
    Catalog, Config, Runtime,
    registry::{Manifest, Store, media_type},
};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Map, Value, json};

const QUESTION: &str = "What is the capital of France?";
const ANSWER: &str = "The capital of France is Paris.";

fn runtime() -> Runtime {
    Runtime::new(Catalog::bundled(), Config::default())
}

fn options(value: Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

fn greedy() -> Option<Map<String, Value>> {
    options(json!({"temperature": 0, "num_predict": 24}))
}

fn generate_request(prompt: &str) -> GenerateRequest {
    GenerateRequest {
        model: "tiny".to_owned(),
        prompt: prompt.to_owned(),
        options: greedy(),
        ..GenerateRequest::default()
    }
}

fn chat_request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { model: "tiny".to_owned(), messages, options: greedy(), ..ChatRequest::default() }
}

fn fold<T: Chunk>(parts: Vec<T>) -> T {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap();
    parts.for_each(|part| whole.absorb(part));
    whole
}

async fn generate(request: GenerateRequest) -> Result<GenerateResponse, ApiError> {
    Ok(fold(runtime().generate(request).await?.try_collect().await?))
}

async fn chat(request: ChatRequest) -> Result<ChatResponse, ApiError> {
    Ok(fold(runtime().chat(request).await?.try_collect().await?))
}

#[tokio::test]
async fn generate_answers_with_text_tokens_and_statistics() {
    let answer = generate(generate_request(QUESTION)).await.unwrap();
    assert_eq!(answer.response, ANSWER);
    assert_eq!((answer.done, answer.done_reason), (true, Some(DoneReason::Stop)));
    let context = [
        1, 313, 208, 396, 337, 305, 592, 390, 1843, 40, 2, 208, 1, 322, 208, 355, 592, 390, 1843,
        337, 1703, 23,
    ];
    assert_eq!(answer.context, context);
    assert_eq!((answer.metrics.prompt_eval_count, answer.metrics.eval_count), (15, 8));
    assert!(answer.metrics.total_duration >= answer.metrics.eval_duration);
    assert!(!answer.metrics.eval_duration.is_zero());
}

#[tokio::test]
async fn parts_are_words_and_the_last_one_is_empty() {
    let parts: Vec<GenerateResponse> =
        runtime().generate(generate_request(QUESTION)).await.unwrap().try_collect().await.unwrap();
    let texts: Vec<&str> = parts.iter().map(|part| part.response.as_str()).collect();
    assert_eq!(texts, ["The", " capital", " of", " France", " is", " Paris", ".", ""]);
    assert!(parts.iter().rev().skip(1).all(|part| !part.done));
}

#[tokio::test]
async fn answers_are_those_recorded_from_ollama() {
    let with = |change: fn(&mut GenerateRequest)| {
        let mut request = generate_request(QUESTION);
        change(&mut request);
        request
    };
    let cases: Vec<(GenerateRequest, &str, DoneReason, u64)> = vec![
        (
            with(|r| r.options = options(json!({"temperature": 0, "num_predict": 3}))),
            "The capital of",
            DoneReason::Length,
            15,
        ),
        (
            with(|r| r.options = options(json!({"temperature": 0, "num_predict": 0}))),
            ANSWER,
            DoneReason::Stop,
            15,
        ),
        (
            with(|r| r.options = options(json!({"temperature": 0, "stop": ["Paris"]}))),
            "The capital of France is ",
            DoneReason::Stop,
            15,
        ),
        (
            with(|r| {
                r.prompt = "Who are you?".to_owned();
                r.system = "You are a pirate captain.".to_owned();
            }),
            "Arr, I am the captain of this ship!",
            DoneReason::Stop,
            23,
        ),
        (
            with(|r| {
                r.prompt = "Once upon a time".to_owned();
                r.raw = true;
            }),
            ", a lonely duck named Kroor lived near a forest. Kroor loved soup more than",
            DoneReason::Length,
            4,
        ),
        (with(|r| r.context = Some(vec![1, 313, 208])), ANSWER, DoneReason::Stop, 18),
    ];
    for (request, text, reason, n_prompt) in cases {
        let is_raw = request.raw;
        let answer = generate(request).await.unwrap();
        assert_eq!((answer.response.as_str(), answer.done_reason), (text, Some(reason)));
        assert_eq!(answer.metrics.prompt_eval_count, n_prompt);
        assert_eq!(answer.context.is_empty(), is_raw);
    }
}

#[tokio::test]
async fn chats_are_those_recorded_from_ollama() {
    let owl = vec![Message::system("You are a wise old owl."), Message::user("Who are you?")];
    for (messages, text, n_prompt) in [
        (vec![Message::user(QUESTION)], ANSWER, 15),
        (owl, "Hoo, hoo. I am a wise old owl.", 24),
        (vec![Message::user("")], "Hello! How can I help you today?", 8),
    ] {
        let answer = chat(chat_request(messages)).await.unwrap();
        assert_eq!(
            (answer.message.role.as_str(), answer.message.content.as_str()),
            ("assistant", text)
        );
        assert_eq!(answer.metrics.prompt_eval_count, n_prompt);
        assert_eq!(answer.done_reason, Some(DoneReason::Stop));
    }
}

fn weather_tool() -> Tool {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city"}},
        "required": ["city"],
    });
    let description = "Get the current weather for a city";
    let function = json!({"name": "get_current_weather", "description": description, "parameters": parameters});
    serde_json::from_value(json!({"type": "function", "function": function})).unwrap()
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_used() {
    let mut request = chat_request(vec![Message::user("What is the weather in Paris?")]);
    request.options = options(json!({"temperature": 0}));
    request.tools = vec![weather_tool()];
    let answer = chat(request.clone()).await.unwrap();
    assert_eq!(answer.metrics.prompt_eval_count, 176);
    assert_eq!(answer.message.content, "");
    let [call] = &answer.message.tool_calls[..] else { panic!("{answer:?}") };
    assert_eq!(call.function.name, "get_current_weather");
    assert_eq!(Value::from(call.function.arguments.clone()), json!({"city": "Paris"}));
    assert!(call.id.starts_with("call_"));
    request.messages.push(answer.message);
    let mut result = Message::new("tool", "18 degrees and sunny");
    result.tool_name = "get_current_weather".to_owned();
    request.messages.push(result);
    let answer = chat(request).await.unwrap();
    assert_eq!(answer.message.content, "It is 18 degrees and sunny in Paris.");
    assert_eq!(answer.metrics.prompt_eval_count, 225);
}

#[tokio::test]
async fn a_gap_is_filled_between_prompt_and_suffix() {
    let mut request = generate_request("def add(a, b):\n");
    request.suffix = "    return sum\n".to_owned();
    let answer = generate(request).await.unwrap();
    assert_eq!(answer.response, "    sum = a + b\n");
    let context = [
        3, 1261, 1222, 17, 74, 21, 320, 1259, 208, 4, 1056, 526, 1256, 208, 5, 1056, 1256, 638,
        269, 699, 320, 208,
    ];
    assert_eq!(answer.context, context);
}

#[tokio::test]
async fn an_answer_follows_its_schema_and_a_schema_that_cannot_be_followed_is_refused() {
    let mut request = generate_request("Anna is 7 years old. Respond using JSON with name, age.");
    // The model would like to say "name" and "age".
    let schema = json!({
        "type": "object",
        "properties": {"years": {"type": "integer"}, "who": {"type": "string"}},
        "required": ["years", "who"],
        "additionalProperties": false,
    });
    request.format = Some(Format::Schema(schema.as_object().unwrap().clone()));
    request.options = options(json!({"temperature": 0}));
    let answer = generate(request.clone()).await.unwrap();
    let value: Value = serde_json::from_str(&answer.response).unwrap();
    assert!(value["years"].is_i64() && value["who"].is_string(), "{value}");
    assert_eq!(answer.done_reason, Some(DoneReason::Stop));
    request.format = Some(Format::Schema(json!({"type": "objekt"}).as_object().unwrap().clone()));
    let error = generate(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert!(error.message.contains("objekt"), "{error}");
}

#[tokio::test]
async fn thinking_is_told_from_the_answer_where_the_template_has_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/tiny-q8_0.gguf");
    // As the model's README says how to make a variant that thinks.
    let thought = "{{ if .Thinking }}<think>\n{{ .Thinking }}\n</think>\n\n{{ end }}{{ .Content }}{{ if .ToolCalls }}";
    let bundled = camelid_model_tiny::MODELFILE;
    let modelfile = bundled.replacen("{{ .Content }}{{ if .ToolCalls }}", thought, 1);
    assert_ne!(modelfile, bundled);
    let mut catalog = Catalog::new();
    catalog.add_file("thinker".parse().unwrap(), path, Some(&modelfile)).unwrap();
    let runtime = Runtime::new(catalog, Config::default());
    let mut request = chat_request(vec![Message::user("What is 2 + 3?")]);
    request.model = "thinker".to_owned();
    request.options = options(json!({"temperature": 0}));
    request.think = Some(Think::On);
    let parts = runtime.chat(request.clone()).await.unwrap().try_collect().await.unwrap();
    let answer: ChatResponse = fold(parts);
    assert!(answer.message.thinking.contains("I need to add 2 and 3."), "{answer:?}");
    // The model is not always right about the sum.
    assert!(answer.message.content.starts_with("2 + 3 = "), "{answer:?}");
    request.think = Some(Think::Off);
    let parts = runtime.chat(request).await.unwrap().try_collect().await.unwrap();
    let answer: ChatResponse = fold(parts);
    assert_eq!(answer.message.thinking, "");
}

#[tokio::test]
async fn an_empty_prompt_loads_and_keep_alive_zero_unloads() {
    let load = generate(generate_request("")).await.unwrap();
    assert_eq!((load.done_reason, load.context.len()), (Some(DoneReason::Load), 0));
    let load = chat(chat_request(Vec::new())).await.unwrap();
    assert_eq!(load.done_reason, Some(DoneReason::Load));
    let mut request = generate_request("");
    request.keep_alive = Some(KeepAlive::UNLOAD);
    assert_eq!(generate(request).await.unwrap().done_reason, Some(DoneReason::Unload));
}

#[tokio::test]
async fn a_seed_fixes_the_answer() {
    let ask = |seed: u64| {
        let mut request = generate_request("Tell me a story.");
        request.options = options(json!({"temperature": 1.5, "seed": seed, "num_predict": 30}));
        generate(request)
    };
    let (a, b, c) = (ask(1).await.unwrap(), ask(1).await.unwrap(), ask(2).await.unwrap());
    assert_eq!(a.response, b.response);
    assert_ne!(a.response, c.response);
}

#[tokio::test]
async fn two_requests_at_once_both_finish_with_their_own_answers() {
    let runtime = runtime();
    let ask = |prompt: &str| {
        let (runtime, request) = (runtime.clone(), generate_request(prompt));
        async move {
            let parts = runtime.generate(request).await.unwrap().try_collect().await.unwrap();
            fold::<GenerateResponse>(parts).response
        }
    };
    let (a, b) = tokio::join!(ask(QUESTION), ask("Why is the sky blue?"));
    assert_eq!(a, ANSWER);
    assert!(b.contains("light"), "{b}");
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_given_up() {
    let runtime = Runtime::new(Catalog::bundled(), Config::default());
    let mut request = generate_request("Tell me a story.");
    request.options = options(json!({"num_predict": 100_000, "stop": []}));
    for _ in 0..20 {
        // Were these not given up, four of them would take all places for good.
        let mut answer = runtime.generate(request.clone()).await.unwrap();
        answer.next().await.unwrap().unwrap();
    }
    let parts = runtime.generate(generate_request(QUESTION)).await.unwrap();
    let answer: GenerateResponse = fold(parts.try_collect().await.unwrap());
    assert_eq!(answer.response, ANSWER);
}

#[tokio::test]
async fn long_conversations_lose_their_oldest_messages_first() {
    let mut messages = vec![Message::system("You are a pirate.")];
    for i in 0..40 {
        messages.push(Message::user(format!("Number {i} of a great many words to remember")));
        messages.push(Message::assistant("Yes."));
    }
    messages.push(Message::user(QUESTION));
    let mut request = chat_request(messages);
    request.options = options(json!({"num_ctx": 128}));
    request.debug_render_only = true;
    let prompt = chat(request.clone()).await.unwrap().debug_info.unwrap().rendered_template;
    assert!(prompt.contains("You are a pirate.") && prompt.contains(QUESTION), "{prompt}");
    assert!(prompt.contains("Number 39") && !prompt.contains("Number 3 "), "{prompt}");
    request.truncate = Some(false);
    request.debug_render_only = false;
    let error = chat(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert!(error.message.starts_with("the prompt is longer than the context length"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_in_the_words_clients_know() {
    let with = |change: fn(&mut GenerateRequest)| {
        let mut request = generate_request(QUESTION);
        change(&mut request);
        request
    };
    let cases = [
        (with(|r| r.model = String::new()), ErrorKind::NotFound, "model '' not found"),
        (with(|r| r.model = "nope".into()), ErrorKind::NotFound, "model 'nope' not found"),
        (with(|r| r.model = "../x".into()), ErrorKind::BadRequest, "invalid model name"),
        (
            with(|r| (r.raw, r.system) = (true, "x".into())),
            ErrorKind::BadRequest,
            "raw mode does not support template, system, or context",
        ),
        (
            with(|r| r.think = Some(Think::On)),
            ErrorKind::BadRequest,
            "\"tiny\" does not support thinking",
        ),
        (
            with(|r| r.options = options(json!({"num_ctx": "big"}))),
            ErrorKind::BadRequest,
            "option \"num_ctx\" must be of type integer",
        ),
    ];
    for (request, kind, message) in cases {
        let error = generate(request).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
    let mut request = chat_request(vec![]);
    request.model = " ".to_owned();
    assert_eq!(chat(request).await.unwrap_err().message, "model is required");
}

#[tokio::test]
async fn the_bundled_model_is_listed() {
    let models = runtime().list().await.unwrap().models;
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].name, "tiny:latest");
    assert_eq!(models[0].details.family, "llama");
}

/// A store of one model, laid out by hand as Ollama writes it.
fn store_with(name: &str, layers: &[(&str, &[u8])]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let writer = store.writer().unwrap();
    let put = |kind: &str, bytes: &[u8]| writer.put_bytes(bytes).unwrap().into_layer(kind);
    let config = put(media_type::CONFIG, b"{}");
    let layers = layers.iter().map(|(kind, bytes)| put(kind, bytes)).collect();
    let manifest = Manifest::new(config, layers).to_bytes().unwrap();
    writer.put_manifest(&name.parse().unwrap(), &manifest).unwrap();
    drop(writer);
    (folder, store)
}

#[tokio::test]
async fn a_model_of_a_store_runs_with_its_template_system_text_and_parameters() {
    let template = b"<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n";
    let layers: [(&str, &[u8]); 4] = [
        (media_type::MODEL, camelid_model_tiny::GGUF),
        (media_type::TEMPLATE, template),
        (media_type::SYSTEM, b"You are a pirate captain."),
        (media_type::PARAMS, br#"{"temperature":0,"stop":["<|im_end|>"]}"#),
    ];
    let (_folder, store) = store_with("pirate:1b", &layers);
    let runtime = Runtime::new(Catalog::bundled().with_store(store), Config::default());
    let request = GenerateRequest {
        model: "Pirate:1B".to_owned(),
        prompt: "Who are you?".to_owned(),
        ..GenerateRequest::default()
    };
    let parts = runtime.generate(request).await.unwrap().try_collect().await.unwrap();
    let answer: GenerateResponse = fold(parts);
    assert_eq!(answer.response, "Arr, I am the captain of this ship!");
    let models = runtime.list().await.unwrap().models;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["pirate:1b", "tiny:latest"]);
    let details = &models[0].details;
    assert_eq!((details.family.as_str(), details.parameter_size.as_str()), ("llama", "5.40M"));
}

#[tokio::test]
async fn a_model_of_a_store_comes_before_a_bundled_one() {
    let layers: [(&str, &[u8]); 2] = [
        (media_type::MODEL, camelid_model_tiny::GGUF),
        // Without a mention of tools and a suffix the file's own template would be the better one.
        (
            media_type::TEMPLATE,
            b"Once upon a time{{ .Prompt }}{{ if .Tools }}{{ end }}{{ if .Suffix }}{{ end }}",
        ),
    ];
    let (_folder, store) = store_with("tiny", &layers);
    let runtime = Runtime::new(Catalog::bundled().with_store(store), Config::default());
    let mut request = generate_request(", a lonely duck");
    request.debug_render_only = true;
    let parts = runtime.generate(request).await.unwrap().try_collect().await.unwrap();
    let prompt = fold::<GenerateResponse>(parts).debug_info.unwrap().rendered_template;
    assert_eq!(prompt, "Once upon a time, a lonely duck");
    assert_eq!(runtime.list().await.unwrap().models.len(), 1);
}

#[tokio::test]
async fn a_model_without_weights_is_an_error_and_hides_no_other() {
    let (_folder, store) = store_with("empty", &[(media_type::SYSTEM, b"Hi")]);
    let runtime = Runtime::new(Catalog::bundled().with_store(store), Config::default());
    let mut request = generate_request("x");
    request.model = "empty".to_owned();
    let error = runtime.generate(request).await.map(drop).unwrap_err();
    assert!(error.message.contains("`empty:latest` has no GGUF weights"), "{error}");
    assert_eq!(runtime.list().await.unwrap().models.len(), 1);
}

#[tokio::test]
async fn a_file_of_ones_own_runs_under_a_name_of_ones_own() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/tiny-q8_0.gguf");
    let mut catalog = Catalog::new();
    let modelfile = "FROM x\nSYSTEM You are a pirate captain.\nPARAMETER temperature 0";
    catalog.add_file("mine".parse().unwrap(), path, Some(modelfile)).unwrap();
    let runtime = Runtime::new(catalog, Config::default());
    let request = GenerateRequest {
        model: "mine".to_owned(),
        prompt: "Who are you?".to_owned(),
        ..GenerateRequest::default()
    };
    let parts = runtime.generate(request).await.unwrap().try_collect().await.unwrap();
    let answer: GenerateResponse = fold(parts);
    assert_eq!(answer.response, "Arr, I am the captain of this ship!");
    let missing = Catalog::new().add_file("x".parse().unwrap(), "no/such/file.gguf", None);
    missing.unwrap_err();
}
