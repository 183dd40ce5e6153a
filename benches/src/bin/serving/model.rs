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
    Result, all_frames, rate, served,
    wire::{self, Ask, Dialect, QUESTION, Read},
};

/// Rounds of which the fastest counts; a shared machine only ever adds time.
const N_ROUNDS: usize = 4;
/// Streams at once, for the frames that reach all of them.
const N_STREAMS: usize = 20;

/// One model, and what it is asked for.
struct Measured {
    engine: Model,
    runtime: Arc<Runtime>,
    tokio: tokio::runtime::Runtime,
    name: &'static str,
    n_tokens: usize,
}

/// Compares the ways to one model, and prints what it finds.
pub(crate) fn compare(file: Option<&str>, n_tokens: usize) -> Result<()> {
    let measured = Measured::new(file, n_tokens)?;
    let name = measured.name;
    let best = measured.best_speeds()?;
    println!("frames a second of one stream of {name}, {n_tokens} tokens, fastest of {N_ROUNDS}");
    for (way, speed) in ["engine", "runtime", "/api/chat", "/v1/chat/completions"].iter().zip(best)
    {
        println!("  {way:<20} {speed:>9.1} {:>6.1} % of the engine", 100.0 * speed / best[0]);
    }
    if file.is_none() {
        let [runtime, server] = measured.best_crowds()?;
        println!("frames a second of {N_STREAMS} streams of {name} at once");
        println!("  {:<20} {runtime:>9.0}", "runtime");
        println!("  {:<20} {server:>9.0} {:>6.1} %", "/api/chat", 100.0 * server / runtime);
    }
    Ok(())
}

impl Measured {
    fn new(file: Option<&str>, n_tokens: usize) -> Result<Self> {
        let mut catalog = Catalog::bundled();
        let (name, gguf) = match file {
            Some(path) => {
                catalog.add_file("measured".parse()?, Path::new(path), None)?;
                ("measured", GgufFile::open(path)?)
            }
            None => ("tiny", GgufFile::from_static(camelid_model_tiny::GGUF)?),
        };
        let mut config = Config::default();
        config.keep_alive = KeepAlive::Forever;
        Ok(Self {
            engine: Model::from_gguf(gguf, &ModelOptions::default())?,
            runtime: Arc::new(Runtime::new(catalog, config)),
            tokio: tokio::runtime::Runtime::new()?,
            name,
            n_tokens,
        })
    }

    fn request(&self) -> ChatRequest {
        request(self.name, self.n_tokens)
    }

    /// Frames a second of one stream: of the engine, of the runtime, and in two dialects.
    fn best_speeds(&self) -> Result<[f64; 4]> {
        let prompt = self.tokio.block_on(rendered(&self.runtime, self.request()))?;
        let mut best = [0.0_f64; 4];
        for _ in 0..N_ROUNDS {
            let speeds = [
                speed(from_engine(&self.engine, &prompt, self.n_tokens)?),
                speed(self.tokio.block_on(from_runtime(&self.runtime, self.request()))?),
                speed(self.one_stream(Dialect::Ollama)?),
                speed(self.one_stream(Dialect::OpenAi)?),
            ];
            best.iter_mut().zip(speeds).for_each(|(best, speed)| *best = best.max(speed));
        }
        Ok(best)
    }

    fn one_stream(&self, dialect: Dialect) -> Result<Read> {
        let reads = self.read_all(dialect, 1)?;
        reads.first().copied().ok_or_else(|| "nobody read".into())
    }

    fn read_all(&self, dialect: Dialect, n_clients: usize) -> Result<Vec<Read>> {
        let ask = Ask { dialect, model: self.name, n_tokens: self.n_tokens };
        served(Arc::clone(&self.runtime) as _, |address| wire::read_all(address, ask, n_clients))
    }

    /// Frames a second of many streams, without the server and with it.
    fn best_crowds(&self) -> Result<[f64; 2]> {
        let mut best = [0.0_f64; 2];
        for _ in 0..N_ROUNDS {
            let speeds = [
                all_frames(&self.crowd_of_runtime()?),
                all_frames(&self.read_all(Dialect::Ollama, N_STREAMS)?),
            ];
            best.iter_mut().zip(speeds).for_each(|(best, speed)| *best = best.max(speed));
        }
        Ok(best)
    }

    fn crowd_of_runtime(&self) -> Result<Vec<Read>> {
        let stream = |_| {
            let (runtime, request) = (Arc::clone(&self.runtime), self.request());
            self.tokio.spawn(async move {
                from_runtime(&runtime, request).await.map_err(|error| error.to_string())
            })
        };
        let streams: Vec<_> = (0..N_STREAMS).map(stream).collect();
        let read = |stream| Ok(self.tokio.block_on(stream)??);
        streams.into_iter().map(read).collect()
    }
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
