//! A model in memory: its engine, and what its options were.

use std::{num::NonZeroUsize, sync::Arc};

use camelid_api_types::{ApiError, ollama::ModelSummary};
use camelid_engine::{Model, ModelOptions, RopeOptions};
use camelid_gguf::GgufFile;

use crate::{config::Config, error::from_engine, prompting::literal::ControlTexts};

/// Why a model's file could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Engine(#[from] camelid_engine::Error),
    #[error(transparent)]
    Gguf(#[from] camelid_gguf::Error),
    #[error("its {n} adapters cannot be applied: this engine has no LoRA yet")]
    Adapters { n: usize },
}

/// What a request needs of a model that cannot change while it is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Needs {
    /// Context of one request, in tokens.
    pub(crate) n_ctx: usize,
    /// Tokens in one forward pass; `None` takes what there is.
    pub(crate) n_batch: Option<NonZeroUsize>,
    /// Threads; `None` takes what there is.
    pub(crate) n_threads: Option<NonZeroUsize>,
    /// Rope frequencies in place of the file's.
    pub(crate) rope: RopeOptions,
}

/// A model that is ready to answer.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) engine: Model,
    pub(crate) control_texts: ControlTexts,
    /// What is said of the model that it was loaded as.
    pub(crate) summary: ModelSummary,
    options: ModelOptions,
}

impl Loaded {
    /// Makes a file ready, and the file of a model that guesses for it. Blocks while it reads.
    pub(crate) fn new(
        (file, draft): (GgufFile, Option<Arc<GgufFile>>),
        summary: ModelSummary,
        needs: Needs,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let mut options = ModelOptions::default();
        options.n_ctx = Some(needs.n_ctx);
        options.n_batch = needs.n_batch.unwrap_or(options.n_batch);
        options.n_parallel = config.n_parallel;
        options.n_waiting = config.n_waiting;
        options.n_threads = needs.n_threads.or(config.n_threads);
        options.kv_type = config.kv_type;
        options.rope = needs.rope;
        options.draft = draft;
        let engine = Model::from_gguf(file, &options)?;
        let control_texts = ControlTexts::new(engine.tokenizer().vocab());
        Ok(Self { engine, control_texts, summary, options })
    }

    /// Checks that a request's tokens are the model's, before the engine meets them in a batch with
    /// others'.
    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), ApiError> {
        let n_vocab = self.engine.tokenizer().vocab().len();
        match tokens.iter().find(|&&token| token as usize >= n_vocab) {
            None => Ok(()),
            Some(token) => {
                let message = format!("token {token} is not one of the model's {n_vocab}");
                Err(ApiError::bad_request(message))
            }
        }
    }

    /// How many tokens a prompt with marks has.
    pub(crate) fn count_tokens(&self, marked: &str) -> Result<usize, ApiError> {
        let tokens = self.control_texts.encode(self.engine.tokenizer(), marked);
        tokens.map(|tokens| tokens.len()).map_err(|error| from_engine(&error))
    }

    /// Whether a request with these needs can be answered without loading anew. A larger context
    /// than asked for is no hindrance: each request has its own bound.
    pub(crate) fn is_fit(&self, needs: Needs) -> bool {
        let n_threads = self.options.n_threads;
        self.engine.n_ctx() >= needs.n_ctx
            && needs.rope == self.options.rope
            && needs.n_batch.is_none_or(|n| n == self.options.n_batch)
            && needs.n_threads.is_none_or(|n| Some(n) == n_threads)
    }
}
