//! A service whose answers cost nothing.

use async_trait::async_trait;
use camelid_api_types::{
    ApiError, ResponseStream, Service, Timestamp,
    ollama::{
        ChatRequest, ChatResponse, DoneReason, GenerateRequest, GenerateResponse, ListResponse,
        Message, VersionResponse,
    },
};
use futures_util::{StreamExt, stream};

/// Gives parts of one word, each after the reader has been woken anew, as an engine's thread would.
pub(crate) struct Fast {
    /// Parts of an answer.
    pub(crate) n_parts: usize,
}

#[async_trait]
impl Service for Fast {
    async fn generate(
        &self,
        _: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        Err(ApiError::internal("only chats are measured"))
    }

    async fn chat(&self, request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError> {
        let n_parts = self.n_parts;
        let (sender, receiver) = async_channel::bounded(1);
        tokio::spawn(async move {
            for i in 1..=n_parts {
                let (text, done) = if i < n_parts { (" word", false) } else { ("", true) };
                let part = ChatResponse {
                    model: request.model.clone(),
                    created_at: Timestamp::now(),
                    message: Message::assistant(text),
                    done,
                    done_reason: done.then_some(DoneReason::Stop),
                    ..ChatResponse::default()
                };
                if sender.send(part).await.is_err() {
                    // The client has left.
                    return;
                }
                // One part at a time: nothing is gained by what lies ready.
                tokio::task::yield_now().await;
            }
        });
        let receiver = Box::pin(receiver);
        Ok(stream::unfold(receiver, async |receiver| {
            receiver.recv().await.ok().map(|part| (Ok(part), receiver))
        })
        .boxed())
    }

    async fn list(&self) -> Result<ListResponse, ApiError> {
        Ok(ListResponse::default())
    }

    async fn version(&self) -> Result<VersionResponse, ApiError> {
        Ok(VersionResponse { version: "0".to_owned() })
    }
}
