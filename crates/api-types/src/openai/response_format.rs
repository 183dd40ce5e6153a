//! What shape an answer must have, as the dialects besides Ollama's own say it.
//!
//! `response_format` of chat completions and completions, `text.format` of responses, and
//! `output_config.format` of Anthropic's messages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What shape an answer must have.
///
/// Besides `text`, `json_object` and `json_schema`, the `type` may be one of those of
/// [`Format`](crate::ollama::Format): `regex`, `lark`, `gbnf`, `choice`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ResponseFormat {
    /// Which it is, in any case of letters.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// For `json_schema`, where the schema has a name beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<JsonSchemaFormat>,
    /// The same without another object around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub schema: Option<Map<String, Value>>,
    /// All other keys.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub rest: Map<String, Value>,
}

/// A schema with a name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct JsonSchemaFormat {
    /// What it is called.
    pub name: String,
    /// What it is for; not looked at.
    pub description: String,
    /// Not looked at: a schema is always obeyed to the letter.
    pub strict: Option<bool>,
    /// The schema.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub schema: Option<Map<String, Value>>,
}
