//! The bytes that tokens stand for, in one table.

use super::{byte_alphabet::byte_of, rwkv, words::SPACE};
use crate::{
    batch::TokenId,
    vocab::{TokenKind, TokenizerKind, Vocab, VocabError, byte_named},
};

/// The bytes of all tokens behind one another.
pub(super) struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token ends.
    ends: Vec<u32>,
}

impl TokenBytes {
    pub(super) fn new(vocab: &Vocab) -> Result<Self, VocabError> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(vocab.len()));
        for (id, text, kind) in vocab.iter() {
            match kind {
                TokenKind::Byte => bytes.extend(byte_named(text)),
                TokenKind::Normal => push_normal(vocab.tokenizer_kind(), id, text, &mut bytes)?,
                _ => bytes.extend_from_slice(text.as_bytes()),
            }
            let end = u32::try_from(bytes.len()).map_err(|_| VocabError::TooLarge)?;
            ends.push(end);
        }
        Ok(Self { bytes, ends })
    }

    /// Empty outside the vocabulary.
    pub(super) fn get(&self, id: TokenId) -> &[u8] {
        let Some(&end) = self.ends.get(id as usize) else { return &[] };
        let start = if id == 0 { 0 } else { self.ends[id as usize - 1] };
        &self.bytes[start as usize..end as usize]
    }
}

fn push_normal(
    kind: TokenizerKind,
    id: TokenId,
    text: &str,
    bytes: &mut Vec<u8>,
) -> Result<(), VocabError> {
    match kind {
        TokenizerKind::ByteLevel => {
            // Some vocabularies have tokens outside the alphabet, which no text becomes.
            let known: Option<Vec<u8>> = text.chars().map(byte_of).collect();
            bytes.extend(known.unwrap_or_else(|| text.into()));
        }
        TokenizerKind::Rwkv => bytes.extend(rwkv::unescape(id, text)?),
        TokenizerKind::SentencePiece | TokenizerKind::WordPiece | TokenizerKind::Unigram => {
            bytes.extend_from_slice(text.replace(SPACE, " ").as_bytes());
        }
    }
    Ok(())
}
