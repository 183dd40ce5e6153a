//! The answer to a request that failed, and the last line of a stream that did.

use serde::{Deserialize, Serialize};

use crate::ApiError;

/// `{"error": "<text>"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// What to show.
    pub error: String,
}

impl From<ApiError> for ErrorBody {
    fn from(error: ApiError) -> Self {
        Self { error: error.message }
    }
}
