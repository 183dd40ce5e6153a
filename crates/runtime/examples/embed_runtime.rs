//! A program with language models inside it: no server, no network.
//!
//! ```text
//! cargo run -p camelid-runtime --example embed_runtime -- [STORE [MODEL]]
//! ```
//!
//! Without arguments it asks the bundled model; with the folder of a store, such as
//! `~/.ollama/models`, one of the models in it.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::{error::Error, io::Write};

use camelid_api_types::{
    ApiError, Service,
    ollama::{ChatRequest, KeepAlive, Message, ShowRequest},
};
use camelid_runtime::{Catalog, Config, Runtime, registry::Store};
use futures_util::StreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let catalog = match arguments.next() {
        Some(folder) => Catalog::bundled().with_store(Store::open(folder)?),
        None => Catalog::bundled(),
    };
    let model = arguments.next().unwrap_or_else(|| "tiny".to_owned());

    // Settings that a server would take from its environment.
    let mut config = Config::default();
    config.n_ctx = 2048;
    config.keep_alive = KeepAlive::Forever;
    let runtime = Runtime::new(catalog, config);

    for found in runtime.list().await?.models {
        println!("{:<20} {:>8} {:?}", found.name, found.details.parameter_size, found.capabilities);
    }
    let request = ShowRequest { model: model.clone(), ..ShowRequest::default() };
    let shown = runtime.show(request).await?;
    println!("{model} is a {}\n", shown.details.family);

    // A conversation: each answer becomes part of the next question.
    let mut messages = Vec::new();
    for question in ["What is the capital of France?", "Why is the sky blue?"] {
        println!("> {question}");
        messages.push(Message::user(question));
        let answer = ask(&runtime, &model, &messages).await?;
        messages.push(Message::assistant(answer));
    }

    for running in runtime.ps().await?.models {
        println!("{} is in memory with {} bytes", running.name, running.size);
    }
    Ok(())
}

/// Prints the answer as it comes and gives it back whole.
async fn ask(runtime: &Runtime, model: &str, messages: &[Message]) -> Result<String, ApiError> {
    let request = ChatRequest {
        model: model.to_owned(),
        messages: messages.to_vec(),
        ..ChatRequest::default()
    };
    let mut answer = String::new();
    let mut parts = runtime.chat(request).await?;
    while let Some(part) = parts.next().await {
        let text = part?.message.content;
        print!("{text}");
        // Where nobody reads, nobody misses it.
        drop(std::io::stdout().flush());
        answer += &text;
    }
    println!("\n");
    Ok(answer)
}
