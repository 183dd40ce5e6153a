//! Templates for models that bring none of their own in Go's language, and how to know which.
//!
//! A model that carries a well-known Jinja template can be prompted by the Go template of the same
//! format instead, with stop strings that go with it. The templates are ours, written from what
//! the formats look like; the Jinja texts are known by their fingerprints.

mod fingerprint_table;
mod template;

pub use template::{ShippedTemplate, canonical};
