//! Text to tokens and back, from GGUF metadata alone.
//!
//! Encoding cuts the text at the tokens that were added to the vocabulary by hand, and hands what
//! lies between to one of five algorithms. Cutting is done here because callers decide, text by
//! text, whether control tokens are recognised: a template's text may steer the model, a user's may
//! not. No algorithm makes a control token from ordinary text.
//!
//! | `tokenizer.ggml.model` | algorithm         | module             |
//! |------------------------|-------------------|--------------------|
//! | `llama`                | SentencePiece BPE | [`sentence_piece`] |
//! | `gpt2`                 | byte-level BPE    | [`byte_level`]     |
//! | `bert`                 | WordPiece         | [`word_piece`]     |
//! | `t5`                   | Unigram           | [`unigram`]        |
//! | `rwkv`                 | longest match     | [`rwkv`]           |
//!
//! Texts come from strangers: each algorithm takes a time that grows with the text, hardly faster,
//! whatever the text is (`examples/tokenizer_speed.rs` measures it).
//!
//! Decoding is a table of bytes, one entry a token: tokens are joined as bytes, and
//! [`TextStream`](crate::TextStream) makes characters of them.

mod added_tokens;
mod byte_alphabet;
mod byte_level;
mod charsmap;
mod merger;
mod pre_tokenizer;
mod prefix_index;
mod rwkv;
mod sentence_piece;
mod splitter;
mod token_bytes;
mod unigram;
mod word_piece;
mod words;

use std::sync::Arc;

use camelid_gguf::Metadata;

pub(crate) use self::pre_tokenizer::begins_with_bos;
use self::{
    added_tokens::{AddedTokens, Part},
    byte_level::ByteLevel,
    rwkv::Rwkv,
    sentence_piece::SentencePiece,
    token_bytes::TokenBytes,
    unigram::Unigram,
    word_piece::WordPiece,
};
use crate::{
    batch::TokenId,
    error::Result,
    text_stream::TextStream,
    vocab::{TokenKind, TokenizerKind, Vocab, VocabError},
};

/// Longest text that is encoded at once, in bytes: positions in it have 32 bits, and spaces may
/// grow to three bytes each.
const MAX_TEXT_BYTES: usize = u32::MAX as usize / 4;

/// What encoding does with the texts of control tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Control tokens are recognised: for prompts made by a template.
    Recognise,
    /// Control tokens' texts are ordinary text: for text that somebody else wrote.
    AsText,
}

/// Turns text into tokens and tokens into bytes. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    vocab: Vocab,
    algorithm: Algorithm,
    /// Tokens of kind `UserDefined`, recognised always.
    added: AddedTokens,
    /// The same and control tokens.
    added_and_control: AddedTokens,
    bytes: TokenBytes,
}

enum Algorithm {
    SentencePiece(Box<SentencePiece>),
    ByteLevel(Box<ByteLevel>),
    WordPiece(Box<WordPiece>),
    Unigram(Box<Unigram>),
    Rwkv(Rwkv),
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("kind", &self.vocab().tokenizer_kind())
            .field("n_vocab", &self.vocab().len())
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the vocabulary and builds the tokenizer it describes.
    ///
    /// # Errors
    /// [`Error::Vocab`](crate::Error::Vocab) for a kind of tokenizer that is not implemented and
    /// for a vocabulary that contradicts itself, [`Error::Gguf`](crate::Error::Gguf) for missing
    /// keys.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        let vocab = Vocab::from_metadata(metadata)?;
        let bytes = TokenBytes::new(&vocab)?;
        let algorithm = Algorithm::new(metadata, &vocab)?;
        let strips_right = strips_right(metadata, vocab.tokenizer_kind())?;
        let added = AddedTokens::new(&vocab, |kind| kind == TokenKind::UserDefined, strips_right)?;
        let is_special =
            |kind| matches!(kind, TokenKind::UserDefined | TokenKind::Control | TokenKind::Unknown);
        let added_and_control = AddedTokens::new(&vocab, is_special, strips_right)?;
        let inner = Inner { vocab, algorithm, added, added_and_control, bytes };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.inner.vocab
    }

    /// The tokens of a text, without BOS or EOS.
    ///
    /// A byte-level vocabulary may lack bytes that its model never saw; those are left out.
    ///
    /// # Errors
    /// [`VocabError::LongText`] for a text of more than a gigabyte; otherwise when the tokenizer
    /// library fails, which no text is known to cause.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<TokenId>> {
        if text.len() > MAX_TEXT_BYTES {
            let (found, allowed) = (text.len(), MAX_TEXT_BYTES);
            return Err(VocabError::LongText { found, allowed }.into());
        }
        let inner = &*self.inner;
        let finder = match special {
            Special::Recognise => &inner.added_and_control,
            Special::AsText => &inner.added,
        };
        let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
        finder.cut(text, |part| match part {
            Part::Token(id) => {
                tokens.push(id);
                Ok(())
            }
            Part::Text(text) => inner.encode_text(text, &mut tokens),
        })?;
        Ok(tokens)
    }

    /// As [`encode`](Self::encode), with BOS in front where the model wants one and the text does
    /// not already begin with it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_prompt(&self, text: &str, special: Special) -> Result<Vec<TokenId>> {
        let mut tokens = self.encode(text, special)?;
        let vocab = self.vocab();
        if let Some(bos) = vocab.special().bos
            && vocab.add_bos()
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    /// As [`encode_prompt`](Self::encode_prompt), with EOS or the separator behind, where the model
    /// wants them: a text that is complete, to be embedded.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_document(&self, text: &str, special: Special) -> Result<Vec<TokenId>> {
        let mut tokens = self.encode_prompt(text, special)?;
        let vocab = self.vocab();
        let ends = [
            vocab.special().eos.filter(|_| vocab.add_eos()),
            vocab.special().separator.filter(|_| vocab.add_separator()),
        ];
        let missing = |end: &TokenId| tokens.last() != Some(end);
        let end = ends.into_iter().flatten().next().filter(missing);
        tokens.extend(end);
        Ok(tokens)
    }

    /// The bytes a token stands for in text; empty for control tokens and outside the vocabulary.
    #[must_use]
    pub fn bytes(&self, id: TokenId) -> &[u8] {
        if self.vocab().is_shown(id) { self.inner.bytes.get(id) } else { &[] }
    }

    /// The text of some tokens. Bytes that make no character become U+FFFD; control tokens
    /// show nothing. The space that encoding put in front of the text is taken away again.
    #[must_use]
    pub fn decode(&self, tokens: &[TokenId]) -> String {
        let text = join(tokens.iter().map(|&id| self.bytes(id)));
        let vocab = self.vocab();
        let has_prefix =
            vocab.add_space_prefix() || vocab.tokenizer_kind() == TokenizerKind::WordPiece;
        match text.strip_prefix(' ') {
            Some(rest) if has_prefix => rest.to_owned(),
            _ => text,
        }
    }

    /// The text of some tokens as they are, with control tokens written as their texts, so that
    /// encoding with [`Special::Recognise`] brings them back.
    #[must_use]
    pub fn decode_all(&self, tokens: &[TokenId]) -> String {
        join(tokens.iter().map(|&id| self.inner.bytes.get(id)))
    }
}

impl Algorithm {
    fn new(metadata: Metadata<'_>, vocab: &Vocab) -> Result<Self> {
        Ok(match vocab.tokenizer_kind() {
            TokenizerKind::SentencePiece => {
                Self::SentencePiece(Box::new(SentencePiece::new(vocab)?))
            }
            TokenizerKind::ByteLevel => Self::ByteLevel(Box::new(ByteLevel::new(metadata, vocab)?)),
            TokenizerKind::WordPiece => Self::WordPiece(Box::new(WordPiece::new(metadata, vocab)?)),
            TokenizerKind::Unigram => Self::Unigram(Box::new(Unigram::new(metadata, vocab)?)),
            TokenizerKind::Rwkv => Self::Rwkv(Rwkv::new(vocab)?),
        })
    }
}

impl Inner {
    /// Appends the tokens of a text that has no added tokens in it.
    fn encode_text(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<()> {
        match &self.algorithm {
            Algorithm::SentencePiece(sentence_piece) => {
                sentence_piece.encode(text, self.vocab.add_space_prefix(), tokens);
            }
            Algorithm::ByteLevel(byte_level) => byte_level.encode(text, tokens),
            Algorithm::WordPiece(word_piece) => word_piece.encode(text, tokens)?,
            Algorithm::Unigram(unigram) => unigram.encode(text, tokens),
            Algorithm::Rwkv(rwkv) => rwkv.encode(text, tokens),
        }
        Ok(())
    }
}

/// Which added tokens take the white space behind them with them.
///
/// Files do not say. Among the models that run here it is the Phi-3 family with SentencePiece's
/// vocabulary, for all tokens that were not in the vocabulary it was made from.
fn strips_right(
    metadata: Metadata<'_>,
    kind: TokenizerKind,
) -> Result<impl Fn(&str) -> bool + Copy> {
    let architecture: Option<&str> = metadata.get_as("general.architecture")?;
    let is_phi3 = architecture == Some("phi3") && kind == TokenizerKind::SentencePiece;
    Ok(move |text: &str| is_phi3 && !matches!(text, "<unk>" | "<s>" | "<|endoftext|>"))
}

fn join<'b>(tokens: impl Iterator<Item = &'b [u8]>) -> String {
    let (mut stream, mut text) = (TextStream::new(), String::new());
    for bytes in tokens {
        stream.push(bytes, &mut text);
    }
    stream.finish(&mut text);
    text
}

#[cfg(test)]
mod tests;
