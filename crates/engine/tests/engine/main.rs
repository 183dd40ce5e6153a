//! The engine as its users see it, held against implementations that nobody here wrote.

mod golden_logits;
mod hostile_models;
mod tiny;
mod tokenizer_conformance;
