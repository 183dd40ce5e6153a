//! Embedding texts.

use std::{sync::Arc, time::Instant};

use camelid_api_types::{
    ApiError,
    ollama::{
        EmbedInput, EmbedRequest, EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, KeepAlive,
    },
};
use camelid_engine::{EmbedOptions, Embedding, Error, Prompt};
use serde_json::{Map, Value};

use super::options;
use crate::{
    catalog::Entry,
    error::{from_engine, told},
    runtime::{Runtime, reference},
    scheduling::{Lease, Loaded, Needs},
};

/// What a request for embeddings says besides its texts.
pub(super) struct Manner<'a> {
    pub(super) options: Option<&'a Map<String, Value>>,
    pub(super) keep_alive: Option<KeepAlive>,
}

impl Runtime {
    pub(crate) async fn answer_embed(
        &self,
        request: EmbedRequest,
    ) -> Result<EmbedResponse, ApiError> {
        let started = Instant::now();
        if request.model.trim().is_empty() {
            return Err(ApiError::not_found("model '' not found"));
        }
        reference(&request.model)?;
        let inputs: Vec<Prompt> = match request.input {
            EmbedInput::Invalid => return Err(ApiError::bad_request(EmbedInput::INVALID)),
            EmbedInput::Nothing => Vec::new(),
            EmbedInput::Texts(texts) => texts.into_iter().map(Prompt::Text).collect(),
            EmbedInput::Tokens(lists) => lists.into_iter().map(Prompt::Tokens).collect(),
        };
        let entry = self.find_to_embed(&request.model)?;
        let manner = Manner { options: request.options.as_ref(), keep_alive: request.keep_alive };
        let (model, needs) = self.ready_to_embed(&entry, manner).await?;
        let load_duration = started.elapsed();
        let mut answer = EmbedResponse { model: request.model, ..EmbedResponse::default() };
        if inputs.is_empty() {
            return Ok(answer);
        }
        for input in &inputs {
            if let Prompt::Tokens(tokens) = input {
                model.check_tokens(tokens)?;
            }
        }
        let mut how = EmbedOptions::default();
        how.n_ctx = Some(needs.n_ctx);
        how.truncate = request.truncate.unwrap_or(true);
        let n_embd = model.engine.spec().n_embd_out();
        let fewer = usize::try_from(request.dimensions).ok().filter(|&n| n > 0 && n < n_embd);
        how.dimensions = fewer;
        for embedding in embed(&model, inputs, how).await.map_err(|error| refused(&error))? {
            if embedding.vector.iter().any(|x| !x.is_finite()) {
                return Err(ApiError::bad_request("embedding contains NaN or Inf values"));
            }
            answer.prompt_eval_count += embedding.n_tokens as u64;
            answer.embeddings.push(embedding.vector);
        }
        Ok(EmbedResponse { total_duration: started.elapsed(), load_duration, ..answer })
    }

    pub(crate) async fn answer_embeddings(
        &self,
        request: EmbeddingsRequest,
    ) -> Result<EmbeddingsResponse, ApiError> {
        if request.model.trim().is_empty() {
            return Err(ApiError::bad_request("model is required"));
        }
        let entry = self.find_to_embed(&request.model)?;
        let manner = Manner { options: request.options.as_ref(), keep_alive: request.keep_alive };
        let (model, needs) = self.ready_to_embed(&entry, manner).await?;
        if request.prompt.is_empty() {
            return Ok(EmbeddingsResponse::default());
        }
        let mut how = EmbedOptions::default();
        how.n_ctx = Some(needs.n_ctx);
        how.truncate = false;
        how.normalize = false;
        let failed = |error: Error| ApiError::internal(refused(&error).message);
        let embeddings =
            embed(&model, vec![Prompt::Text(request.prompt)], how).await.map_err(failed)?;
        let vector = embeddings.into_iter().next().map(|embedding| embedding.vector);
        // The shortest decimal numbers that are these: clients read 64 bits.
        let wide = |x: f32| x.to_string().parse().unwrap_or(f64::from(x));
        Ok(EmbeddingsResponse {
            embedding: vector.unwrap_or_default().into_iter().map(wide).collect(),
        })
    }

    pub(super) fn find_to_embed(&self, name: &str) -> Result<Arc<Entry>, ApiError> {
        self.find_or(name, || format!("model {name:?} not found, try pulling it first"))
    }

    pub(super) async fn ready_to_embed(
        &self,
        entry: &Arc<Entry>,
        manner: Manner<'_>,
    ) -> Result<(Lease<Loaded>, Needs), ApiError> {
        let options = options::merge(manner.options, &entry.parts.parameters)?;
        self.acquire(entry, &options, manner.keep_alive).await
    }
}

/// Off tokio's threads, as long as texts are made into tokens; dropping the future cancels.
pub(super) async fn embed(
    model: &Lease<Loaded>,
    inputs: Vec<Prompt>,
    how: EmbedOptions,
) -> Result<Vec<Embedding>, Error> {
    let shared = model.share();
    let start = tokio::task::spawn_blocking(move || shared.engine.start_embedding(inputs, how));
    match start.await {
        Ok(pending) => pending?.await,
        // A panic in the engine's own code; its thread is another.
        Err(_) => Err(Error::Stopped),
    }
}

pub(super) fn refused(error: &Error) -> ApiError {
    match error {
        Error::InputTooLong { .. } => {
            ApiError::bad_request("the input length exceeds the context length")
        }
        Error::QueueFull { .. } => from_engine(error),
        error => ApiError::bad_request(told(error)),
    }
}
