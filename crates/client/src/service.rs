//! [`Service`]: each operation as the request that it is over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use camelid_api_types::ollama::{
    ChatRequest, ChatResponse, CopyRequest, CreateRequest, DeleteRequest, EmbedRequest,
    EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, GenerateRequest, GenerateResponse,
    ListResponse, ProgressResponse, PsResponse, PullRequest, PushRequest, ShowRequest,
    ShowResponse, VersionResponse,
};
use camelid_api_types::rerank::{DocumentScores, RerankRequest, RerankResponse, by_cosine};
use camelid_api_types::{ApiError, BlobOutcome, ByteStream, ErrorKind, ResponseStream, Service};
use hyper::{Method, StatusCode};

use crate::client::{Client, as_they_come, whole};
use crate::failure::broken;

#[async_trait]
impl Service for Client {
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        let request = GenerateRequest { stream: Some(true), ..request };
        self.stream("/api/generate", &request).await
    }

    async fn chat(&self, request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError> {
        let request = ChatRequest { stream: Some(true), ..request };
        self.stream("/api/chat", &request).await
    }

    async fn embed(&self, request: EmbedRequest) -> Result<EmbedResponse, ApiError> {
        self.post("/api/embed", &request).await
    }

    async fn embeddings(&self, request: EmbeddingsRequest) -> Result<EmbeddingsResponse, ApiError> {
        self.post("/api/embeddings", &request).await
    }

    async fn score_documents(&self, request: &RerankRequest) -> Result<DocumentScores, ApiError> {
        let request = RerankRequest { top_n: None, return_documents: None, ..request.clone() };
        match self.post("/api/rerank", &request).await {
            Ok(answer) => in_order(&answer, request.documents.len()),
            // A server of another make, which has embeddings and no such path.
            Err(error) if error.kind == ErrorKind::Unsupported => by_cosine(self, &request).await,
            Err(error) => Err(error),
        }
    }

    async fn list(&self) -> Result<ListResponse, ApiError> {
        self.get("/api/tags").await
    }

    async fn ps(&self) -> Result<PsResponse, ApiError> {
        self.get("/api/ps").await
    }

    async fn show(&self, request: ShowRequest) -> Result<ShowResponse, ApiError> {
        self.post("/api/show", &request).await
    }

    async fn version(&self) -> Result<VersionResponse, ApiError> {
        self.get("/api/version").await
    }

    async fn copy(&self, request: CopyRequest) -> Result<(), ApiError> {
        self.send_json(Method::POST, "/api/copy", &request).await.map(drop)
    }

    async fn delete(&self, request: DeleteRequest) -> Result<(), ApiError> {
        self.send_json(Method::DELETE, "/api/delete", &request).await.map(drop)
    }

    async fn create(
        &self,
        request: CreateRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let request = CreateRequest { stream: Some(true), ..request };
        self.stream("/api/create", &request).await
    }

    async fn pull(
        &self,
        request: PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let request = PullRequest { stream: Some(true), ..request };
        self.stream("/api/pull", &request).await
    }

    async fn push(
        &self,
        request: PushRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let request = PushRequest { stream: Some(true), ..request };
        self.stream("/api/push", &request).await
    }

    async fn find_blob(&self, digest: &str) -> Result<(), ApiError> {
        let path = blob_path(digest)?;
        self.send(Method::HEAD, &path, whole(Bytes::new())).await.map(drop)
    }

    async fn put_blob(&self, digest: &str, bytes: ByteStream) -> Result<BlobOutcome, ApiError> {
        let path = blob_path(digest)?;
        let response = self.send(Method::POST, &path, as_they_come(bytes)).await?;
        Ok(match response.status() {
            StatusCode::CREATED => BlobOutcome::Created,
            _ => BlobOutcome::Present,
        })
    }
}

/// The scores of so many documents, in the order of the request.
fn in_order(answer: &RerankResponse, n_documents: usize) -> Result<DocumentScores, ApiError> {
    let mut scores = vec![None; n_documents];
    for result in &answer.results {
        let score = scores.get_mut(result.index).ok_or_else(|| {
            broken(format!("the answer has a score for document {} of {n_documents}", result.index))
        })?;
        *score = Some(result.relevance_score);
    }
    let n_scored = scores.iter().flatten().count();
    let scores: Option<Vec<f32>> = scores.into_iter().collect();
    let scores = scores.ok_or_else(|| {
        broken(format!("the answer has scores for {n_scored} of {n_documents} documents"))
    })?;
    Ok(DocumentScores { scores, n_tokens: answer.usage.total_tokens })
}

/// The path of a blob. A text that would change the path is no digest anywhere.
fn blob_path(digest: &str) -> Result<String, ApiError> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-');
    match digest.chars().all(is_safe) {
        true => Ok(format!("/api/blobs/{digest}")),
        false => Err(ApiError::bad_request("invalid digest format")),
    }
}
