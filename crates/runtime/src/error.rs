//! One place where the engine's and the templates' errors become answers.

use camelid_api_types::ApiError;
use camelid_engine::{Error, GrammarError};

/// What clients of the API know this failure by.
const PROMPT_TOO_LONG: &str = "the prompt is longer than the context length currently available \
    to the model; shorten the prompt, adjust the context length in settings, or use a model with \
    a longer context length";

/// The answer to a request that the engine refused or could not finish.
pub(crate) fn from_engine(error: &Error) -> ApiError {
    match error {
        Error::PromptTooLong { .. } => ApiError::bad_request(PROMPT_TOO_LONG),
        Error::QueueFull { .. } => ApiError::busy(),
        Error::Grammar(
            GrammarError::Refused { .. } | GrammarError::Gbnf(_) | GrammarError::NoChoice,
        )
        | Error::EmptyPrompt
        | Error::Option { .. }
        | Error::TokenOutOfRange { .. } => ApiError::bad_request(with_causes(error)),
        _ => ApiError::internal(with_causes(error)),
    }
}

/// The answer where a model cannot be loaded: the file's fault, told as such.
pub(crate) fn from_loading(error: &dyn std::error::Error) -> ApiError {
    ApiError::internal(format!("failed to load model: {}", with_causes(error)))
}

/// The answer to a failure that the caller cannot mend.
pub(crate) fn internal_error(error: &dyn std::error::Error) -> ApiError {
    ApiError::internal(with_causes(error))
}

/// An error's text and that of everything behind it. This is the one place where what is behind an
/// error is shown: an error's own text leaves that out.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
