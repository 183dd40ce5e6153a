//! JSON as Ollama's clients expect it, which is as Go reads and writes it.
//!
//! Reading differs from serde's habits: the first value in the text counts and what follows is not
//! looked at; keys match without regard to case when they do not match exactly; of keys given twice
//! the last counts; null is the same as absent; unknown keys are not looked at, but can be told
//! ([`decode_noting`]). Texts that are not UTF-8, or half a surrogate pair, get U+FFFD in their place.
//! Values may nest [`MAX_DEPTH`] deep, and there may be [`MAX_VALUES`] of them, for the tree takes many
//! times the memory of `[0,0,0,...]`.
//!
//! The work is in four steps: `syntax` finds the first value and checks it (no recursion, Go's error
//! texts), `repair` mends the text, serde_json builds a tree, `decoder` reads types from the tree by
//! the rules above, so that wire types are plain `#[derive(Deserialize)]`.

mod decoder;
mod encode;
mod repair;
mod syntax;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

pub use encode::{encode, encode_text};
pub use syntax::{MAX_DEPTH, MAX_VALUES};

use crate::ApiError;

/// Why a request's text could not be read. The texts are those of Go's decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no value at all.
    #[error("EOF")]
    Empty,
    /// The text ends inside a value.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// A character that cannot stand where it does.
    #[error("invalid character {} {context}", quote(*.found))]
    InvalidCharacter {
        /// The byte found.
        found: u8,
        /// Where it was found.
        context: &'static str,
    },
    /// More nesting than [`MAX_DEPTH`].
    #[error("exceeded max depth of {MAX_DEPTH}")]
    TooDeep,
    /// More values than [`MAX_VALUES`].
    #[error("exceeded max number of {MAX_VALUES} values")]
    TooMany,
    /// A number that no float can hold.
    #[error("json: cannot unmarshal number: {cause}")]
    Number {
        /// What is wrong with it.
        cause: String,
    },
    /// A value of another type than its field.
    #[error("json: cannot unmarshal {found} into Go {place} of type {expected}")]
    WrongType {
        /// The JSON type found.
        found: &'static str,
        /// `value`, or `struct field` and its path.
        place: String,
        /// The type of the field.
        expected: String,
    },
    /// A value that the field's type refuses.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
    },
}

impl From<DecodeError> for ApiError {
    /// What a client of Ollama's own API hears.
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Empty => Self::bad_request("missing request body"),
            error => Self::bad_request(error.to_string()),
        }
    }
}

/// A byte in Go's quotation marks.
fn quote(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => format!("'{}'", char::from(byte).escape_debug()),
    }
}

/// Reads the first JSON value in `bytes`.
///
/// # Errors
/// When there is none, when it is malformed, or when it does not fit `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_noting(bytes).map(|(value, _)| value)
}

/// [`decode`], with the paths of what `T` has no place for: `stop_words`, or `messages[].mood` for
/// whichever element has it. At most 32 are noted, and none whose name is longer than 64 bytes.
///
/// # Errors
/// As [`decode`].
pub fn decode_noting<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, BTreeSet<String>), DecodeError> {
    let end = syntax::end_of_first_value(bytes)?;
    let text = repair::repair(&bytes[..end]);
    let tree = serde_json::from_str(&text)
        .map_err(|error| DecodeError::Number { cause: error.to_string() })?;
    decoder::from_tree(tree)
}

#[cfg(test)]
mod tests;
