//! The events of a streamed message.

use serde::{Deserialize, Serialize};

use super::{ContentBlock, ErrorDetail, MessageAnswer, MessageUsage};

/// What has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MessageEvent {
    /// The turn begins.
    MessageStart {
        /// Empty so far.
        message: MessageAnswer,
    },
    /// A block begins.
    ContentBlockStart {
        /// Its place.
        index: usize,
        /// Empty so far.
        content_block: ContentBlock,
    },
    /// More of a block.
    ContentBlockDelta {
        /// The block's place.
        index: usize,
        /// What is added.
        delta: BlockDelta,
    },
    /// A block ends.
    ContentBlockStop {
        /// Its place.
        index: usize,
    },
    /// Why the turn ends, and what it took.
    MessageDelta {
        /// Why.
        delta: MessageDelta,
        /// What it took.
        usage: MessageUsage,
    },
    /// The turn ends.
    MessageStop,
    /// Something went wrong; nothing follows.
    Error {
        /// What.
        error: ErrorDetail,
    },
}

impl MessageEvent {
    /// The event's name, which is also its `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
            Self::Error { .. } => "error",
        }
    }
}

/// What is added to a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BlockDelta {
    /// To a thought.
    ThinkingDelta {
        /// Text.
        thinking: String,
    },
    /// To a text.
    TextDelta {
        /// Text.
        text: String,
    },
    /// To a call's arguments: all of them at once.
    InputJsonDelta {
        /// A JSON object, as text.
        partial_json: String,
    },
}

/// Why a turn ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MessageDelta {
    /// As in [`MessageAnswer`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}
