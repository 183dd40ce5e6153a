//! A model in memory: its engine, and how its prompts are made.

use camelid_api_types::{
    ApiError,
    ollama::{Message, Think, Tool},
};
use camelid_engine::{Error, Model, ModelOptions, Special};
use camelid_gguf::GgufFile;
use camelid_template::{ChatInputs, ChatTemplate, JinjaError};

use crate::config::Config;

/// The metadata key of a model's own chat template.
const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// Makes a prompt of messages where a model has no template: the texts, a line each.
const PLAIN_TEMPLATE: &str = "{% for m in messages %}{{ m.content }}\n{% endfor %}";

/// Why a model's file could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error("the model's chat template cannot be read")]
    Template(#[from] JinjaError),
}

/// A model that is ready to answer.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) engine: Model,
    template: ChatTemplate,
    bos_token: String,
    eos_token: String,
}

/// What a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversation<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Tool],
    pub(crate) think: Option<Think>,
}

impl Loaded {
    /// Makes a file ready. Blocks while it reads.
    pub(crate) fn new(file: GgufFile, n_ctx: usize, config: &Config) -> Result<Self, LoadError> {
        let mut options = ModelOptions::default();
        options.n_ctx = Some(n_ctx);
        options.n_parallel = config.n_parallel;
        options.n_waiting = config.n_waiting;
        options.n_threads = config.n_threads;
        let engine = Model::from_gguf(file, &options)?;
        let source = engine.gguf().metadata().get_as(CHAT_TEMPLATE).map_err(Error::from)?;
        let template = ChatTemplate::new(source.unwrap_or(PLAIN_TEMPLATE))?;
        let vocab = engine.tokenizer().vocab();
        let text = |id: Option<u32>| id.and_then(|id| vocab.text(id)).unwrap_or("").to_owned();
        let (bos_token, eos_token) = (text(vocab.special().bos), text(vocab.special().eos));
        Ok(Self { template, bos_token, eos_token, engine })
    }

    /// The prompt for a conversation, without the oldest messages that do not fit into `n_ctx`
    /// tokens; `None` keeps all.
    ///
    /// System messages stay, and the last message does.
    pub(crate) fn prompt(
        &self,
        conversation: Conversation<'_>,
        n_ctx: Option<usize>,
    ) -> Result<String, ApiError> {
        let messages = conversation.messages;
        let last = messages.len().saturating_sub(1);
        let Some(n_ctx) = n_ctx else { return self.render(conversation) };
        for first in 0..=last {
            let is_kept = |&(i, m): &(usize, &Message)| i >= first || m.role == "system";
            let kept: Vec<Message> =
                messages.iter().enumerate().filter(is_kept).map(|(_, m)| m.clone()).collect();
            let prompt = self.render(Conversation { messages: &kept, ..conversation })?;
            let n_tokens = self.count_tokens(&prompt)?;
            if n_tokens <= n_ctx || first == last {
                if first > 0 {
                    tracing::warn!(n_dropped = first, n_ctx, "messages do not fit the context");
                }
                return Ok(prompt);
            }
        }
        unreachable!("the last message is always taken")
    }

    fn render(&self, conversation: Conversation<'_>) -> Result<String, ApiError> {
        let inputs = ChatInputs {
            messages: conversation.messages,
            tools: conversation.tools,
            add_generation_prompt: true,
            bos_token: &self.bos_token,
            eos_token: &self.eos_token,
            think: conversation.think,
            extra: None,
        };
        let now = jiff::Zoned::now().datetime();
        self.template.render(&inputs, now).map_err(|error| ApiError::internal(error.to_string()))
    }

    fn count_tokens(&self, text: &str) -> Result<usize, ApiError> {
        let tokens = self.engine.tokenizer().encode(text, Special::Recognise);
        tokens.map(|tokens| tokens.len()).map_err(|error| crate::error::from_engine(&error))
    }
}
