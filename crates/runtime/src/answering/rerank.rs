//! How well documents answer a query.

use camelid_api_types::{
    ApiError,
    rerank::{DocumentScores, RerankDocument, RerankRequest, by_cosine},
};
use camelid_engine::EmbedOptions;

use super::embed::{Manner, embed, refused};
use crate::runtime::Runtime;

impl Runtime {
    /// By the model's own head where it has one, else by the cosine of embeddings.
    pub(crate) async fn answer_scores(
        &self,
        request: &RerankRequest,
    ) -> Result<DocumentScores, ApiError> {
        if request.model.trim().is_empty() {
            return Err(ApiError::not_found("model '' not found"));
        }
        let entry = self.find_to_embed(&request.model)?;
        let manner = Manner { options: None, keep_alive: None };
        let (model, needs) = self.ready_to_embed(&entry, manner).await?;
        if !model.engine.ranks() {
            drop(model);
            return by_cosine(self, request).await;
        }
        let documents = request.documents.iter().map(RerankDocument::text);
        let inputs = model.engine.ranking_inputs(&request.query, documents);
        let inputs = inputs.map_err(|error| refused(&error))?;
        let mut how = EmbedOptions::default();
        how.n_ctx = Some(needs.n_ctx);
        how.normalize = false;
        let mut scores = DocumentScores::default();
        for embedding in embed(&model, inputs, how).await.map_err(|error| refused(&error))? {
            let score = embedding.vector.first().copied().filter(|score| score.is_finite());
            let score =
                score.ok_or_else(|| ApiError::internal("a document's score is no number"))?;
            scores.scores.push(score);
            scores.n_tokens += embedding.n_tokens as u64;
        }
        Ok(scores)
    }
}
