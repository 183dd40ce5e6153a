//! Why a model could not be loaded or run.

use crate::batch::SeqId;

/// Everything that can go wrong between a GGUF file and its text.
///
/// The variants are the decisions a caller can take: pick another file, another request, or give
/// the request more room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a GGUF file that can be read.
    #[error(transparent)]
    Gguf(#[from] camelid_gguf::Error),
    /// A number of the model's is outside what the arithmetic takes.
    #[error(transparent)]
    Kernels(#[from] camelid_kernels::Error),
    /// The model's architecture is not one this engine runs.
    #[error("architecture `{found}` is not supported; supported: {}", supported.join(", "))]
    UnsupportedArchitecture {
        /// The value of `general.architecture`.
        found: String,
        /// The names this engine runs.
        supported: Vec<&'static str>,
    },
    /// The file asks for something that would change the arithmetic and is not implemented.
    #[error("{what} is not supported: found {found}; supported: {supported}")]
    Unsupported {
        /// The metadata key or tensor that asks for it.
        what: String,
        /// What it asks for.
        found: String,
        /// What would be accepted.
        supported: String,
    },
    /// A metadata value is present but outside what a model can have.
    #[error("metadata key `{key}`: found {found}, allowed {allowed}")]
    Metadata {
        /// The metadata key.
        key: String,
        /// Its value.
        found: String,
        /// The range or form that is allowed.
        allowed: String,
    },
    /// Tensors are missing or have another shape or type than the metadata says; all are named.
    #[error("weights do not fit the metadata: {}", problems.join("; "))]
    Weights {
        /// One line for each tensor.
        problems: Vec<String>,
    },
    /// The vocabulary contradicts itself.
    #[error(transparent)]
    Vocab(#[from] crate::vocab::VocabError),
    /// The draft model does not fit the model.
    #[error(transparent)]
    Draft(#[from] crate::draft::DraftError),
    /// The prompt leaves no room for an answer and the request forbids shortening it.
    #[error("the prompt has {n_prompt} tokens, at most {limit} fit in the context of {n_ctx}")]
    PromptTooLong {
        /// Tokens in the prompt.
        n_prompt: usize,
        /// The largest prompt that would have been taken.
        limit: usize,
        /// The request's context length.
        n_ctx: usize,
    },
    /// The model makes vectors of texts and does not continue them.
    #[error("a model of architecture `{architecture}` does not generate text, it embeds it")]
    NotGenerating {
        /// As in `general.architecture`.
        architecture: &'static str,
    },
    /// The model has no head that ranks texts.
    #[error("a model of architecture `{architecture}` without a classifier does not rank texts")]
    NotRanking {
        /// As in `general.architecture`.
        architecture: &'static str,
    },
    /// A sequence of a model whose tokens see those behind them was to be continued.
    #[error("sequence {seq} cannot be continued: the model takes texts as a whole")]
    NotWhole {
        /// The sequence.
        seq: SeqId,
    },
    /// An input to be embedded does not fit and is not to be cut.
    #[error("input {index} has {n_tokens} tokens, at most {n_ctx} fit in the context")]
    InputTooLong {
        /// Which of the request's inputs, from 0.
        index: usize,
        /// Its tokens.
        n_tokens: usize,
        /// The longest input that would have been taken.
        n_ctx: usize,
    },
    /// The grammar that the answer must follow is wrong or cannot be followed.
    #[error(transparent)]
    Grammar(#[from] crate::grammar::GrammarError),
    /// What is cached of a text could not be saved or loaded.
    #[error(transparent)]
    SavedPrefix(#[from] crate::saved_prefix::SavedPrefixError),
    /// A request for no tokens at all: there is nothing to predict from.
    #[error("the prompt has no tokens")]
    EmptyPrompt,
    /// An option of the request or of the model is out of range.
    #[error("option `{name}`: found {found}, allowed {allowed}")]
    Option {
        /// The option's field name.
        name: &'static str,
        /// Its value.
        found: String,
        /// The range that is allowed.
        allowed: String,
    },
    /// A token id that the vocabulary does not have.
    #[error("token id {id} is outside the vocabulary of {n_vocab}")]
    TokenOutOfRange {
        /// The id.
        id: u32,
        /// Number of tokens.
        n_vocab: usize,
    },
    /// A batch continues a sequence at another position than where it ends.
    #[error("sequence {seq} ends at position {len}, the batch continues at {pos}")]
    Position {
        /// The sequence.
        seq: SeqId,
        /// Tokens already in its cache.
        len: u32,
        /// The position the batch names.
        pos: u32,
    },
    /// The KV cache has no page left, or the cache of states no place.
    #[error("the cache is full: {needed} pages or states needed, {free} of {total} free")]
    CacheFull {
        /// Pages the batch needs, or states.
        needed: usize,
        /// Those that are free.
        free: usize,
        /// Those there are.
        total: usize,
    },
    /// Cached tokens cannot be moved to other positions; they must be run again there.
    #[error("cached tokens cannot be moved: {found}; run them again at their new positions")]
    CannotShift {
        /// What stands in the way.
        found: &'static str,
    },
    /// There is not enough memory for one block's keys and values, or states.
    #[error("the cache needs {n_bytes} bytes for each block, which are not to be had")]
    OutOfMemory {
        /// Bytes asked for.
        n_bytes: usize,
    },
    /// A forward pass produced logits that are not numbers, so no token can be chosen.
    #[error("the model produced logits that are not finite at position {pos}")]
    NotFinite {
        /// Position of the token whose successor was wanted.
        pos: u32,
    },
    /// Too many requests wait already.
    #[error("{n_waiting} requests are waiting already")]
    QueueFull {
        /// How many may wait.
        n_waiting: usize,
    },
    /// The forward pass that this request shared with others failed.
    #[error("the batch failed")]
    Batch(#[source] std::sync::Arc<Error>),
    /// The model's thread is gone, because an earlier request made it panic.
    #[error("the engine thread has stopped")]
    Stopped,
    /// The operating system refused a thread.
    #[error("cannot start the engine thread")]
    Thread(#[source] std::io::Error),
}

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
