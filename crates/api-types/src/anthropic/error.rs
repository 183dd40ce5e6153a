//! Errors in Anthropic's envelope.

use serde::{Deserialize, Serialize};

use crate::{ApiError, ErrorKind};

/// The whole of a failed answer: `{"type": "error", "error": {...}, "request_id": "..."}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = anthropic::ErrorBody))]
#[serde(default)]
pub struct ErrorBody {
    /// `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong.
    pub error: ErrorDetail,
    /// `req_` and 24 hex digits.
    pub request_id: String,
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = anthropic::ErrorDetail))]
#[serde(default)]
pub struct ErrorDetail {
    /// For programs: `invalid_request_error`, `authentication_error`, `permission_error`,
    /// `not_found_error`, `overloaded_error` or `api_error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    pub message: String,
}

impl From<ApiError> for ErrorDetail {
    fn from(error: ApiError) -> Self {
        let kind = match error.kind {
            ErrorKind::BadRequest => "invalid_request_error",
            ErrorKind::Unauthorized => "authentication_error",
            ErrorKind::Forbidden => "permission_error",
            ErrorKind::NotFound => "not_found_error",
            ErrorKind::TooLarge => "request_too_large",
            ErrorKind::Busy => "overloaded_error",
            _ => "api_error",
        };
        Self { kind: kind.to_owned(), message: error.message }
    }
}
