//! The families of tokenizers, and what each takes for granted where a file says nothing.

use camelid_gguf::Metadata;

use super::{SpecialTokens, VocabError};
use crate::{batch::TokenId, error::Result};

/// A value of `tokenizer.ggml.model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenizerKind {
    /// `llama`: SentencePiece's byte-pair encoding, merged by score.
    SentencePiece,
    /// `gpt2`: byte-pair encoding over bytes, merged by a list of rules.
    ByteLevel,
    /// `bert`: the longest piece of a word first.
    WordPiece,
    /// `t5`: the most probable way to cut the text.
    Unigram,
    /// `rwkv`: the longest token first.
    Rwkv,
}

const NAMES: [(&str, TokenizerKind); 5] = [
    ("llama", TokenizerKind::SentencePiece),
    ("gpt2", TokenizerKind::ByteLevel),
    ("bert", TokenizerKind::WordPiece),
    ("t5", TokenizerKind::Unigram),
    ("rwkv", TokenizerKind::Rwkv),
];

/// Whether texts get tokens or a space around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Additions {
    pub(crate) bos: bool,
    pub(crate) eos: bool,
    pub(crate) separator: bool,
    pub(crate) space_prefix: bool,
}

impl TokenizerKind {
    pub(super) fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        let key = "tokenizer.ggml.model";
        let name: &str = metadata.require(key)?;
        let row = NAMES.iter().find(|(known, _)| *known == name);
        let unsupported = || VocabError::Unsupported {
            key,
            found: name.to_owned(),
            supported: NAMES.iter().map(|(known, _)| *known).collect(),
        };
        Ok(row.map(|(_, kind)| *kind).ok_or_else(unsupported)?)
    }

    /// The ids that the first vocabulary of a kind had and that files of old do not repeat.
    pub(super) fn default_special(self, n_vocab: usize) -> SpecialTokens {
        let at = |id: TokenId| Some(id).filter(|&id| (id as usize) < n_vocab);
        let none = SpecialTokens::default();
        match self {
            Self::SentencePiece => SpecialTokens { bos: at(1), eos: at(2), unknown: at(0), ..none },
            Self::WordPiece => SpecialTokens {
                bos: at(101),
                unknown: at(100),
                separator: at(102),
                padding: at(0),
                mask: at(103),
                ..none
            },
            Self::Unigram => SpecialTokens { eos: at(1), unknown: at(2), padding: at(0), ..none },
            Self::ByteLevel | Self::Rwkv => none,
        }
    }

    /// What is added to a text where the file has no flag for it.
    ///
    /// `pre` is the name of the pre-tokenizer: models of the Llama 3 and Tekken families begin
    /// every text with BOS although their files need not say so.
    pub(super) fn default_additions(self, pre: Option<&str>) -> Additions {
        let none = Additions { bos: false, eos: false, separator: false, space_prefix: false };
        match self {
            Self::SentencePiece => Additions { bos: true, space_prefix: true, ..none },
            Self::ByteLevel => {
                let bos = pre.and_then(crate::tokenizer::begins_with_bos).unwrap_or(false);
                Additions { bos, ..none }
            }
            Self::WordPiece => Additions { bos: true, separator: true, ..none },
            Self::Unigram => Additions { eos: true, ..none },
            Self::Rwkv => none,
        }
    }
}
