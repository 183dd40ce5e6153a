//! `GET /api/version`.

use serde::{Deserialize, Serialize};

/// The version of the program that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct VersionResponse {
    /// A semantic version, such as `0.33.0`.
    pub version: String,
}
