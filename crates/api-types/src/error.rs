//! Why an operation failed: a kind that callers may act on, and a text for people.
//!
//! The kind is the whole protocol between layers. The server maps it to a status code, the client
//! maps a status code back to it, each in one place; nobody reads the text to decide anything.

/// What sort of failure an [`ApiError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed, or asks for what the model cannot do.
    BadRequest,
    /// The caller has not said who it is.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// The model, blob or other thing named in the request does not exist.
    NotFound,
    /// The request is larger than the limit that was set.
    TooLarge,
    /// The queue is full; the same request may succeed later.
    Busy,
    /// The caller went away, or asked for the work to stop.
    Cancelled,
    /// This service does not offer the operation.
    Unsupported,
    /// Something went wrong that the caller cannot mend.
    Internal,
    /// Nobody listens at the server's address.
    Unreachable,
    /// The connection or the answer was not what the protocol promises.
    Transport,
}

/// A failed operation: its kind and the text to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What callers decide by.
    pub kind: ErrorKind,
    /// What people read; it travels as the `error` field of the answer.
    pub message: String,
}

impl ApiError {
    /// An error of any kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// [`ErrorKind::BadRequest`].
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The queue is full, in the words that clients know.
    pub fn busy() -> Self {
        // The two spaces are Ollama's.
        Self::new(
            ErrorKind::Busy,
            "server busy, please try again.  maximum pending requests exceeded",
        )
    }

    /// The caller went away before its turn came.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "request canceled")
    }
}
