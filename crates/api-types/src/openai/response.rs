//! `POST /v1/responses`: the request and the response object.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OutputItem, PromptTokensDetails, Reasoning, ResponseFormat};
use crate::ollama::{KeepAlive, ToolChoice};

/// A turn to take. The whole conversation stands in the request: nothing is kept between two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ResponsesRequest {
    /// The model's name.
    pub model: String,
    /// A user's text, or a list of items.
    pub input: Value,
    /// A system text before everything else.
    pub instructions: Option<String>,
    /// How many tokens the answer may have.
    pub max_output_tokens: Option<i64>,
    /// 1 where absent.
    pub temperature: Option<f64>,
    /// The model's own where absent.
    pub top_p: Option<f64>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// What shape the answer must have.
    pub text: Option<TextFormat>,
    /// Tools that the model may call.
    pub tools: Vec<Value>,
    /// Whether it may, must or must not.
    pub tool_choice: Option<ToolChoice>,
    /// Whether an answer may have more than one call.
    pub parallel_tool_calls: Option<bool>,
    /// How many alternatives to tell with each token.
    pub top_logprobs: Option<i64>,
    /// What else the answer has: `message.output_text.logprobs` is honoured.
    pub include: Vec<String>,
    /// Whether the answer comes in events.
    pub stream: bool,
    /// `disabled` refuses an input that does not fit, `auto` drops its oldest messages. Absent, which
    /// is echoed as `disabled`, drops them too.
    pub truncation: Option<String>,
    /// Only echoed: every request is answered at once.
    pub background: Option<bool>,
    /// Only echoed.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Map<String, Value>>,
    /// Who asks, for the log.
    pub user: Option<String>,
    /// How long the model stays loaded afterwards, as in `/api`; absent leaves it as it is.
    pub keep_alive: Option<KeepAlive>,
}

/// The shape of an answer's text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TextFormat {
    /// A schema stands beside its type here: `{"type": "json_schema", "schema": {...}}`.
    pub format: Option<ResponseFormat>,
}

/// An answer, whole or as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Response {
    /// `resp_` and a number.
    pub id: String,
    /// `response`.
    pub object: String,
    /// In seconds since the start of 1970.
    pub created_at: i64,
    /// The same, of the end; null until then.
    pub completed_at: Option<i64>,
    /// `in_progress`, `completed`, `incomplete` or `failed`.
    pub status: String,
    /// Why it is incomplete.
    pub incomplete_details: Option<IncompleteDetails>,
    /// The model's name as the request spelt it.
    pub model: String,
    /// Always null.
    pub previous_response_id: Option<String>,
    /// The request's.
    pub instructions: Option<String>,
    /// What the model said, thought and called.
    pub output: Vec<OutputItem>,
    /// Why it failed: `{"code", "message"}`.
    pub error: Option<Value>,
    /// The request's.
    pub tools: Vec<Value>,
    /// The request's.
    pub tool_choice: ToolChoice,
    /// The request's.
    pub truncation: String,
    /// The request's.
    pub parallel_tool_calls: bool,
    /// The request's.
    pub text: TextFormat,
    /// The request's.
    pub top_p: f64,
    /// Always 0.
    pub presence_penalty: f64,
    /// Always 0.
    pub frequency_penalty: f64,
    /// The request's.
    pub top_logprobs: i64,
    /// The request's.
    pub temperature: f64,
    /// The request's.
    pub reasoning: Option<ResponseReasoning>,
    /// Counts of tokens; null until the end.
    pub usage: Option<ResponseUsage>,
    /// The request's.
    pub max_output_tokens: Option<i64>,
    /// Always null.
    pub max_tool_calls: Option<i64>,
    /// Always false.
    pub store: bool,
    /// The request's.
    pub background: bool,
    /// Always `default`.
    pub service_tier: String,
    /// The request's.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub metadata: Map<String, Value>,
    /// Always null.
    pub safety_identifier: Option<String>,
    /// Always null.
    pub prompt_cache_key: Option<String>,
}

/// Why an answer is incomplete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct IncompleteDetails {
    /// `max_output_tokens`.
    pub reason: String,
}

/// How hard was thought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ResponseReasoning {
    /// The request's.
    pub effort: Option<String>,
    /// The request's.
    pub summary: Option<String>,
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ResponseUsage {
    /// In the prompt.
    pub input_tokens: u64,
    /// In the answer.
    pub output_tokens: u64,
    /// In both.
    pub total_tokens: u64,
    /// More about the prompt.
    pub input_tokens_details: PromptTokensDetails,
    /// More about the answer.
    pub output_tokens_details: OutputTokensDetails,
}

/// More about an answer's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct OutputTokensDetails {
    /// Always 0: thinking is counted with the rest.
    pub reasoning_tokens: u64,
}
