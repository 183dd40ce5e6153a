//! `POST /api/show`: all there is to know of a model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::presence::is_default;
use super::{Capability, Message, ModelDetails};
use crate::Timestamp;

/// Asks about a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ShowRequest {
    /// The model's name.
    pub model: String,
    /// What `model` was called in 2024; looked at where `model` is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether to give long arrays too, such as the vocabulary.
    #[serde(skip_serializing_if = "is_default")]
    pub verbose: bool,
    /// Shown as if it were the model's own system text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// Shown in the Modelfile as if they were the model's own parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
}

impl ShowRequest {
    /// The name of the model, under whichever field it came.
    pub fn model(&self) -> &str {
        super::either(&self.model, &self.name)
    }
}

/// All there is to know of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ShowResponse {
    /// All licences, one after the other.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// A Modelfile that would make the model again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub modelfile: String,
    /// Its parameters, a line for each value: the name in 30 columns, a blank, the value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parameters: String,
    /// The template that makes its prompts, whichever of its templates that is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Its system text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// What sort of model it is; without lengths.
    pub details: ModelDetails,
    /// What was said before every conversation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The model's name where it really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_model: String,
    /// Where it really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    /// The metadata of its weights. Arrays are null unless `verbose` was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub model_info: Map<String, Value>,
    /// The metadata of its projector, where it has one.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub projector_info: Map<String, Value>,
    /// Its tensors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<TensorSummary>,
    /// What it can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// When it was made or pulled.
    pub modified_at: Timestamp,
    /// The oldest server that can run it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requires: String,
}

/// A tensor of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TensorSummary {
    /// Its name.
    pub name: String,
    /// Its number format, such as `Q8_0`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its dimensions, the one that varies fastest first.
    pub shape: Vec<u64>,
}
