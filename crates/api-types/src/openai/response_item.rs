//! What a response's `output` is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ollama::Logprob;

/// One thing that the model did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputItem {
    /// It thought.
    Reasoning {
        /// `rs_...`
        id: String,
        /// What it thought; empty until it is done.
        summary: Vec<SummaryText>,
        /// The same as plain text, for the next request's input; absent until it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    /// It said something.
    Message {
        /// `msg_...`
        id: String,
        /// `in_progress`, `completed` or `incomplete`.
        status: String,
        /// `assistant`.
        role: String,
        /// The text; empty until it is done.
        content: Vec<OutputContent>,
    },
    /// It called a function.
    FunctionCall {
        /// `fc_...`
        id: String,
        /// `in_progress` or `completed`.
        status: String,
        /// What the tool's answer refers to.
        call_id: String,
        /// The function's name.
        name: String,
        /// A JSON object, as text.
        arguments: String,
    },
}

/// A part of a reasoning's summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename = "summary_text")]
pub struct SummaryText {
    /// What was thought.
    pub text: String,
}

/// A part of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename = "output_text")]
pub struct OutputContent {
    /// What was said.
    pub text: String,
    /// Always empty.
    pub annotations: Vec<Value>,
    /// How likely its tokens were, where that was asked for.
    pub logprobs: Vec<Logprob>,
}
