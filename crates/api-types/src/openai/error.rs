//! Errors in OpenAI's envelope.

use serde::{Deserialize, Serialize};

use crate::{ApiError, ErrorKind};

/// The whole of a failed answer: `{"error": {...}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = openai::ErrorBody))]
#[serde(default)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = openai::ErrorDetail))]
#[serde(default)]
pub struct ErrorDetail {
    /// For people.
    pub message: String,
    /// For programs: `invalid_request_error`, `not_found_error`, `authentication_error`,
    /// `permission_error` or `api_error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The field at fault; null where nobody knows.
    pub param: Option<String>,
    /// A closer word; null where there is none.
    pub code: Option<String>,
}

impl From<ApiError> for ErrorBody {
    fn from(error: ApiError) -> Self {
        let kind = match error.kind {
            ErrorKind::BadRequest | ErrorKind::TooLarge => "invalid_request_error",
            ErrorKind::NotFound => "not_found_error",
            ErrorKind::Unauthorized => "authentication_error",
            ErrorKind::Forbidden => "permission_error",
            _ => "api_error",
        };
        Self {
            error: ErrorDetail {
                message: error.message,
                kind: kind.to_owned(),
                param: None,
                code: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_written() {
        let body = ErrorBody::from(ApiError::bad_request("EOF"));
        assert_eq!(
            serde_json::to_string(&body).expect("plain data"),
            r#"{"error":{"message":"EOF","type":"invalid_request_error","param":null,"code":null}}"#
        );
    }
}
