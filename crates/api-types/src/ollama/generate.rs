//! `POST /api/generate`: completing a prompt.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chunk::{prepend, prepend_text};
use super::presence::is_default;
use super::{
    Chunk, DebugInfo, DoneReason, Format, ImageData, KeepAlive, Logprob, Metrics, PromptLogprob,
    Think, ToolCall, format, logprob,
};
use crate::{ApiError, Timestamp};

/// A prompt to complete. An empty one only loads the model, or unloads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct GenerateRequest {
    /// The model's name.
    pub model: String,
    /// The text to answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The prompt as token ids, which go to the model as they are; replaces `prompt`. Not Ollama's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<Vec<u32>>,
    /// Whether the answer begins with the prompt. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub echo: bool,
    /// The text after the gap, for models that fill in the middle.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// Replaces the model's system text when not empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// Replaces the model's prompt template when not empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Token ids from an earlier answer, put before the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Vec<u32>>,
    /// Whether the transport sends parts as they come; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Whether the prompt goes to the model as it is.
    #[serde(skip_serializing_if = "is_default")]
    pub raw: bool,
    /// What shape the answer must have.
    #[serde(
        deserialize_with = "format::deserialize_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<Format>,
    /// How long the model stays loaded afterwards; absent leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// Images or audio that belong to the prompt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageData>,
    /// Options over the model's own; see [`Options::from_map`](super::Options::from_map).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
    /// Whether to think first; absent is the model's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<Think>,
    /// Whether to cut a prompt that does not fit; absent means yes.
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
    /// Whether to tell how likely each token of the prompt was, with as many alternatives. Then a
    /// `num_predict` of 0 generates nothing, and a prompt that does not fit is refused. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt_logprobs: bool,
    /// Whether to answer with the rendered prompt and generate nothing.
    #[serde(rename = "_debug_render_only", skip_serializing_if = "is_default")]
    pub debug_render_only: bool,
}

impl GenerateRequest {
    /// Checks what can be checked before the model is looked up.
    ///
    /// # Errors
    /// When `top_logprobs` is out of range.
    pub fn validate(&self) -> Result<(), ApiError> {
        logprob::check_top_logprobs(self.top_logprobs)
    }

    /// Checks that `raw` stands with nothing that would change the prompt. Ollama looks at this
    /// only once the model is known, so it is not part of [`validate`](Self::validate).
    ///
    /// # Errors
    /// When `raw` is set together with `template`, `system` or `context`.
    pub fn check_raw_mode(&self) -> Result<(), ApiError> {
        let alters = !self.template.is_empty() || !self.system.is_empty() || self.context.is_some();
        if self.raw && alters {
            return Err(ApiError::bad_request(
                "raw mode does not support template, system, or context",
            ));
        }
        Ok(())
    }

    /// True when there is nothing to complete.
    pub fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.prompt_tokens.as_ref().is_none_or(Vec::is_empty)
    }

    /// True when the request only unloads the model.
    pub fn is_unload(&self) -> bool {
        self.is_empty() && self.keep_alive == Some(KeepAlive::UNLOAD)
    }
}

/// A part of an answer, or the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct GenerateResponse {
    /// The model's name as the request spelt it.
    pub model: String,
    /// When this part was made.
    pub created_at: Timestamp,
    /// Text.
    pub response: String,
    /// Reasoning.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// Whether this is the last part.
    pub done: bool,
    /// In the last part: why the answer ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_reason: Option<DoneReason>,
    /// In the last part: the tokens of prompt and answer, for the next request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<u32>,
    /// In the last part: how long it took.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Calls that the model makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// How likely this part's tokens were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Logprob>,
    /// In the first part, where they were asked for: how likely the prompt's tokens were. BOS, which
    /// the model gets without being asked, is not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt_logprobs: Vec<PromptLogprob>,
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

impl Chunk for GenerateResponse {
    fn absorb(&mut self, next: Self) {
        let before = std::mem::replace(self, next);
        prepend_text(&mut self.response, before.response);
        prepend_text(&mut self.thinking, before.thinking);
        prepend(&mut self.tool_calls, before.tool_calls);
        prepend(&mut self.logprobs, before.logprobs);
        prepend(&mut self.prompt_logprobs, before.prompt_logprobs);
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn stands_alone(&self) -> bool {
        matches!(self.done_reason, Some(DoneReason::Load | DoneReason::Unload))
            || self.debug_info.is_some()
    }
}
