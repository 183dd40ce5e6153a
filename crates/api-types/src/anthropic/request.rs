//! `POST /v1/messages` and `POST /v1/messages/count_tokens`: the request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ollama::KeepAlive;
use crate::openai::ResponseFormat;

/// A conversation to continue, or to count the tokens of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MessagesRequest {
    /// The model's name.
    pub model: String,
    /// How many tokens the answer may have; more than 0. Not looked at when tokens are counted.
    pub max_tokens: i64,
    /// The conversation so far, oldest turn first.
    pub messages: Vec<InputMessage>,
    /// The system text: a text, or a list of text blocks.
    pub system: Value,
    /// Whether the answer comes in events.
    pub stream: bool,
    /// The model's own where absent.
    pub temperature: Option<f64>,
    /// The model's own where absent.
    pub top_p: Option<f64>,
    /// The model's own where absent.
    pub top_k: Option<i64>,
    /// Texts that end the answer.
    pub stop_sequences: Option<Vec<String>>,
    /// Tools that the model may call.
    pub tools: Vec<MessageTool>,
    /// Whether it may, must or must not.
    pub tool_choice: Option<ToolChoice>,
    /// Whether to think first.
    pub thinking: Option<Thinking>,
    /// How hard to think, and what shape the answer must have.
    pub output_config: Option<OutputConfig>,
    /// The older place of `output_config.format`, which counts where both are given.
    pub output_format: Option<ResponseFormat>,
    /// Who asks, for the log: `{"user_id": "..."}`.
    pub metadata: Option<Value>,
    /// How long the model stays loaded afterwards, as in `/api`; absent leaves it as it is.
    pub keep_alive: Option<KeepAlive>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct InputMessage {
    /// `user` or `assistant`.
    pub role: String,
    /// A text, or a list of blocks.
    pub content: Value,
}

/// A tool on offer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MessageTool {
    /// `custom`, or the name of one that the server would run itself, of which there are none here.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What it does, for the model to read.
    pub description: String,
    /// A JSON Schema of what it takes.
    pub input_schema: Value,
}

/// Whether the model may, must or must not call a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = anthropic::ToolChoice))]
#[serde(default)]
pub struct ToolChoice {
    /// `auto`, `any`, `tool` or `none`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `tool`: which.
    pub name: String,
    /// Whether an answer may have no more than one call.
    pub disable_parallel_tool_use: bool,
}

/// Whether to think first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Thinking {
    /// `enabled`, `disabled`, or `adaptive`, which leaves it to the model.
    #[serde(rename = "type")]
    pub kind: String,
    /// Not looked at.
    pub budget_tokens: Option<i64>,
}

/// What the answer is like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct OutputConfig {
    /// `low`, `medium`, `high`, `xhigh` or `max`.
    pub effort: Option<String>,
    /// What shape it must have: `{"type": "json_schema", "schema": {...}}`.
    pub format: Option<ResponseFormat>,
}

/// How many tokens a conversation has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CountTokensAnswer {
    /// As the model's prompt, tools and all.
    pub input_tokens: u64,
}
