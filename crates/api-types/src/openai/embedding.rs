//! `POST /v1/embeddings`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ollama::KeepAlive;

/// Texts to embed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbeddingRequest {
    /// The model's name.
    pub model: String,
    /// A text, a list of texts, a list of token ids, or a list of such lists.
    pub input: Value,
    /// How many numbers of each vector are wanted; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<i64>,
    /// `float` or `base64`; absent means `float`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_format: Option<String>,
    /// Who asks, for the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How long the model stays loaded afterwards, as in `/api`; absent leaves it as it is.
    pub keep_alive: Option<KeepAlive>,
}

/// Their embeddings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbeddingList {
    /// `list`.
    pub object: String,
    /// One for each input, in the same order.
    pub data: Vec<Embedding>,
    /// The model's name as the request spelt it.
    pub model: String,
    /// How many tokens that took.
    pub usage: EmbeddingUsage,
}

/// One input's embedding.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Embedding {
    /// `embedding`.
    pub object: String,
    /// The vector.
    pub embedding: EmbeddingVector,
    /// The input's place.
    pub index: usize,
}

/// A vector in one of its two forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum EmbeddingVector {
    /// Numbers.
    Floats(Vec<f32>),
    /// Base64 of little-endian f32.
    Base64(String),
}

impl Default for EmbeddingVector {
    fn default() -> Self {
        Self::Floats(Vec::new())
    }
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbeddingUsage {
    /// In the inputs.
    pub prompt_tokens: u64,
    /// The same.
    pub total_tokens: u64,
}
