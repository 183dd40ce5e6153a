//! What a vocabulary can be refused for.

use crate::batch::TokenId;

/// Longest text of one token, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 64 << 10;

/// What a vocabulary contradicts itself in, or asks for that is not implemented.
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
    #[error("token {id} has {found} bytes, at most {allowed} are allowed")]
    LongToken {
        /// The token.
        id: TokenId,
        /// Length of its text in bytes.
        found: usize,
        /// The longest text this kind of vocabulary may have.
        allowed: usize,
    },
    /// A token of kind byte does not say which.
    #[error("token {id} stands for a byte and is {found:?}, expected `<0x00>` to `<0xFF>`")]
    ByteToken {
        /// The token.
        id: TokenId,
        /// Its text.
        found: String,
    },
    /// A token's text has an escape sequence that means nothing.
    #[error("token {id} is {found:?}, which ends within an escape sequence or has a wrong one")]
    Escape {
        /// The token.
        id: TokenId,
        /// Its text.
        found: String,
    },
    /// A token type that the format does not define.
    #[error("token {id} has type {found}, allowed are 1 to 6")]
    TokenType {
        /// The token.
        id: TokenId,
        /// The number found.
        found: i32,
    },
    /// A score that cannot be compared with others.
    #[error("token {id} has the score {found}, expected a finite number")]
    Score {
        /// The token.
        id: TokenId,
        /// The score found.
        found: f32,
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
    /// Some text could not be encoded at all.
    #[error("text that no token matches has no encoding: {missing}")]
    NoFallback {
        /// What the vocabulary would need.
        missing: &'static str,
    },
    /// The table of replacements that comes before a Unigram vocabulary is damaged.
    #[error("`tokenizer.ggml.precompiled_charsmap`: {problem}")]
    Charsmap {
        /// What is wrong with it.
        problem: &'static str,
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
    /// A text is longer than positions in it can say.
    #[error("the text has {found} bytes, at most {allowed} can be encoded at once")]
    LongText {
        /// Its length in bytes.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// A library refused what was built for it.
    #[error("the tokenizer cannot be built")]
    Build(#[source] tokenizers::Error),
}
