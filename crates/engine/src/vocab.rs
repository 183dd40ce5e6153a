//! The vocabulary of a model, read from GGUF metadata and checked before anything uses it.
//!
//! Keys are `tokenizer.ggml.*`: `model` (the kind of tokenizer), `tokens` (the text of each id),
//! `token_type`, `scores`, the ids of special tokens and flags. A vocabulary comes from a file that
//! somebody else made, so every length and id is compared with the number of tokens here, once.
//!
//! Source of the key names and type numbers: the GGUF specification.

mod error;
mod kind;
mod special;

use camelid_gguf::{Array, Metadata};

use self::{error::MAX_TOKEN_BYTES, kind::Additions, special::NamedTokens};
pub use self::{error::VocabError, kind::TokenizerKind, special::SpecialTokens};
use crate::{batch::TokenId, error::Result};

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

/// The texts and kinds of all tokens.
#[derive(Debug, Clone)]
pub struct Vocab {
    kind: TokenizerKind,
    texts: Vec<String>,
    kinds: Vec<TokenKind>,
    /// Empty where the file has none.
    scores: Vec<f32>,
    special: SpecialTokens,
    is_eog: Vec<bool>,
    /// Control tokens that are shown all the same.
    shown: Vec<TokenId>,
    add: Additions,
}

impl Vocab {
    /// Reads and checks the vocabulary.
    ///
    /// # Errors
    /// [`Error::Gguf`](crate::Error::Gguf) for keys that are missing or of another type,
    /// [`VocabError`] for contents that contradict each other.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        let kind = TokenizerKind::from_metadata(metadata)?;
        let texts = read_texts(metadata.require("tokenizer.ggml.tokens")?)?;
        let kinds = read_kinds(metadata, texts.len())?;
        check_byte_tokens(&texts, &kinds)?;
        let scores = read_scores(metadata, texts.len())?;
        let named = NamedTokens::find(&texts, &kinds);
        let special = named.roles(metadata, kind)?;
        let mut is_eog = vec![false; texts.len()];
        named.ends(special).into_iter().for_each(|id| is_eog[id as usize] = true);
        let shown = named.shown();
        let add = read_additions(metadata, kind)?;
        Ok(Self { kind, texts, kinds, scores, special, is_eog, shown, add })
    }

    /// The kind of tokenizer that the vocabulary is for.
    #[must_use]
    pub fn tokenizer_kind(&self) -> TokenizerKind {
        self.kind
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

    /// The score of a token, or `None` outside the vocabulary and where the file has no scores.
    #[must_use]
    pub fn score(&self, id: TokenId) -> Option<f32> {
        self.scores.get(id as usize).copied()
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

    /// Whether a token's text is part of what a reader sees: not that of control tokens, except
    /// those that say which channel of an answer follows (`<|channel|>` and its like).
    #[must_use]
    pub fn is_shown(&self, id: TokenId) -> bool {
        match self.kind(id) {
            Some(TokenKind::Normal | TokenKind::UserDefined | TokenKind::Byte) => true,
            Some(TokenKind::Control) => self.shown.contains(&id),
            Some(TokenKind::Unknown | TokenKind::Unused) | None => false,
        }
    }

    /// Whether a text begins with the BOS token, as the model was trained.
    #[must_use]
    pub fn add_bos(&self) -> bool {
        self.add.bos && self.special.bos.is_some()
    }

    /// Whether a text to be embedded ends with the EOS token.
    #[must_use]
    pub fn add_eos(&self) -> bool {
        self.add.eos && self.special.eos.is_some()
    }

    /// Whether a text to be embedded ends with the separator.
    #[must_use]
    pub fn add_separator(&self) -> bool {
        self.add.separator && self.special.separator.is_some()
    }

    /// Whether a text gets a space in front, so that its first word is a word like any other.
    #[must_use]
    pub fn add_space_prefix(&self) -> bool {
        self.add.space_prefix
    }
}

/// The byte that a token's text names, if it is exactly `<0x` and two hexadecimal digits and `>`.
pub(crate) fn byte_named(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    // `from_str_radix` would take a sign for the first digit.
    let are_digits = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    are_digits.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn read_texts(tokens: Array<'_>) -> Result<Vec<String>> {
    let texts: Vec<String> = tokens.strs()?.map(str::to_owned).collect();
    if texts.is_empty() {
        return Err(VocabError::Empty.into());
    }
    for (id, text) in (0..).zip(&texts) {
        if text.len() > MAX_TOKEN_BYTES {
            let (found, allowed) = (text.len(), MAX_TOKEN_BYTES);
            return Err(VocabError::LongToken { id, found, allowed }.into());
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

fn check_byte_tokens(texts: &[String], kinds: &[TokenKind]) -> Result<(), VocabError> {
    for ((id, text), &kind) in (0..).zip(texts).zip(kinds) {
        if kind == TokenKind::Byte && byte_named(text).is_none() {
            return Err(VocabError::ByteToken { id, found: text.clone() });
        }
    }
    Ok(())
}

/// The scores, or nothing where the file has none.
fn read_scores(metadata: Metadata<'_>, n_vocab: usize) -> Result<Vec<f32>> {
    let key = "tokenizer.ggml.scores";
    let Some(scores) = metadata.get_as::<Array<'_>>(key)? else { return Ok(Vec::new()) };
    check_length(key, scores.len(), n_vocab)?;
    let scores: Vec<f32> = scores.f32s()?.collect();
    match (0..).zip(&scores).find(|(_, score)| !score.is_finite()) {
        Some((id, &found)) => Err(VocabError::Score { id, found }.into()),
        None => Ok(scores),
    }
}

fn check_length(key: &'static str, found: usize, n_vocab: usize) -> Result<(), VocabError> {
    if found == n_vocab { Ok(()) } else { Err(VocabError::Length { key, found, n_vocab }) }
}

fn read_additions(metadata: Metadata<'_>, kind: TokenizerKind) -> Result<Additions> {
    let default = kind.default_additions(metadata.get_as("tokenizer.ggml.pre")?);
    let read = |key, default| Ok::<_, crate::Error>(metadata.get_as(key)?.unwrap_or(default));
    Ok(Additions {
        bos: read("tokenizer.ggml.add_bos_token", default.bos)?,
        eos: read("tokenizer.ggml.add_eos_token", default.eos)?,
        separator: read("tokenizer.ggml.add_sep_token", default.separator)?,
        space_prefix: read("tokenizer.ggml.add_space_prefix", default.space_prefix)?,
    })
}

#[cfg(test)]
mod tests;
