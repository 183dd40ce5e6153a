//! A second model that guesses for the first: how it is loaded, and what it must share.

use std::sync::Arc;

use camelid_gguf::GgufFile;
use camelid_kernels::{KvType, ThreadTeam};

use crate::{
    batch::TokenId,
    cpu::CpuDevice,
    decoder::{CacheOptions, Decoder},
    error::{Error, Result},
    runner::Runner,
    scheduler::Limits,
    spec::ModelSpec,
    tokenizer::Tokenizer,
    vocab::Vocab,
};

/// Why a model cannot guess for another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The vocabularies are not of one size.
    #[error("the draft model's vocabulary has {found} tokens, the model's has {expected}")]
    VocabSize {
        /// Tokens of the draft model.
        found: usize,
        /// Tokens of the model.
        expected: usize,
    },
    /// The vocabularies have another text, or another use for it, under the same id.
    #[error(
        "token {id} is {found} in the draft model's vocabulary and {expected} in the model's; all \
         tokens must be the same"
    )]
    Token {
        /// The first that differs.
        id: TokenId,
        /// What it is to the draft model.
        found: String,
        /// What it is to the model.
        expected: String,
    },
    /// One of the two folds tokens into a state or forgets those that left a window, so that a
    /// wrong guess could not be taken back.
    #[error("{which} cannot take back tokens that it has read, as a wrong guess asks for")]
    CannotGoBack {
        /// Which of the two.
        which: &'static str,
    },
    /// The draft model's file is not a model this engine runs.
    #[error("the draft model cannot be loaded")]
    Load(#[source] Box<Error>),
    /// The draft model makes vectors and no tokens.
    #[error("the draft model (architecture `{architecture}`) does not generate text")]
    NotGenerating {
        /// Its architecture.
        architecture: &'static str,
    },
}

/// What went wrong with a draft model, said to be its own.
pub(crate) fn of_draft(error: Error) -> Error {
    match error {
        Error::Draft(_) => error,
        error => DraftError::Load(Box::new(error)).into(),
    }
}

/// Makes a file ready to guess for a model: its decoder, and how much of a text it can read.
///
/// # Errors
/// [`Error::Draft`] where it does not fit the model, and as [`Model::from_gguf`](crate::Model::from_gguf).
pub(crate) fn load(
    file: &Arc<GgufFile>,
    (tokenizer, model): (&Tokenizer, &Decoder<CpuDevice>),
    team: &Arc<ThreadTeam>,
    (limits, ty): (Limits, KvType),
) -> Result<(Decoder<CpuDevice>, usize)> {
    check_vocab(&Vocab::from_metadata(file.metadata())?, tokenizer.vocab())?;
    let spec = ModelSpec::from_metadata(file.metadata())?;
    if !spec.generates() {
        return Err(DraftError::NotGenerating { architecture: spec.architecture }.into());
    }
    let n_ctx = limits.n_ctx.min(spec.n_ctx_train);
    let cache = CacheOptions::of_sequences((limits.n_seq, n_ctx), limits.n_batch, ty)?;
    let decoder = Decoder::with_spec(spec, file, CpuDevice::with_team(team), (cache, n_ctx))?;
    check_runners(&decoder, model)?;
    Ok((decoder, n_ctx))
}

/// Checks that both models mean the same by every token.
fn check_vocab(draft: &Vocab, model: &Vocab) -> Result<(), DraftError> {
    if draft.len() != model.len() {
        return Err(DraftError::VocabSize { found: draft.len(), expected: model.len() });
    }
    match draft.iter().zip(model.iter()).find(|(draft, model)| draft != model) {
        None => Ok(()),
        Some(((id, found, found_kind), (_, expected, expected_kind))) => Err(DraftError::Token {
            id,
            found: format!("`{found}` ({found_kind:?})"),
            expected: format!("`{expected}` ({expected_kind:?})"),
        }),
    }
}

/// Checks that wrong guesses can be taken back.
fn check_runners(draft: &impl Runner, model: &impl Runner) -> Result<(), DraftError> {
    let runners =
        [("the draft model", draft.needs_checkpoints()), ("the model", model.needs_checkpoints())];
    match runners.into_iter().find(|(_, forgets)| *forgets) {
        None => Ok(()),
        Some((which, _)) => Err(DraftError::CannotGoBack { which }),
    }
}
