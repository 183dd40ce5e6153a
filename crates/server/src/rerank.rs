//! `POST /v1/rerank` and `POST /api/rerank`: documents by how well they answer a query.
//!
//! The scores are the service's: of a model that ranks its own, else the cosine of embeddings.

use axum::extract::State;
use axum::response::Response;
use camelid_api_types::ApiError;
use camelid_api_types::rerank::{
    RerankRequest, RerankResponse, RerankResult, RerankText, RerankUsage,
};

use crate::app::App;
use crate::failure::{Failure, json_response};
use crate::payload::Payload;

/// The handler.
pub(crate) async fn rerank(
    State(app): State<App>,
    Payload(request): Payload<RerankRequest>,
) -> Result<Response, Failure> {
    let top_n = top_n(&request)?;
    let scored = app.unless_cut(app.service.score_documents(&request)).await?;
    json_response(&RerankResponse {
        results: results(scored.scores, &request, top_n),
        usage: RerankUsage { total_tokens: scored.n_tokens },
        model: request.model,
    })
}

fn top_n(request: &RerankRequest) -> Result<usize, ApiError> {
    if request.query.is_empty() {
        return Err(ApiError::bad_request("query is required"));
    }
    if request.documents.is_empty() {
        return Err(ApiError::bad_request("documents is required"));
    }
    match request.top_n {
        None => Ok(usize::MAX),
        Some(n) => usize::try_from(n)
            .ok()
            .filter(|&n| n > 0)
            .ok_or_else(|| ApiError::bad_request(format!("top_n is {n}, and must be at least 1"))),
    }
}

/// The best first; of equals the one that stood first.
fn results(scores: Vec<f32>, request: &RerankRequest, top_n: usize) -> Vec<RerankResult> {
    let mut ranked: Vec<(usize, f32)> = scores.into_iter().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    ranked.truncate(top_n);
    let shows_documents = request.return_documents.unwrap_or(false);
    let result = |(index, relevance_score): (usize, f32)| RerankResult {
        index,
        relevance_score,
        document: shows_documents
            .then(|| RerankText { text: request.documents[index].text().to_owned() }),
    };
    ranked.into_iter().map(result).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(change: Value) -> RerankRequest {
        let mut request = json!({"query": "q", "documents": ["a", {"text": "b"}, "c"]});
        request
            .as_object_mut()
            .expect("an object")
            .extend(change.as_object().cloned().unwrap_or_default());
        serde_json::from_value(request).expect("a request")
    }

    #[test]
    fn the_best_come_first_and_equals_keep_their_order() {
        let request = request(json!({"return_documents": true}));
        let got = results(vec![0.25, 0.5, 0.25], &request, usize::MAX);
        let want = json!([
            {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "a"}},
            {"index": 2, "relevance_score": 0.25, "document": {"text": "c"}},
        ]);
        assert_eq!(serde_json::to_value(got).expect("plain data"), want);
        let best = results(vec![0.25, 0.5, 0.25], &request, 1);
        assert_eq!(best.len(), 1);
    }

    #[test]
    fn requests_that_cannot_be_are_refused() {
        for (change, want) in [
            (json!({"query": ""}), "query is required"),
            (json!({"documents": []}), "documents is required"),
            (json!({"top_n": 0}), "top_n is 0, and must be at least 1"),
        ] {
            assert_eq!(top_n(&request(change)).expect_err(want).message, want);
        }
    }
}
