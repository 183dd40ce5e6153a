//! `GET /api/tags`: the models at hand.

use serde::{Deserialize, Serialize};

use super::presence::is_default;
use crate::Timestamp;
use crate::text_enum::text_enum;

text_enum! {
    /// Something that a model can do.
    Capability {
        /// Completes text.
        Completion = "completion",
        /// Embeds text.
        Embedding = "embedding",
        /// Sees images.
        Vision = "vision",
        /// Hears.
        Audio = "audio",
        /// Calls tools.
        Tools = "tools",
        /// Fills gaps in text.
        Insert = "insert",
        /// Reasons before it answers.
        Thinking = "thinking",
        /// Draws.
        Image = "image",
    }
}

/// The models at hand, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListResponse {
    /// Never null, even when there are none.
    pub models: Vec<ModelSummary>,
}

/// A model in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ModelSummary {
    /// The name in its display form, tag included.
    pub name: String,
    /// The same again.
    pub model: String,
    /// The name where a remote model really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_model: String,
    /// Where it really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    /// When it was made or pulled.
    pub modified_at: Timestamp,
    /// Bytes of all its layers.
    pub size: u64,
    /// SHA-256 of its manifest: 64 hex digits, no prefix.
    pub digest: String,
    /// What sort of model it is.
    pub details: ModelDetails,
    /// What it can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
}

/// What sort of model it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ModelDetails {
    /// The model that it was made from.
    pub parent_model: String,
    /// `gguf` or `safetensors`.
    pub format: String,
    /// The architecture.
    pub family: String,
    /// The architectures of all its parts; written as null when unknown.
    pub families: Option<Vec<String>>,
    /// How many parameters, for people: `7.6B`.
    pub parameter_size: String,
    /// How the weights are stored, for people: `Q4_K_M`.
    pub quantization_level: String,
    /// Tokens that it was trained to attend to.
    #[serde(skip_serializing_if = "is_default")]
    pub context_length: u64,
    /// Width of its embeddings.
    #[serde(skip_serializing_if = "is_default")]
    pub embedding_length: u64,
}
