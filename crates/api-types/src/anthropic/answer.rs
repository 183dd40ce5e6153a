//! `POST /v1/messages`: the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ollama::{Metrics, is_default};

/// An assistant's turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MessageAnswer {
    /// `msg_` and 24 hex digits.
    pub id: String,
    /// `message`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `assistant`.
    pub role: String,
    /// The model's name as the request spelt it.
    pub model: String,
    /// What it thought, said and called; null where there is nothing in the whole answer.
    pub content: Option<Vec<ContentBlock>>,
    /// `end_turn`, `max_tokens`, `stop_sequence` or `tool_use`; absent until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// Counts of tokens.
    pub usage: MessageUsage,
}

/// A part of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentBlock {
    /// What the model thought.
    Thinking {
        /// The text.
        thinking: String,
    },
    /// What it said.
    Text {
        /// The text.
        text: String,
    },
    /// A call.
    ToolUse {
        /// What the tool's answer refers to.
        id: String,
        /// The tool's name.
        name: String,
        /// Its arguments.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        input: Map<String, Value>,
    },
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MessageUsage {
    /// In the prompt, without those that were cached.
    pub input_tokens: u64,
    /// In the answer.
    pub output_tokens: u64,
    /// In the prompt, computed for an earlier request; not written where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_input_tokens: Option<u64>,
    /// Left out of the prompt because they did not fit the context; not written where there are none.
    /// Not Anthropic's.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped_input_tokens: u64,
    /// The same of messages. Not Anthropic's.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped_messages: u64,
}

impl From<&Metrics> for MessageUsage {
    fn from(metrics: &Metrics) -> Self {
        let cached = metrics.prompt_cached_count;
        Self {
            input_tokens: metrics.prompt_eval_count.saturating_sub(cached),
            output_tokens: metrics.eval_count,
            cache_read_input_tokens: (cached > 0).then_some(cached),
            dropped_input_tokens: metrics.prompt_dropped_count,
            dropped_messages: metrics.messages_dropped_count,
        }
    }
}
