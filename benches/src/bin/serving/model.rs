//! A model's tokens per second: for a caller of the engine, of the runtime, of the server.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use camelid_api_types::{
    Service,
    ollama::{ChatRequest, KeepAlive, Message},
};
use camelid_engine::{GenerateOptions, Model, ModelOptions, gguf::GgufFile};
use camelid_runtime::{Catalog, Config, Runtime};
use futures_util::StreamExt;
use serde_json::json;

use crate::{
    Result, rate, served,
    wire::{self, Ask, Dialect, QUESTION, Read},
};

/// Rounds of which the fastest counts; a shared machine only ever adds time.
const N_ROUNDS: usize = 4;
/// Streams at once, for the frames that reach all of them.
const N_STREAMS: usize = 20;

/// Compares the ways to one model, and prints what it finds.
pub(crate) fn compare(file: Option<&str>, n_tokens: usize) -> Result<()> {
    let mut catalog = Catalog::bundled();
    if let Some(path) = file {
        catalog.add_file("measured".parse()?, Path::new(path), None)?;
    }
    let name = file.map_or("tiny", |_| "measured");
    let mut config = Config::default();
    config.keep_alive = KeepAlive::Forever;
    let runtime = Arc::new(Runtime::new(catalog, config));
    let tokio = tokio::runtime::Runtime::new()?;
    let request = request(name, n_tokens);
    let prompt = tokio.block_on(rendered(&runtime, request.clone()))?;
    let engine = match file {
        Some(path) => Model::from_gguf(GgufFile::open(path)?, &ModelOptions::default())?,
        None => {
            let tiny = GgufFile::from_static(camelid_model_tiny::GGUF)?;
            Model::from_gguf(tiny, &ModelOptions::default())?
        }
    };
    let mut best = [0.0_f64; 4];
    for _ in 0..N_ROUNDS {
        let speeds = [
            speed(from_engine(&engine, &prompt, n_tokens)?),
            speed(tokio.block_on(from_runtime(&runtime, request.clone()))?),
            speed(from_server(&runtime, name, n_tokens, Dialect::Ollama)?),
            speed(from_server(&runtime, name, n_tokens, Dialect::OpenAi)?),
        ];
        best.iter_mut().zip(speeds).for_each(|(best, speed)| *best = best.max(speed));
    }
    println!("frames a second of one stream of {name}, {n_tokens} tokens, fastest of {N_ROUNDS}");
    for (way, speed) in ["engine", "runtime", "/api/chat", "/v1/chat/completions"].iter().zip(best)
    {
        println!("  {way:<20} {speed:>9.1} {:>6.1} % of the engine", 100.0 * speed / best[0]);
    }
    match file {
        Some(_) => Ok(()),
        None => crowd(&tokio, &runtime, name, n_tokens),
    }
}

/// Frames a second of many streams, with the server and without.
fn crowd(
    tokio: &tokio::runtime::Runtime,
    runtime: &Arc<Runtime>,
    name: &str,
    n_tokens: usize,
) -> Result<()> {
    let mut best = [0.0_f64; 2];
    for _ in 0..N_ROUNDS {
        let started = Instant::now();
        let streams = (0..N_STREAMS).map(|_| {
            let (runtime, request) = (Arc::clone(runtime), request(name, n_tokens));
            tokio.spawn(async move {
                from_runtime(&runtime, request).await.map(|r| r.n_frames).map_err(|e| e.to_string())
            })
        });
        let streams: Vec<_> = streams.collect();
        let mut n_frames = 0;
        for stream in streams {
            n_frames += tokio.block_on(stream)??;
        }
        best[0] = best[0].max(rate(n_frames, started.elapsed()));
        let ask = Ask { dialect: Dialect::Ollama, model: name, n_tokens };
        let service = Arc::clone(runtime);
        let reads = served(service, |address| wire::read_all(address, ask, N_STREAMS))?;
        let n_frames = reads.iter().map(|read| read.n_frames).sum();
        let longest = reads.iter().map(|read| read.whole).max().unwrap_or_default();
        best[1] = best[1].max(rate(n_frames, longest));
    }
    println!("frames a second of {N_STREAMS} streams of {name} at once");
    println!("  {:<20} {:>9.0}", "runtime", best[0]);
    println!("  {:<20} {:>9.0} {:>6.1} %", "/api/chat", best[1], 100.0 * best[1] / best[0]);
    Ok(())
}

fn request(model: &str, n_tokens: usize) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        messages: vec![Message::user(QUESTION)],
        options: json!({"temperature": 0, "num_predict": n_tokens}).as_object().cloned(),
        ..ChatRequest::default()
    }
}

/// The prompt that a chat becomes.
async fn rendered(runtime: &Runtime, request: ChatRequest) -> Result<String> {
    let request = ChatRequest { debug_render_only: true, ..request };
    let part = runtime.chat(request).await?.next().await.ok_or("no prompt was shown")??;
    Ok(part.debug_info.ok_or("no prompt was shown")?.rendered_template)
}

fn from_engine(engine: &Model, prompt: &str, n_tokens: usize) -> Result<Read> {
    let mut options = GenerateOptions::default();
    options.n_predict = Some(n_tokens);
    let mut watch = Watch::start();
    for piece in engine.generate(prompt, options)? {
        piece?;
        watch.frame();
    }
    Ok(watch.stop())
}

async fn from_runtime(runtime: &Runtime, request: ChatRequest) -> Result<Read> {
    let mut watch = Watch::start();
    let mut parts = runtime.chat(request).await?;
    while let Some(part) = parts.next().await {
        part?;
        watch.frame();
    }
    Ok(watch.stop())
}

fn from_server(
    runtime: &Arc<Runtime>,
    model: &str,
    n_tokens: usize,
    dialect: Dialect,
) -> Result<Read> {
    let service = Arc::clone(runtime);
    let ask = Ask { dialect, model, n_tokens };
    let reads = served(service, |address| wire::read_all(address, ask, 1))?;
    reads.first().copied().ok_or_else(|| "nobody read".into())
}

/// The frames behind the first, by the time since the first.
fn speed(read: Read) -> f64 {
    rate(read.n_frames.saturating_sub(1), read.writing)
}

/// Times an answer's frames.
struct Watch {
    started: Instant,
    first: Option<Instant>,
    n_frames: usize,
}

impl Watch {
    fn start() -> Self {
        Self { started: Instant::now(), first: None, n_frames: 0 }
    }

    fn frame(&mut self) {
        self.first.get_or_insert_with(Instant::now);
        self.n_frames += 1;
    }

    fn stop(self) -> Read {
        let writing = self.first.map_or(Duration::ZERO, |first| first.elapsed());
        Read { n_frames: self.n_frames, writing, whole: self.started.elapsed() }
    }
}
