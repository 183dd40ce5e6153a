//! `POST /v1/rerank` and `POST /api/rerank`: texts by how well they answer a query.
//!
//! The shape is the one that Jina's and Cohere's APIs share. Ollama has no such endpoint.

use serde::{Deserialize, Serialize};

use crate::ollama::{EmbedInput, EmbedRequest};
use crate::{ApiError, Service};

/// Documents to put in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RerankRequest {
    /// The model's name.
    pub model: String,
    /// What is looked for.
    pub query: String,
    /// Where it is looked for.
    pub documents: Vec<RerankDocument>,
    /// How many of the best are wanted; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_n: Option<i64>,
    /// Whether each result has its document's text; absent means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_documents: Option<bool>,
}

/// A document: a text, or `{"text": "..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged, expecting = "a document must be a text or an object with `text`")]
pub enum RerankDocument {
    /// A text.
    Plain(String),
    /// A text in an object.
    Object {
        /// The text.
        text: String,
    },
}

impl RerankDocument {
    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Object { text } => text,
        }
    }
}

/// Documents in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RerankResponse {
    /// The model's name as the request spelt it.
    pub model: String,
    /// The best first.
    pub results: Vec<RerankResult>,
    /// What it took.
    pub usage: RerankUsage,
}

/// A document's place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RerankResult {
    /// Its place in the request.
    pub index: usize,
    /// How well it answers the query: larger is better; equal documents have equal scores.
    pub relevance_score: f32,
    /// The document, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<RerankText>,
}

/// A document given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RerankText {
    /// Its text.
    pub text: String,
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RerankUsage {
    /// In the query and all documents.
    pub total_tokens: u64,
}

/// How well documents answer a query, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentScores {
    /// One for each document; the larger the better.
    pub scores: Vec<f32>,
    /// Tokens read for all of them.
    pub n_tokens: u64,
}

/// Scores documents with a model that embeds: by the cosine of each one's vector and the query's,
/// from -1 to 1.
///
/// # Errors
/// As [`Service::embed`].
pub async fn by_cosine<S: Service + ?Sized>(
    service: &S,
    request: &RerankRequest,
) -> Result<DocumentScores, ApiError> {
    let query = std::iter::once(request.query.as_str());
    let texts = query.chain(request.documents.iter().map(RerankDocument::text));
    let native = EmbedRequest {
        model: request.model.clone(),
        input: EmbedInput::from_iter(texts),
        ..EmbedRequest::default()
    };
    let answer = service.embed(native).await?;
    let (query, documents) = answer
        .embeddings
        .split_first()
        .ok_or_else(|| ApiError::internal("the model embedded nothing"))?;
    // Embeddings have length 1, so the cosine is their product.
    let scores = documents.iter().map(|document| dot(query, document)).collect();
    Ok(DocumentScores { scores, n_tokens: answer.prompt_eval_count })
}

/// Shapes: both are `[n_embd]`.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
