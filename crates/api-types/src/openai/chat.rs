//! `POST /v1/chat/completions`: the request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ResponseFormat;
use crate::ollama::{KeepAlive, Tool, ToolChoice};

/// A conversation to continue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatCompletionRequest {
    /// The model's name.
    pub model: String,
    /// The conversation so far, oldest turn first.
    pub messages: Vec<ChatMessage>,
    /// Whether the answer comes in parts.
    pub stream: bool,
    /// What the stream tells besides.
    pub stream_options: Option<StreamOptions>,
    /// How many tokens an answer may have.
    pub max_tokens: Option<i64>,
    /// The newer name for it, which counts where both are given.
    pub max_completion_tokens: Option<i64>,
    /// 1 where absent.
    pub temperature: Option<f64>,
    /// 1 where absent.
    pub top_p: Option<f64>,
    /// See [`Options`](crate::ollama::Options).
    pub frequency_penalty: Option<f64>,
    /// See [`Options`](crate::ollama::Options).
    pub presence_penalty: Option<f64>,
    /// The random seed.
    pub seed: Option<i64>,
    /// A text that ends the answer, or a list of them.
    pub stop: Value,
    /// How many answers to give; absent means one.
    pub n: Option<i64>,
    /// Token ids, as texts, to what is added to their logits.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub logit_bias: Option<Map<String, Value>>,
    /// What shape the answer must have.
    pub response_format: Option<ResponseFormat>,
    /// Tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not.
    pub tool_choice: Option<ToolChoice>,
    /// Whether an answer may have more than one call.
    pub parallel_tool_calls: Option<bool>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// The same, in the older form; `reasoning` counts where both are given.
    pub reasoning_effort: Option<String>,
    /// Whether to tell how likely each token was.
    pub logprobs: Option<bool>,
    /// How many alternatives to tell with each.
    pub top_logprobs: Option<i64>,
    /// Who asks, for the log.
    pub user: Option<String>,
    /// How long the model stays loaded afterwards, as in `/api`; absent leaves it as it is.
    pub keep_alive: Option<KeepAlive>,
    /// Whether to answer with the rendered prompt and generate nothing.
    #[serde(rename = "_debug_render_only")]
    pub debug_render_only: bool,
}

/// What a stream tells besides its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StreamOptions {
    /// Whether one more chunk has the counts of tokens.
    pub include_usage: bool,
}

/// How hard to think.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Reasoning {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `ultra` or `max`.
    pub effort: Option<String>,
    /// What kind of summary is wanted; only echoed.
    pub summary: Option<String>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// A text, a list of parts, or null where there are calls.
    pub content: Value,
    /// In an assistant's turn: what it thought.
    pub reasoning: String,
    /// The same, as some other servers call it.
    pub reasoning_content: String,
    /// In an assistant's turn: its calls.
    pub tool_calls: Vec<ToolCall>,
    /// In a tool's turn: the tool's name.
    pub name: String,
    /// In a tool's turn: the call that it answers.
    pub tool_call_id: String,
}

/// A call that a model makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = openai::ToolCall))]
#[serde(default)]
pub struct ToolCall {
    /// What the tool's answer refers to.
    pub id: String,
    /// The call's place among those of one answer, from 0.
    pub index: u32,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

/// A function and its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
}
