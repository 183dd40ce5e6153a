//! What the chunks of an answer have in common.

use camelid_api_types::Timestamp;

use crate::ids;

/// What all answers carry, which is what clients of Ollama know.
pub(super) const FINGERPRINT: &str = "fp_ollama";

/// What all chunks of an answer have in common.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) id: String,
    /// In seconds since the start of 1970.
    pub(super) created: i64,
    pub(super) model: String,
}

impl Heading {
    /// Of an answer that begins now, with an id behind `prefix`.
    pub(super) fn new(prefix: &str, model: String) -> Self {
        Self { id: ids::numbered(prefix), created: Timestamp::now().as_second(), model }
    }
}
