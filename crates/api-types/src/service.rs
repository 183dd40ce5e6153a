//! The trait behind which a model may be anywhere.

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use bytes::Bytes;

use crate::ollama::{
    ChatRequest, ChatResponse, CopyRequest, CreateRequest, DeleteRequest, EmbedRequest,
    EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, GenerateRequest, GenerateResponse,
    ListResponse, ProgressResponse, PsResponse, PullRequest, PushRequest, ShowRequest,
    ShowResponse, VersionResponse,
};
use crate::rerank::{DocumentScores, RerankRequest, by_cosine};
use crate::{ApiError, ErrorKind};

/// An answer that arrives in parts. Dropping it cancels the work behind it; after an `Err` it ends.
pub type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, ApiError>> + Send>>;

/// Bytes that arrive in pieces.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>> + Send>>;

/// What became of bytes that were to be a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobOutcome {
    /// They are stored now.
    Created,
    /// The blob was there before; the bytes were not looked at.
    Present,
}

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

    /// Embeds texts; each embedding has length 1.
    ///
    /// # Errors
    /// As [`generate`](Service::generate); `BadRequest` for a text that is too long and must not be
    /// cut.
    async fn embed(&self, _request: EmbedRequest) -> Result<EmbedResponse, ApiError> {
        Err(unsupported("embed"))
    }

    /// Embeds a text, as the model gives it. Of servers of 2023.
    ///
    /// # Errors
    /// As [`embed`](Service::embed).
    async fn embeddings(
        &self,
        _request: EmbeddingsRequest,
    ) -> Result<EmbeddingsResponse, ApiError> {
        Err(unsupported("embeddings"))
    }

    /// How well each document answers the query, as the model gives it: larger is better. What the
    /// request says of the answer's form is not looked at.
    ///
    /// # Errors
    /// As [`embed`](Service::embed).
    async fn score_documents(&self, request: &RerankRequest) -> Result<DocumentScores, ApiError> {
        by_cosine(self, request).await
    }

    /// The models in memory.
    ///
    /// # Errors
    /// Only where asking may fail, as over a network.
    async fn ps(&self) -> Result<PsResponse, ApiError> {
        Err(unsupported("ps"))
    }

    /// All there is to know of a model.
    ///
    /// # Errors
    /// `NotFound` for an unknown model; `Internal` where its files cannot be read.
    async fn show(&self, _request: ShowRequest) -> Result<ShowResponse, ApiError> {
        Err(unsupported("show"))
    }

    /// Gives a model a second name.
    ///
    /// # Errors
    /// `BadRequest` for names that are none, `NotFound` for an unknown model.
    async fn copy(&self, _request: CopyRequest) -> Result<(), ApiError> {
        Err(unsupported("copy"))
    }

    /// Removes a model, and what no other needs of it.
    ///
    /// # Errors
    /// As [`copy`](Service::copy).
    async fn delete(&self, _request: DeleteRequest) -> Result<(), ApiError> {
        Err(unsupported("delete"))
    }

    /// Makes a model. Dropping the stream gives up; no half-made model appears.
    ///
    /// # Errors
    /// `BadRequest` for what is wrong with the request before anything is done.
    async fn create(
        &self,
        _request: CreateRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        Err(unsupported("create"))
    }

    /// Fetches a model from a registry. Dropping the stream stops; what has come is kept.
    ///
    /// # Errors
    /// `BadRequest` for a name that is none.
    async fn pull(
        &self,
        _request: PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        Err(unsupported("pull"))
    }

    /// Sends a model to a registry.
    ///
    /// # Errors
    /// `BadRequest` for a name that is none.
    async fn push(
        &self,
        _request: PushRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        Err(unsupported("push"))
    }

    /// Looks for the blob with this digest, `sha256:<64 hex>` or `sha256-<64 hex>`.
    ///
    /// # Errors
    /// `NotFound` where it is not there, `BadRequest` for a text that is no digest.
    async fn find_blob(&self, _digest: &str) -> Result<(), ApiError> {
        Err(unsupported("blobs"))
    }

    /// Stores bytes as the blob with this digest, which they must have.
    ///
    /// # Errors
    /// `BadRequest` where they have another digest, or the text is none.
    async fn put_blob(&self, _digest: &str, _bytes: ByteStream) -> Result<BlobOutcome, ApiError> {
        Err(unsupported("blobs"))
    }
}

fn unsupported(operation: &str) -> ApiError {
    let message = format!("this service does not offer `{operation}`");
    ApiError::new(ErrorKind::Unsupported, message)
}
