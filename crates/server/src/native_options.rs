//! Native options, as the dialects besides Ollama's own put them together.

use serde_json::{Map, Value};

/// Native options, key by key.
#[derive(Debug, Default)]
pub(crate) struct NativeOptions(Map<String, Value>);

impl NativeOptions {
    /// Sets an option where there is a value for it.
    pub(crate) fn set(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
        self
    }

    /// All that were set.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}
