//! The vocabulary of a model, read from GGUF metadata and checked before anything uses it.
//!
//! Keys are `tokenizer.ggml.*`: `tokens` (the text of each id), `token_type`, `scores`, `merges`
//! and the ids of special tokens. A vocabulary comes from a file that somebody else made, so every
//! length and id is compared with the number of tokens here, once.
//!
//! Source of the key names and type numbers: the GGUF specification.

use camelid_gguf::{Array, Metadata};

use crate::{batch::TokenId, error::Result};

/// Longest text of one token, in bytes.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// What a vocabulary contradicts itself in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabError {
    /// There are no tokens.
    #[error("`tokenizer.ggml.tokens` is empty")]
    Empty,
    /// A list that goes with the tokens has another length.
    #[error("`{key}` has {found} entries for {n_vocab} tokens")]
    Length {
        /// The metadata key.
        key: &'static str,
        /// Its length.
        found: usize,
        /// Number of tokens.
        n_vocab: usize,
    },
    /// A special token's id is outside the vocabulary.
    #[error("`{key}` is {id}, the vocabulary has {n_vocab} tokens")]
    SpecialId {
        /// The metadata key.
        key: &'static str,
        /// The id.
        id: u64,
        /// Number of tokens.
        n_vocab: usize,
    },
    /// One token's text is absurdly long.
    #[error("token {id} has {found} bytes, at most {MAX_TOKEN_BYTES} are allowed")]
    LongToken {
        /// The token.
        id: TokenId,
        /// Length of its text in bytes.
        found: usize,
    },
    /// A token's text is not in the vocabulary's alphabet of bytes.
    #[error("token {id} has the character {found:?}, which stands for no byte")]
    NotByteLevel {
        /// The token.
        id: TokenId,
        /// The first character outside the alphabet.
        found: char,
    },
    /// A token type that the format does not define.
    #[error("token {id} has type {found}, allowed are 1 to 6")]
    TokenType {
        /// The token.
        id: TokenId,
        /// The number found.
        found: i32,
    },
    /// The texts of all tokens together are larger than 4 GiB.
    #[error("the texts of all tokens together are larger than 4 GiB")]
    TooLarge,
    /// A merge rule is not two tokens whose joined text is a token.
    #[error("merge {index} is {text:?}, expected two tokens whose joined text is a token")]
    Merge {
        /// Position in `tokenizer.ggml.merges`.
        index: usize,
        /// The rule.
        text: String,
    },
    /// The tokenizer's kind is not implemented.
    #[error("`{key}` is `{found}`, supported: {}", supported.join(", "))]
    Unsupported {
        /// The metadata key.
        key: &'static str,
        /// Its value.
        found: String,
        /// The values that are implemented.
        supported: Vec<&'static str>,
    },
    /// The tokenizer library refused what was built for it.
    #[error("the tokenizer cannot be built: {0}")]
    Build(#[source] tokenizers::Error),
}

/// What a token is for. Numbers as in `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Part of ordinary text.
    Normal,
    /// Stands for text that cannot be encoded.
    Unknown,
    /// Steers the model: never shown, recognised in text only when the caller asks.
    Control,
    /// Added to the vocabulary by hand: shown, and always recognised in text.
    UserDefined,
    /// Reserved.
    Unused,
    /// One byte of a character that has no token.
    Byte,
}

impl TokenKind {
    fn from_number(id: TokenId, number: i32) -> Result<Self, VocabError> {
        Ok(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            found => return Err(VocabError::TokenType { id, found }),
        })
    }
}

/// Ids of tokens with a role of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<TokenId>,
    /// Ends a text.
    pub eos: Option<TokenId>,
    /// Ends a turn.
    pub eot: Option<TokenId>,
    /// Ends a message.
    pub eom: Option<TokenId>,
    /// Fill-in-the-middle: before the prefix.
    pub fim_prefix: Option<TokenId>,
    /// Fill-in-the-middle: before the suffix.
    pub fim_suffix: Option<TokenId>,
    /// Fill-in-the-middle: before the middle.
    pub fim_middle: Option<TokenId>,
}

/// The texts and kinds of all tokens.
#[derive(Debug, Clone)]
pub struct Vocab {
    texts: Vec<String>,
    kinds: Vec<TokenKind>,
    special: SpecialTokens,
    is_eog: Vec<bool>,
    add_bos: bool,
    add_eos: bool,
}

/// Texts of control tokens that end a generation, whatever the metadata says.
const END_TEXTS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
];

impl Vocab {
    /// Reads and checks the vocabulary.
    ///
    /// # Errors
    /// [`Error::Gguf`](crate::Error::Gguf) for keys that are missing or of another type,
    /// [`VocabError`] for contents that contradict each other.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        let tokens: Array<'_> = metadata.require("tokenizer.ggml.tokens")?;
        let texts = read_texts(tokens)?;
        let kinds = read_kinds(metadata, texts.len())?;
        check_scores(metadata, texts.len())?;
        let special = read_special(metadata, texts.len())?;
        let is_eog = find_eog(&texts, &kinds, special);
        Ok(Self {
            texts,
            kinds,
            special,
            is_eog,
            add_bos: metadata.get_as("tokenizer.ggml.add_bos_token")?.unwrap_or(false),
            add_eos: metadata.get_as("tokenizer.ggml.add_eos_token")?.unwrap_or(false),
        })
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never true: an empty vocabulary is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of a token as the file has it, or `None` outside the vocabulary.
    #[must_use]
    pub fn text(&self, id: TokenId) -> Option<&str> {
        self.texts.get(id as usize).map(String::as_str)
    }

    /// The kind of a token, or `None` outside the vocabulary.
    #[must_use]
    pub fn kind(&self, id: TokenId) -> Option<TokenKind> {
        self.kinds.get(id as usize).copied()
    }

    /// All tokens in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, &str, TokenKind)> {
        (0..).zip(&self.texts).zip(&self.kinds).map(|((id, text), &kind)| (id, text.as_str(), kind))
    }

    /// The tokens with a role of their own.
    #[must_use]
    pub fn special(&self) -> SpecialTokens {
        self.special
    }

    /// Whether a token ends a generation.
    #[must_use]
    pub fn is_end_of_generation(&self, id: TokenId) -> bool {
        self.is_eog.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether a text begins with the BOS token, as the model was trained.
    #[must_use]
    pub fn add_bos(&self) -> bool {
        self.add_bos && self.special.bos.is_some()
    }

    /// Whether a text to be embedded ends with the EOS token.
    #[must_use]
    pub fn add_eos(&self) -> bool {
        self.add_eos && self.special.eos.is_some()
    }
}

fn read_texts(tokens: Array<'_>) -> Result<Vec<String>> {
    let texts: Vec<String> = tokens.strs()?.map(str::to_owned).collect();
    if texts.is_empty() {
        return Err(VocabError::Empty.into());
    }
    for (id, text) in (0..).zip(&texts) {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(VocabError::LongToken { id, found: text.len() }.into());
        }
    }
    Ok(texts)
}

fn read_kinds(metadata: Metadata<'_>, n_vocab: usize) -> Result<Vec<TokenKind>> {
    let key = "tokenizer.ggml.token_type";
    let Some(kinds) = metadata.get_as::<Array<'_>>(key)? else {
        return Ok(vec![TokenKind::Normal; n_vocab]);
    };
    check_length(key, kinds.len(), n_vocab)?;
    let kinds = (0..).zip(kinds.i32s()?).map(|(id, n)| TokenKind::from_number(id, n));
    Ok(kinds.collect::<Result<_, _>>()?)
}

fn check_scores(metadata: Metadata<'_>, n_vocab: usize) -> Result<()> {
    let key = "tokenizer.ggml.scores";
    match metadata.get_as::<Array<'_>>(key)? {
        Some(scores) => Ok(check_length(key, scores.len(), n_vocab)?),
        None => Ok(()),
    }
}

fn check_length(key: &'static str, found: usize, n_vocab: usize) -> Result<(), VocabError> {
    if found == n_vocab { Ok(()) } else { Err(VocabError::Length { key, found, n_vocab }) }
}

fn read_special(metadata: Metadata<'_>, n_vocab: usize) -> Result<SpecialTokens> {
    let read = |key: &'static str| -> Result<Option<TokenId>> {
        let Some(id) = metadata.get_as::<u32>(key)? else { return Ok(None) };
        if id as usize >= n_vocab {
            return Err(VocabError::SpecialId { key, id: id.into(), n_vocab }.into());
        }
        Ok(Some(id))
    };
    Ok(SpecialTokens {
        bos: read("tokenizer.ggml.bos_token_id")?,
        eos: read("tokenizer.ggml.eos_token_id")?,
        eot: read("tokenizer.ggml.eot_token_id")?,
        eom: read("tokenizer.ggml.eom_token_id")?,
        fim_prefix: read("tokenizer.ggml.fim_pre_token_id")?,
        fim_suffix: read("tokenizer.ggml.fim_suf_token_id")?,
        fim_middle: read("tokenizer.ggml.fim_mid_token_id")?,
    })
}

fn find_eog(texts: &[String], kinds: &[TokenKind], special: SpecialTokens) -> Vec<bool> {
    let by_role = [special.eos, special.eot, special.eom];
    (0..)
        .zip(texts)
        .zip(kinds)
        .map(|((id, text), &kind)| {
            by_role.contains(&Some(id))
                || (kind == TokenKind::Control && END_TEXTS.contains(&text.as_str()))
        })
        .collect()
}
