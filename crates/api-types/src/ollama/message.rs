//! One turn of a conversation, and the tool calls in it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::ImageData;

/// One turn of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`, or whatever a template understands; made lower case
    /// when read, not checked.
    #[serde(deserialize_with = "lower_case")]
    pub role: String,
    /// The text.
    pub content: String,
    /// The reasoning that came before the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// Images or audio that belong to the turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageData>,
    /// Tools that the assistant calls in this turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// In a tool's turn: the tool's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_name: String,
    /// In a tool's turn: the id of the call that it answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool_call_id: String,
}

impl Message {
    /// A turn that is only text.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), ..Self::default() }
    }

    /// A user's text.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new("user", content)
    }

    /// A system text.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new("system", content)
    }

    /// An assistant's text.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new("assistant", content)
    }
}

fn lower_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(String::deserialize(deserializer)?.to_lowercase())
}

/// A call that a model makes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ToolCall {
    /// `call_` and eight lower-case letters or digits; not written when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What is called.
    pub function: ToolCallFunction,
}

/// The function of a [`ToolCall`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ToolCallFunction {
    /// The call's place among those of one answer, from 0.
    pub index: u32,
    /// The function's name.
    pub name: String,
    /// Its arguments, in the order in which they were given.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub arguments: Map<String, Value>,
}
