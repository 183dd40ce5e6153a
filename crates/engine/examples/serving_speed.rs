//! How fast many requests are answered together, and how fast a second turn begins.
//!
//! ```text
//! cargo run --release -p camelid-engine --example serving_speed [MODEL.gguf]
//! ```
//!
//! Eight requests of 200 tokens at once, 128 new tokens each, no two alike; then a chat of 2,300
//! tokens and its second turn; then what a JSON schema costs.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::{Duration, Instant};

use camelid_engine::{GenerateOptions, Generation, Grammar, Model, ModelOptions, gguf::GgufFile};

fn main() -> anyhow::Result<()> {
    let file = match std::env::args_os().nth(1) {
        Some(path) => GgufFile::open(path)?,
        None => GgufFile::from_static(camelid_model_tiny::GGUF)?,
    };
    let mut options = ModelOptions::default();
    options.n_parallel = 8.try_into()?;
    let model = Model::from_gguf(file, &options)?;
    let only = std::env::args().nth(2);
    let wants = |what: &str| only.as_deref().is_none_or(|only| only == what);
    if wants("parallel") {
        parallel(&model)?;
    }
    if wants("turns") {
        turns(&model)?;
    }
    if wants("schema") {
        schema(&model)?;
    }
    Ok(())
}

/// Tokens without a meaning, no two seeds alike.
fn tokens(model: &Model, n: usize, seed: u32) -> Vec<u32> {
    let n_vocab = model.tokenizer().vocab().len() as u32;
    let token = |i: u32| 100 + (i * 7919 + seed * 104_729) % (n_vocab - 200);
    (0..n as u32).map(token).collect()
}

fn greedy(n_predict: usize) -> GenerateOptions {
    let mut options = GenerateOptions::default();
    options.n_predict = Some(n_predict);
    options.n_draft = 0;
    options
}

fn parallel(model: &Model) -> anyhow::Result<()> {
    let started = Instant::now();
    let begin = |seed| model.generate(tokens(model, 200.min(model.n_ctx() / 2), seed), greedy(128));
    let answers: Vec<Generation> = (0..8).map(begin).collect::<Result<_, _>>()?;
    let mut n_generated = 0;
    for answer in answers {
        for piece in answer {
            n_generated += piece?.end.map_or(0, |end| end.stats.n_generated);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let speed = n_generated as f64 / seconds;
    println!("8 requests: {n_generated} tokens in {seconds:.2} s, {speed:.1} per second");
    Ok(())
}

/// The time to the first token and the tokens of the answer.
fn first_token(model: &Model, prompt: Vec<u32>) -> anyhow::Result<(Duration, Vec<u32>)> {
    let started = Instant::now();
    let mut first = None;
    let mut answer = Vec::new();
    let mut options = greedy(16);
    options.logprobs = Some(0);
    for piece in model.generate(prompt, options)? {
        let piece = piece?;
        answer.extend(piece.tokens);
        if let Some(end) = piece.end {
            first = Some(end.stats.prompt_duration);
        }
    }
    Ok((first.unwrap_or_else(|| started.elapsed()), answer))
}

fn turns(model: &Model) -> anyhow::Result<()> {
    let mut chat = tokens(model, 2300.min(model.n_ctx() - 64), 99);
    let (first, answer) = first_token(model, chat.clone())?;
    chat.extend(answer);
    chat.extend(tokens(model, 10, 7));
    let (second, _) = first_token(model, chat)?;
    let share = 100.0 * second.as_secs_f64() / first.as_secs_f64();
    println!("first token: {first:.2?}, of the second turn {second:.2?} ({share:.2} %)");
    Ok(())
}

fn schema(model: &Model) -> anyhow::Result<()> {
    let mut constrained = greedy(200);
    constrained.grammar = Some(Grammar::JsonSchema(serde_json::json!({
        "type": "array", "items": {"type": "string", "maxLength": 40}, "minItems": 30
    })));
    for (name, options) in [("free", greedy(200)), ("constrained", constrained)] {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            for piece in model.generate("[", options.clone())? {
                if let Some(end) = piece?.end {
                    let time = end.stats.generate_duration.as_secs_f64();
                    best = best.min(time / (end.stats.n_generated - 1).max(1) as f64);
                }
            }
        }
        println!("{name}: {:.1} us for a token", best * 1e6);
    }
    Ok(())
}
