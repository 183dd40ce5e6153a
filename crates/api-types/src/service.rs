//! The trait behind which a model may be anywhere.

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use crate::ApiError;
use crate::ollama::{
    ChatRequest, ChatResponse, GenerateRequest, GenerateResponse, ListResponse, VersionResponse,
};

/// An answer that arrives in parts. Dropping it cancels the work behind it; after an `Err` it ends.
pub type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, ApiError>> + Send>>;

/// Everything one can ask of a place that keeps and runs models.
///
/// The answers of [`generate`](Service::generate) and [`chat`](Service::chat) always stream:
/// a request's `stream: false` concerns the transport, which then folds the parts into one with
/// [`Chunk::absorb`](crate::ollama::Chunk::absorb). A failure that is known before the first part
/// is the method's own `Err`; a later one is the stream's last item.
#[async_trait]
pub trait Service: Send + Sync {
    /// Completes a prompt.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind); an unknown model is `NotFound`.
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError>;

    /// Continues a conversation.
    ///
    /// # Errors
    /// As [`generate`](Service::generate).
    async fn chat(&self, request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError>;

    /// The models at hand, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn list(&self) -> Result<ListResponse, ApiError>;

    /// The version of the program that answers.
    ///
    /// # Errors
    /// Only where asking may fail, as over a network.
    async fn version(&self) -> Result<VersionResponse, ApiError>;
}
