//! The engine as its users see it, held against implementations that nobody here wrote.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod arch_fixture;
mod arch_refusals;
mod arch_weights;
mod drafting;
mod embeddings;
mod encoders;
mod given_up;
mod golden_arch;
mod golden_logits;
mod hostile_models;
mod minilm;
mod quantised;
mod quantized_experts;
mod recurrent;
mod rope_options;
mod saved_cache;
mod tiny;
mod tokenizer_conformance;
mod tokenizer_golden;
mod windows;
