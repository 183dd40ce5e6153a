//! The crate against Ollama's own parser, and against itself.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic too")]

mod conformance;
mod properties;
