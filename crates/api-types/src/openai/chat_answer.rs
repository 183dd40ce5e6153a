//! `POST /v1/chat/completions`: the answer, whole and in chunks.

use serde::{Deserialize, Serialize};

use super::{ToolCall, Usage};
use crate::ollama::{DebugInfo, Logprob};

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatCompletion {
    /// `chatcmpl-` and a number.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// In seconds since the start of 1970.
    pub created: i64,
    /// The model's name as the request spelt it.
    pub model: String,
    /// Always `fp_ollama`, which is what clients of Ollama know.
    pub system_fingerprint: String,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// Counts of tokens.
    pub usage: Usage,
    /// The rendered prompt, when only that was asked for.
    #[serde(rename = "_debug_info", skip_serializing_if = "Option::is_none")]
    pub debug_info: Option<DebugInfo>,
}

/// One of the answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatChoice {
    /// Its place.
    pub index: usize,
    /// The assistant's turn.
    pub message: ChatReply,
    /// Why it ended: `stop`, `length`, `tool_calls`, or another native reason.
    pub finish_reason: Option<String>,
    /// How likely its tokens were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<ChatLogprobs>,
}

/// An assistant's turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatReply {
    /// `assistant`.
    pub role: String,
    /// The text; empty, not null, where there are only calls.
    pub content: String,
    /// What it thought first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// Its calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// How likely tokens were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatLogprobs {
    /// One for each token.
    pub content: Vec<Logprob>,
}

/// A part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatCompletionChunk {
    /// The same in all chunks of a stream.
    pub id: String,
    /// `chat.completion.chunk`.
    pub object: String,
    /// The same in all chunks of a stream.
    pub created: i64,
    /// The model's name as the request spelt it.
    pub model: String,
    /// As in [`ChatCompletion`].
    pub system_fingerprint: String,
    /// What is added to which answer; empty in the chunk with the counts.
    pub choices: Vec<ChatChoiceDelta>,
    /// Counts of tokens, in the last chunk, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What is added to one of the answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatChoiceDelta {
    /// The answer's place.
    pub index: usize,
    /// What is added.
    pub delta: ChatDelta,
    /// Null until the answer's last chunk.
    pub finish_reason: Option<String>,
    /// How likely this chunk's tokens were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<ChatLogprobs>,
}

/// What a chunk adds to the assistant's turn; nothing in an answer's last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatDelta {
    /// In an answer's first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Thinking.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// Whole calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}
