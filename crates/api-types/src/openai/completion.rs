//! `POST /v1/completions`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ResponseFormat, StreamOptions, Usage};
use crate::ollama::{DebugInfo, KeepAlive};

/// Prompts to complete.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CompletionRequest {
    /// The model's name.
    pub model: String,
    /// A text, a list of texts, a list of token ids, or a list of such lists.
    pub prompt: Value,
    /// The text after the gap, for models that fill in the middle.
    pub suffix: String,
    /// Whether the answers come in parts.
    pub stream: bool,
    /// What the stream tells besides.
    pub stream_options: Option<StreamOptions>,
    /// How many tokens an answer may have.
    pub max_tokens: Option<i64>,
    /// 1 where absent.
    pub temperature: Option<f64>,
    /// 1 where absent or 0.
    pub top_p: Option<f64>,
    /// 0 where absent.
    pub frequency_penalty: f64,
    /// 0 where absent.
    pub presence_penalty: f64,
    /// The random seed.
    pub seed: Option<i64>,
    /// A text that ends the answer, or a list of them.
    pub stop: Value,
    /// How many answers to give to each prompt; absent means one.
    pub n: Option<i64>,
    /// How many to make, of which the `n` likeliest are given.
    pub best_of: Option<i64>,
    /// Whether an answer begins with its prompt.
    pub echo: bool,
    /// How many alternatives to tell with each token; absent means no probabilities at all.
    pub logprobs: Option<i64>,
    /// Token ids, as texts, to what is added to their logits.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub logit_bias: Option<Map<String, Value>>,
    /// What shape the answers must have, as in chat completions.
    pub response_format: Option<ResponseFormat>,
    /// Who asks, for the log.
    pub user: Option<String>,
    /// How long the model stays loaded afterwards, as in `/api`; absent leaves it as it is.
    pub keep_alive: Option<KeepAlive>,
    /// Whether to answer with the rendered prompt and generate nothing.
    #[serde(rename = "_debug_render_only")]
    pub debug_render_only: bool,
}

/// Answers, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Completion {
    /// `cmpl-` and a number.
    pub id: String,
    /// `text_completion`.
    pub object: String,
    /// In seconds since the start of 1970.
    pub created: i64,
    /// The model's name as the request spelt it.
    pub model: String,
    /// Always `fp_ollama`, which is what clients of Ollama know.
    pub system_fingerprint: String,
    /// Texts, or what is added to them.
    pub choices: Vec<CompletionChoice>,
    /// Counts of tokens. A stream has them where they were asked for, as zeros until its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The rendered prompt, when only that was asked for.
    #[serde(rename = "_debug_info", skip_serializing_if = "Option::is_none")]
    pub debug_info: Option<DebugInfo>,
}

/// One of the answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CompletionChoice {
    /// The text, or what is added to it.
    pub text: String,
    /// Its place: those of one prompt stand together, in the order of the prompts.
    pub index: usize,
    /// How likely its tokens were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<CompletionLogprobs>,
    /// Why it ended: `stop` or `length`; null until then.
    pub finish_reason: Option<String>,
}

/// How likely tokens were, in four lists of the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CompletionLogprobs {
    /// Their texts.
    pub tokens: Vec<String>,
    /// Natural logarithms of their probabilities; null for a prompt's first, which follows nothing.
    pub token_logprobs: Vec<Option<f64>>,
    /// The likeliest in their places; null where the token has no probability either.
    pub top_logprobs: Vec<Option<IndexMap<String, f64>>>,
    /// Where each begins in the text, in characters.
    pub text_offset: Vec<usize>,
}
