//! OpenAI's events: without names, and a last one that is no JSON.

use camelid_api_types::ApiError;
use camelid_api_types::openai::ErrorBody;
use serde::Serialize;

use crate::sse::{self, write_event};

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame<T> {
    /// A chunk of an answer.
    Chunk(T),
    /// Something went wrong; nothing follows.
    Error(ErrorBody),
    /// The end.
    Done,
}

impl<T: Serialize> sse::Frame for Frame<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ApiError> {
        match self {
            Self::Chunk(chunk) => write_event(None, chunk, out),
            Self::Error(error) => write_event(None, error, out),
            Self::Done => {
                out.extend_from_slice(b"data: [DONE]\n\n");
                Ok(())
            }
        }
    }
}
