//! What handlers share, and the one way by which they reach the service.

use std::sync::Arc;

use camelid_api_types::ollama::{ChatRequest, ChatResponse, GenerateRequest, GenerateResponse};
use camelid_api_types::{ApiError, ResponseStream, Service};
use futures_util::StreamExt;

use crate::answer::unbroken;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) max_body_bytes: usize,
}

impl App {
    /// [`Service::generate`], watched over.
    pub(crate) async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        request.validate()?;
        Ok(unbroken(self.service.generate(request).await?).boxed())
    }

    /// [`Service::chat`], watched over.
    pub(crate) async fn chat(
        &self,
        request: ChatRequest,
    ) -> Result<ResponseStream<ChatResponse>, ApiError> {
        request.validate()?;
        Ok(unbroken(self.service.chat(request).await?).boxed())
    }
}
