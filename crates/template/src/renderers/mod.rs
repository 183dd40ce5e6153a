//! Prompts of model families whose format no Go template can say, by Ollama's names.
//!
//! A renderer is a function from a conversation to prompt text, a file per family. The paragraphs
//! of instructions around the tools are the vendors' own words, which the models were trained on;
//! they stand in `prose`.

mod cohere;
mod deepseek;
mod gemma;
mod glimmer;
mod glm;
mod json;
mod laguna;
mod lfm2;
mod nemotron;
mod olmo;
mod prose;
mod qwen;
mod table;

pub use table::{BuiltIn, RenderError, RenderInputs, Renderer};
