//! One place where the engine's and the templates' errors become answers.

use std::{error::Error, iter::successors};

use camelid_api_types::ApiError;
use camelid_engine::{Error as EngineError, GrammarError};
use camelid_registry::StoreError;
#[cfg(feature = "transfer")]
use camelid_registry::transfer::TransferError;

use crate::catalog::CatalogError;

/// What clients of the API know this failure by.
const PROMPT_TOO_LONG: &str = "the prompt is longer than the context length currently available \
    to the model; shorten the prompt, adjust the context length in settings, or use a model with \
    a longer context length";

/// The answer to a request that the engine refused or could not finish.
pub(crate) fn from_engine(error: &EngineError) -> ApiError {
    match error {
        EngineError::PromptTooLong { .. } => ApiError::bad_request(PROMPT_TOO_LONG),
        EngineError::QueueFull { .. } => ApiError::busy(),
        EngineError::Grammar(
            GrammarError::Refused { .. } | GrammarError::Gbnf(_) | GrammarError::NoChoice,
        )
        | EngineError::EmptyPrompt
        | EngineError::Option { .. }
        | EngineError::TokenOutOfRange { .. } => ApiError::bad_request(told(error)),
        _ => ApiError::internal(told(error)),
    }
}

/// The answer where a model cannot be loaded: the file's fault, told as such.
pub(crate) fn from_loading(error: &(dyn Error + 'static)) -> ApiError {
    ApiError::internal(format!("failed to load model: {}", told(error)))
}

/// The answer to a failure that the caller cannot mend.
pub(crate) fn internal_error(error: &(dyn Error + 'static)) -> ApiError {
    ApiError::internal(told(error))
}

/// An error's text and that of everything behind it, for whoever runs this program. An error's own
/// text leaves out what is behind it.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    joined(error, ToString::to_string)
}

/// The same for whoever asked. Where the store lies is none of their business: the log says it.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let told = joined(error, |error| match from_store(error).and_then(without_path) {
        Some(text) => text,
        None => error.to_string(),
    });
    let whole = with_causes(error);
    if told != whole {
        tracing::warn!(error = whole, "what the answer does not tell of a failure");
    }
    told
}

fn joined(
    error: &(dyn Error + 'static),
    text: impl Fn(&(dyn Error + 'static)) -> String,
) -> String {
    let texts: Vec<String> = successors(Some(error), |&error| error.source()).map(text).collect();
    texts.join(": ")
}

/// The store's error that `error` is, or speaks for.
fn from_store<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a StoreError> {
    #[cfg(feature = "transfer")]
    if let Some(TransferError::Store(error)) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref() {
        Some(CatalogError::Store(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

/// The text of those errors of a store that have a path in it.
fn without_path(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Io { action, .. } => Some(format!("{action} a file of the store")),
        StoreError::Manifest { .. } => Some("the model's manifest".to_owned()),
        StoreError::NotAFile { .. } => Some("not a regular file".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn failing() -> StoreError {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        StoreError::Io { action: "reading", path: "/home/me/models/x".into(), source }
    }

    #[test]
    fn whoever_asks_is_told_what_failed_and_not_where() {
        let want = "reading a file of the store: permission denied";
        assert_eq!(told(&failing()), want);
        assert_eq!(told(&CatalogError::from(failing())), want);
        #[cfg(feature = "transfer")]
        assert_eq!(told(&TransferError::from(failing())), want);
        let unknown = StoreError::UnknownModel { name: "x".to_owned() };
        assert_eq!(told(&unknown), "model 'x' not found");
    }

    #[test]
    fn the_log_says_where() {
        assert_eq!(with_causes(&failing()), "reading /home/me/models/x: permission denied");
    }
}
