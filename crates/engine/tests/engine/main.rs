//! The engine as its users see it, held against implementations that nobody here wrote.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod golden_logits;
mod hostile_models;
mod tiny;
mod tokenizer_conformance;
