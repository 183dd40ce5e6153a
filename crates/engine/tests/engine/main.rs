//! The engine as its users see it, held against implementations that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod golden_logits;
mod hostile_models;
mod tiny;
mod tokenizer_conformance;
