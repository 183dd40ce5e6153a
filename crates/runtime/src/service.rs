//! [`Service`] for [`Runtime`]: each operation, and where it is done.

use async_trait::async_trait;
use camelid_api_types::{
    ApiError, BlobOutcome, ByteStream, ResponseStream, Service,
    ollama::{
        ChatRequest, ChatResponse, CopyRequest, CreateRequest, DeleteRequest, EmbedRequest,
        EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, GenerateRequest, GenerateResponse,
        ListResponse, ProgressResponse, PsResponse, PullRequest, PushRequest, ShowRequest,
        ShowResponse, VersionResponse,
    },
    rerank::{DocumentScores, RerankRequest},
};

use crate::runtime::Runtime;

#[async_trait]
impl Service for Runtime {
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        self.answer_generate(request).await
    }

    async fn chat(&self, request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError> {
        self.answer_chat(request).await
    }

    async fn embed(&self, request: EmbedRequest) -> Result<EmbedResponse, ApiError> {
        self.answer_embed(request).await
    }

    async fn embeddings(&self, request: EmbeddingsRequest) -> Result<EmbeddingsResponse, ApiError> {
        self.answer_embeddings(request).await
    }

    async fn score_documents(&self, request: &RerankRequest) -> Result<DocumentScores, ApiError> {
        self.answer_scores(request).await
    }

    async fn list(&self) -> Result<ListResponse, ApiError> {
        self.list_models()
    }

    async fn ps(&self) -> Result<PsResponse, ApiError> {
        Ok(self.running_models())
    }

    async fn show(&self, request: ShowRequest) -> Result<ShowResponse, ApiError> {
        self.show_model(&request)
    }

    async fn copy(&self, request: CopyRequest) -> Result<(), ApiError> {
        self.copy_model(request).await
    }

    async fn delete(&self, request: DeleteRequest) -> Result<(), ApiError> {
        self.delete_model(request).await
    }

    async fn create(
        &self,
        request: CreateRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        self.create_model(request)
    }

    async fn pull(
        &self,
        request: PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        self.pull_model(&request)
    }

    async fn push(
        &self,
        request: PushRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        self.push_model(&request)
    }

    async fn find_blob(&self, digest: &str) -> Result<(), ApiError> {
        self.look_for_blob(digest)
    }

    async fn put_blob(&self, digest: &str, bytes: ByteStream) -> Result<BlobOutcome, ApiError> {
        self.store_blob(digest, bytes).await
    }

    async fn version(&self) -> Result<VersionResponse, ApiError> {
        Ok(VersionResponse { version: env!("CARGO_PKG_VERSION").to_owned() })
    }
}
