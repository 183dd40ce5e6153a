//! `POST /api/copy` and `DELETE /api/delete`.

use serde::{Deserialize, Serialize};

/// Gives a model a second name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CopyRequest {
    /// The model.
    pub source: String,
    /// Its second name; a model that has it is replaced.
    pub destination: String,
}

/// Removes a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DeleteRequest {
    /// The model's name.
    pub model: String,
    /// What `model` was called in 2024; looked at where `model` is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl DeleteRequest {
    /// The name of the model, under whichever field it came.
    pub fn model(&self) -> &str {
        super::either(&self.model, &self.name)
    }
}
