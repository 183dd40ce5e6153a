//! SentencePiece's Unigram model (`tokenizer.ggml.model = t5`).
//!
//! Each token has a score, the logarithm of its probability; of all ways to write the text with
//! tokens the one with the highest sum is taken. `best[i]` is the best way to write the first `i`
//! bytes, and every token that begins at `i` offers a way to a later place (Viterbi). A character
//! that is no token costs 10 more than the least probable token; a run of such characters is one
//! unknown token.
//!
//! Before that the text is normalised by the file's own table ([`Charsmap`]), and its white space
//! becomes `▁`.
//!
//! No token reaches over a word's end in most vocabularies ([`SpaceCutter`]), so each word is
//! searched alone.
//!
//! The `tokenizers` crate has the same search; its table panics on a damaged file, and its tree of
//! 250 000 tokens takes more memory than the models that use them.

use camelid_gguf::{Array, Metadata};

use super::{
    charsmap::Charsmap,
    prefix_index::PrefixIndex,
    words::{SPACE, SpaceCutter, WordMemory},
};
use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError},
};

/// What a character that is no token costs beyond the least probable token.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(super) struct Unigram {
    charsmap: Option<Charsmap>,
    cutter: SpaceCutter,
    tokens: PrefixIndex,
    /// By id; sums are in f64, as the reference has them.
    scores: Vec<f64>,
    unknown: TokenId,
    unknown_score: f64,
    merges_spaces: bool,
    space_prefix: bool,
}

/// The best way to write the text up to some place.
#[derive(Clone, Copy)]
struct Way {
    score: f64,
    /// Where its last token begins.
    start: u32,
    id: TokenId,
}

impl Unigram {
    pub(super) fn new(metadata: Metadata<'_>, vocab: &Vocab) -> Result<Self> {
        let missing = "an unknown token";
        let unknown = vocab.special().unknown.ok_or(VocabError::NoFallback { missing })?;
        let scores = scores(vocab)?;
        let normal = vocab.iter().filter(|(.., kind)| *kind == TokenKind::Normal);
        let lowest = normal.map(|(id, ..)| scores[id as usize]).fold(f64::INFINITY, f64::min);
        let from_text = vocab.iter().filter(|(.., kind)| {
            matches!(kind, TokenKind::Normal | TokenKind::UserDefined | TokenKind::Unused)
        });
        let from_text: Vec<_> = from_text.map(|(id, text, _)| (text, id)).collect();
        let cutter = SpaceCutter::new(from_text.iter().map(|(text, _)| *text));
        let tokens = from_text.into_iter().map(|(text, id)| (text.as_bytes().into(), id));
        let table: Option<Array<'_>> = metadata.get_as("tokenizer.ggml.precompiled_charsmap")?;
        Ok(Self {
            charsmap: table.map(Charsmap::read).transpose()?,
            cutter,
            tokens: PrefixIndex::new(tokens)?,
            scores,
            unknown,
            unknown_score: if lowest.is_finite() { lowest } else { 0.0 } - UNKNOWN_PENALTY,
            merges_spaces: metadata
                .get_as("tokenizer.ggml.remove_extra_whitespaces")?
                .unwrap_or(false),
            space_prefix: vocab.add_space_prefix(),
        })
    }

    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) {
        let text = match &self.charsmap {
            Some(charsmap) => self.escape(&charsmap.normalize(text)),
            None => self.escape(text),
        };
        let mut memory = WordMemory::default();
        for word in self.cutter.words(&text) {
            memory.encode(word, tokens, |tokens| self.encode_word(word, tokens));
        }
    }

    fn encode_word(&self, text: &str, tokens: &mut Vec<TokenId>) {
        let best = self.search(text);
        let first = tokens.len();
        let mut end = text.len();
        while end > 0 {
            let Way { start, id, .. } = best[end];
            let is_run = id == self.unknown && tokens[first..].last() == Some(&id);
            if !is_run {
                tokens.push(id);
            }
            end = start as usize;
        }
        tokens[first..].reverse();
    }

    /// Writes spaces as `▁`, with one in front, and runs of them as one, where the file says so.
    fn escape(&self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len() + text.len() / 2);
        let mut has_space = !self.space_prefix;
        let trimmed = if self.merges_spaces { text.trim_matches(' ') } else { text };
        if trimmed.is_empty() {
            return escaped;
        }
        if !has_space {
            escaped.push(SPACE);
            has_space = true;
        }
        for c in trimmed.chars() {
            let is_extra = c == ' ' && has_space && self.merges_spaces;
            has_space = c == ' ';
            if !is_extra {
                escaped.push(if has_space { SPACE } else { c });
            }
        }
        escaped
    }

    /// For each place in `text` the best way to get there; only characters' ends are places.
    fn search(&self, text: &str) -> Vec<Way> {
        let nowhere = Way { score: f64::NEG_INFINITY, start: 0, id: self.unknown };
        let mut best = vec![nowhere; text.len() + 1];
        best[0].score = 0.0;
        for (start, c) in text.char_indices() {
            let so_far = best[start].score;
            let mut offer = |n_bytes: usize, id, score: f64| {
                let way = &mut best[start + n_bytes];
                if so_far + score > way.score {
                    *way = Way { score: so_far + score, start: start as u32, id };
                }
            };
            let mut is_token = false;
            for (n_bytes, id) in self.tokens.prefixes(&text.as_bytes()[start..]) {
                is_token |= n_bytes == c.len_utf8();
                offer(n_bytes, id, self.scores[id as usize]);
            }
            if !is_token {
                offer(c.len_utf8(), self.unknown, self.unknown_score);
            }
        }
        best
    }
}

/// By id. What was added by hand costs nothing, so that it is preferred.
fn scores(vocab: &Vocab) -> Result<Vec<f64>, VocabError> {
    let n_vocab = vocab.len();
    let missing = || VocabError::Length { key: "tokenizer.ggml.scores", found: 0, n_vocab };
    let score = |(id, _, kind)| match kind {
        TokenKind::UserDefined => Ok(0.0),
        _ => vocab.score(id).map(f64::from).ok_or_else(missing),
    };
    vocab.iter().map(score).collect()
}
