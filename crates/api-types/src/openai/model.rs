//! `GET /v1/models`.

use serde::{Deserialize, Serialize};

/// The models at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ModelList {
    /// `list`.
    pub object: String,
    /// Null, not empty, when there are none.
    pub data: Option<Vec<Model>>,
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Model {
    /// Its name, tag included.
    pub id: String,
    /// `model`.
    pub object: String,
    /// When it was made or pulled, in seconds since the start of 1970.
    pub created: i64,
    /// Its namespace.
    pub owned_by: String,
}
