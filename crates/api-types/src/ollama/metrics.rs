//! How long a request took and how many tokens it touched.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::presence::{is_default, nanoseconds};

/// The statistics in the last part of an answer; zero values are not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Metrics {
    /// From the request's arrival to its end.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub total_duration: Duration,
    /// From the request's arrival until the model was ready.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub load_duration: Duration,
    /// Tokens in the prompt, cached ones included.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt_eval_count: u64,
    /// How many of those had been computed for an earlier request. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt_cached_count: u64,
    /// Tokens left out of the prompt because it did not fit the context. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt_dropped_count: u64,
    /// Messages left out of the prompt because it did not fit the context. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub messages_dropped_count: u64,
    /// Time spent on the prompt.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub prompt_eval_duration: Duration,
    /// Tokens generated.
    #[serde(skip_serializing_if = "is_default")]
    pub eval_count: u64,
    /// Time spent generating.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub eval_duration: Duration,
}
