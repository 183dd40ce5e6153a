//! `POST /api/chat`: continuing a conversation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chunk::{prepend, prepend_text};
use super::presence::is_default;
use super::{
    Chunk, DebugInfo, DoneReason, Format, KeepAlive, Logprob, Message, Metrics, Think, Tool,
    ToolChoice, format, logprob,
};
use crate::{ApiError, Timestamp};

/// A conversation to continue. Without messages it only loads the model, or unloads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatRequest {
    /// The model's name.
    pub model: String,
    /// The conversation so far, oldest turn first.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether the model may, must or must not call one; absent means it may. Not Ollama's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether an answer may have more than one call; absent means yes. Not Ollama's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Whether the transport sends parts as they come; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What shape the answer must have.
    #[serde(
        deserialize_with = "format::deserialize_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<Format>,
    /// How long the model stays loaded afterwards; absent leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// Options over the model's own; see [`Options::from_map`](super::Options::from_map).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
    /// Whether to think first; absent is the model's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<Think>,
    /// Whether to drop old messages when they do not fit; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,
    /// Whether the window shifts when it is full; absent is the model's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<bool>,
    /// Whether to tell how likely each token was.
    #[serde(skip_serializing_if = "is_default")]
    pub logprobs: bool,
    /// How many alternatives to tell with each, from 0 to [`MAX_TOP_LOGPROBS`](super::MAX_TOP_LOGPROBS).
    #[serde(skip_serializing_if = "is_default")]
    pub top_logprobs: i64,
    /// Whether to answer with the rendered prompt and generate nothing.
    #[serde(rename = "_debug_render_only", skip_serializing_if = "is_default")]
    pub debug_render_only: bool,
}

impl ChatRequest {
    /// Checks what can be checked before the model is looked up.
    ///
    /// # Errors
    /// When `top_logprobs` is out of range.
    pub fn validate(&self) -> Result<(), ApiError> {
        logprob::check_top_logprobs(self.top_logprobs)
    }

    /// True when the request only unloads the model.
    pub fn is_unload(&self) -> bool {
        self.messages.is_empty() && self.keep_alive == Some(KeepAlive::UNLOAD)
    }
}

/// A part of an answer, or the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatResponse {
    /// The model's name as the request spelt it.
    pub model: String,
    /// When this part was made.
    pub created_at: Timestamp,
    /// What this part adds to the assistant's turn.
    pub message: Message,
    /// Whether this is the last part.
    pub done: bool,
    /// In the last part: why the answer ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_reason: Option<DoneReason>,
    /// How likely this part's tokens were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Logprob>,
    /// In the last part: how long it took.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The model's name where it really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_model: String,
    /// Where it really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    /// The rendered prompt, when only that was asked for.
    #[serde(rename = "_debug_info", skip_serializing_if = "Option::is_none")]
    pub debug_info: Option<DebugInfo>,
}

impl Chunk for ChatResponse {
    fn absorb(&mut self, next: Self) {
        let before = std::mem::replace(self, next);
        prepend_text(&mut self.message.content, before.message.content);
        prepend_text(&mut self.message.thinking, before.message.thinking);
        prepend(&mut self.message.tool_calls, before.message.tool_calls);
        prepend(&mut self.logprobs, before.logprobs);
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn stands_alone(&self) -> bool {
        matches!(self.done_reason, Some(DoneReason::Load | DoneReason::Unload))
            || self.debug_info.is_some()
    }
}
