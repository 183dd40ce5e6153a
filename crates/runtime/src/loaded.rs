//! A model in memory: its engine, and how its prompts are made.

use camelid_api_types::{ApiError, ollama::Message};
use camelid_engine::{Error, Model, ModelOptions, Special};
use camelid_gguf::GgufFile;
use camelid_template::{ContextLimit, fit_messages};

use crate::{
    config::Config,
    prompting::{Conversation, Prompting, TemplateError},
};

/// Why a model's file could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// A model that is ready to answer.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) engine: Model,
    pub(crate) prompting: Prompting,
}

/// A prompt, and what it had to do without.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) n_messages_dropped: usize,
}

impl Loaded {
    /// Makes a file ready, with the Modelfile's template if it has one. Blocks while it reads.
    pub(crate) fn new(
        file: GgufFile,
        template: Option<&str>,
        n_ctx: usize,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let mut options = ModelOptions::default();
        options.n_ctx = Some(n_ctx);
        options.n_parallel = config.n_parallel;
        options.n_waiting = config.n_waiting;
        options.n_threads = config.n_threads;
        let engine = Model::from_gguf(file, &options)?;
        let prompting = Prompting::new(template, engine.gguf().metadata())?;
        Ok(Self { engine, prompting })
    }

    /// The prompt for a conversation, without the oldest messages that do not fit into `n_ctx`
    /// tokens; `None` keeps all.
    ///
    /// System messages stay, and so does what the user said last. How many went is said in the log
    /// and in the answer's figures.
    pub(crate) fn prompt(
        &self,
        prompting: &Prompting,
        conversation: Conversation<'_>,
        n_ctx: Option<usize>,
    ) -> Result<Rendered, ApiError> {
        let Some(n_ctx) = n_ctx else {
            let text = prompting.render(conversation)?;
            return Ok(Rendered { text, n_messages_dropped: 0 });
        };
        let limit = ContextLimit { n_ctx, tokens_per_image: 0 };
        // The last candidate that is counted is the one that is taken.
        let mut prompt = String::new();
        let kept = fit_messages(conversation.messages, limit, |kept| {
            let messages: Vec<Message> = kept.iter().map(|&message| message.clone()).collect();
            prompt = prompting.render(Conversation { messages: &messages, ..conversation })?;
            self.count_tokens(&prompt)
        })?;
        let n_messages_dropped = conversation.messages.len() - kept.len();
        if n_messages_dropped > 0 {
            tracing::warn!(n_messages_dropped, n_ctx, "messages do not fit the context");
        }
        Ok(Rendered { text: prompt, n_messages_dropped })
    }

    /// How many tokens a prompt has.
    pub(crate) fn count_tokens(&self, text: &str) -> Result<usize, ApiError> {
        let tokens = self.engine.tokenizer().encode(text, Special::Recognise);
        tokens.map(|tokens| tokens.len()).map_err(|error| crate::error::from_engine(&error))
    }
}
