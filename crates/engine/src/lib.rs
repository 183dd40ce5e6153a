//! Runs language models from GGUF files.
//!
//! ```no_run
//! use camelid_engine::{GenerateOptions, Model};
//!
//! let model = Model::open("model.gguf")?;
//! for piece in model.generate("Once upon a time", GenerateOptions::default())? {
//!     print!("{}", piece?.text);
//! }
//! # Ok::<(), camelid_engine::Error>(())
//! ```
//!
//! From top to bottom:
//!
//! - [`Model`] is a loaded model; [`Generation`] an answer being made. One thread per model forms
//!   batches from all requests.
//! - A [`Session`] is a conversation that keeps what has been read. [`Model::save_prefix`] keeps it
//!   beyond the process.
//! - Speculation: what a text repeats, and a small [draft model](ModelOptions::draft) where one is
//!   given, guess tokens that the model then checks in one pass; the text stays the same.
//! - [`Tokenizer`], [`Sampler`], [`StopMatcher`] and [`TextStream`] stand between text and tokens.
//! - [`Runner`] is the interface to a model at work: a [`Batch`] in, [`Logits`] out, and the keys
//!   and values of sequences kept between batches.
//! - [`Decoder`] implements it for any [`ModelSpec`] on any [`device::Device`]. A model is data:
//!   an architecture is a row of a table and a way to read the metadata.
//!
//! There is no async runtime and no network here. A [`Generation`] is an iterator and a `Stream`,
//! so it fits into both worlds.
#![forbid(unsafe_code)]

mod arch;
mod batch;
mod cpu;
mod decoder;
pub mod device;
mod draft;
mod embedding;
mod error;
mod generation;
mod grammar;
mod logprobs;
mod model;
mod page_table;
mod prefix_cache;
mod ref_pool;
mod reranking;
mod runner;
mod sampler;
mod saved_prefix;
mod scheduler;
mod session;
mod spec;
mod state_table;
mod stop;
mod text_stream;
mod tokenizer;
mod vocab;
mod weights;

pub use arch::supported as supported_architectures;
pub use batch::{Batch, BatchToken, SeqId, TokenId};
pub use camelid_gguf as gguf;
pub use camelid_kernels as kernels;
pub use cpu::CpuDevice;
pub use decoder::{CacheOptions, Decoder};
pub use draft::DraftError;
pub use embedding::{EmbedOptions, Embedding, PendingEmbeddings};
pub use error::{Error, Result};
pub use generation::{
    End, EndReason, GenerateOptions, Generation, LongPrompt, Piece, Priority, Stats,
};
pub use grammar::{GbnfError, Grammar, GrammarError, Place};
pub use logprobs::{Logprob, TokenLogprob};
pub use model::{Model, ModelOptions, Prompt};
pub use reranking::Ranking;
pub use runner::{Logits, Rows, Runner};
pub use sampler::{DryOptions, MirostatOptions, MirostatVersion, Sampler, SamplerOptions};
pub use saved_prefix::SavedPrefixError;
pub use session::{Answer, Session};
pub use spec::{
    Activation, AttentionSpec, BlockSpec, ChannelMixer, DeltaNetSpec, EmbeddingSpec, ExpertsSpec,
    GroupLimit, HeadActivation, HeadLayerSpec, HeadSpec, HiddenLayer, LatentAttentionSpec, MlpSpec,
    ModelSpec, NormKind, NormSpec, OutputSpec, Pooling, PositionScale, Presence, QkNormSpan,
    QkNormSpec, RopeFactors, RopeOptions, RopeSpec, Routing, SharedExpertSpec, ShortConvSpec,
    SsmSpec, TokenMixer, WindowShape, Wiring,
};
pub use stop::{Matched, StopMatcher};
pub use text_stream::TextStream;
pub use tokenizer::{Special, Tokenizer};
pub use vocab::{SpecialTokens, TokenKind, TokenizerKind, Vocab, VocabError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
