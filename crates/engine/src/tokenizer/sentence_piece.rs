//! SentencePiece's byte-pair encoding (`tokenizer.ggml.model = llama`).
//!
//! Spaces become `▁`, characters become symbols, and two neighbours are joined when the text of
//! both is a token: the token with the highest score first, of equals the leftmost. A character
//! that is part of no token is written as its bytes (`<0xE9>`), or as the unknown token where the
//! vocabulary has none for them.
//!
//! Merging knows no words, but most vocabularies do ([`SpaceCutter`]): the text is cut into those
//! first, and words that were seen before are not merged again.
//!
//! The `tokenizers` crate has no merging by score: it needs the list of rules, which GGUF files of
//! this kind do not carry.

use ahash::AHashMap;

use super::{
    merger::{Joined, Merger, Symbol},
    prefix_index::MAX_TOKEN_BYTES,
    words::{SPACE, SpaceCutter, WordMemory},
};
use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError, byte_named},
};

pub(super) struct SentencePiece {
    /// Tokens that text can become, with their ranks by score.
    tokens: AHashMap<Box<str>, Joined>,
    max_token_bytes: usize,
    cutter: SpaceCutter,
    bytes: ByteTokens,
}

impl SentencePiece {
    pub(super) fn new(vocab: &Vocab) -> Result<Self> {
        let mut tokens: AHashMap<Box<str>, Joined> = AHashMap::with_capacity(vocab.len());
        let ranks = ranks(vocab)?;
        // A control token is never made from text, whatever its characters.
        let from_text = vocab
            .iter()
            .filter(|(.., kind)| matches!(kind, TokenKind::Normal | TokenKind::UserDefined));
        for (id, text, _) in from_text {
            if text.len() > MAX_TOKEN_BYTES {
                let (found, allowed) = (text.len(), MAX_TOKEN_BYTES);
                return Err(VocabError::LongToken { id, found, allowed }.into());
            }
            let rank = ranks[id as usize];
            tokens.entry(Box::from(text)).or_insert(Joined { rank, id });
        }
        let max_token_bytes = tokens.keys().map(|text| text.len()).max().unwrap_or(0);
        let cutter = SpaceCutter::new(tokens.keys().map(|text| &**text));
        Ok(Self { tokens, max_token_bytes, cutter, bytes: ByteTokens::new(vocab)? })
    }

    /// `space_prefix` puts a space in front of the text.
    pub(super) fn encode(&self, text: &str, space_prefix: bool, tokens: &mut Vec<TokenId>) {
        let mut escaped = String::with_capacity(text.len() + text.len() / 2);
        escaped.extend(space_prefix.then_some(SPACE));
        escaped.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        let mut merger = Merger::default();
        let mut memory = WordMemory::default();
        for word in self.cutter.words(&escaped) {
            memory.encode(word, tokens, |tokens| self.encode_word(word, &mut merger, tokens));
        }
    }

    fn encode_word(&self, word: &str, merger: &mut Merger, tokens: &mut Vec<TokenId>) {
        merger.clear();
        for c in word.chars() {
            let token = self.tokens.get(c.encode_utf8(&mut [0; 4]) as &str);
            merger.push(c.len_utf8() as u32, token.map(|token| token.id));
        }
        merger.merge(|left, right| {
            let (start, end) = (left.start as usize, (right.start + right.len) as usize);
            // A longer text is no token: do not even hash it.
            let text = (end - start <= self.max_token_bytes).then(|| &word[start..end])?;
            self.tokens.get(text).copied()
        });
        let first = tokens.len();
        for &Symbol { start, len, id, .. } in merger.symbols() {
            let text = &word[start as usize..(start + len) as usize];
            match id {
                Some(id) => tokens.push(id),
                None => self.bytes.spell(text.as_bytes(), first, tokens),
            }
        }
    }
}

/// Each token's place in the order of scores, the highest first; equal scores share one.
fn ranks(vocab: &Vocab) -> Result<Vec<u32>> {
    let key = "tokenizer.ggml.scores";
    let mut by_score = Vec::with_capacity(vocab.len());
    for (id, ..) in vocab.iter() {
        let missing = VocabError::Length { key, found: 0, n_vocab: vocab.len() };
        by_score.push((vocab.score(id).ok_or(missing)?, id));
    }
    by_score.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut ranks = vec![0; by_score.len()];
    let mut rank = 0;
    for (i, &(score, id)) in by_score.iter().enumerate() {
        // Compared as numbers: 0 and -0 are one score.
        rank += u32::from(i > 0 && by_score[i - 1].0 != score);
        ranks[id as usize] = rank;
    }
    Ok(ranks)
}

/// What a character becomes that is part of no token.
struct ByteTokens {
    bytes: [Option<TokenId>; 256],
    unknown: Option<TokenId>,
}

impl ByteTokens {
    fn new(vocab: &Vocab) -> Result<Self, VocabError> {
        let mut bytes = [None; 256];
        let byte_tokens = vocab.iter().filter(|(.., kind)| *kind == TokenKind::Byte);
        for (id, text, _) in byte_tokens {
            let byte = byte_named(text).expect("because the vocabulary was checked");
            bytes[usize::from(byte)].get_or_insert(id);
        }
        let unknown = vocab.special().unknown;
        if unknown.is_none() && bytes.contains(&None) {
            let missing = "a token for each byte, or an unknown token";
            return Err(VocabError::NoFallback { missing });
        }
        Ok(Self { bytes, unknown })
    }

    /// Appends the bytes of a character, or the unknown token: once for a run of characters of the
    /// word, whose tokens begin at `first`.
    fn spell(&self, bytes: &[u8], first: usize, tokens: &mut Vec<TokenId>) {
        let spelt = bytes.iter().map(|&byte| self.bytes[usize::from(byte)]);
        if let Some(spelt) = spelt.collect::<Option<Vec<_>>>() {
            tokens.extend(spelt);
        } else if tokens[first..].last().copied() != self.unknown {
            tokens.extend(self.unknown);
        }
    }
}
