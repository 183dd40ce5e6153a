//! Log probabilities of generated tokens.

use serde::{Deserialize, Serialize};

use crate::ApiError;

/// The most alternatives that a request may ask for.
pub const MAX_TOP_LOGPROBS: i64 = 20;

/// One token and how likely it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TokenLogprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// The text's UTF-8 bytes; not written when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u8>,
}

/// A generated token and the likeliest tokens in its place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Logprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// The text's UTF-8 bytes; not written when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u8>,
    /// The likeliest tokens, best first; not written unless asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_logprobs: Vec<TokenLogprob>,
}

/// A token of the prompt, how likely it was behind those before it, and the likeliest in its place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PromptLogprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability; null for the first, which follows nothing.
    pub logprob: Option<f64>,
    /// The text's UTF-8 bytes; not written when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u8>,
    /// The likeliest tokens, best first; not written unless asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_logprobs: Vec<TokenLogprob>,
}

impl From<Logprob> for PromptLogprob {
    fn from(Logprob { token, logprob, bytes, top_logprobs }: Logprob) -> Self {
        Self { token, logprob: Some(logprob), bytes, top_logprobs }
    }
}

/// Refuses a `top_logprobs` outside 0 to [`MAX_TOP_LOGPROBS`].
pub(super) fn check_top_logprobs(top_logprobs: i64) -> Result<(), ApiError> {
    if (0..=MAX_TOP_LOGPROBS).contains(&top_logprobs) {
        return Ok(());
    }
    Err(ApiError::bad_request("top_logprobs must be between 0 and 20"))
}
