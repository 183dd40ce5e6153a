//! Finds the texts of tokens that were added to a vocabulary by hand.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError},
};

/// A piece of text between added tokens, or one of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Token(TokenId),
}

/// Some of a vocabulary's tokens: the leftmost in a text is found first, and of those that begin
/// there the longest.
pub(super) struct AddedTokens {
    /// `None` when there is nothing to find.
    automaton: Option<AhoCorasick>,
    ids: Vec<TokenId>,
    /// Whether white space behind the token belongs to it.
    strips_right: Vec<bool>,
}

impl AddedTokens {
    /// All tokens with text whose kind `is_wanted`. Tokens for which `strips_right` take the white
    /// space behind them with them.
    pub(super) fn new(
        vocab: &Vocab,
        is_wanted: impl Fn(TokenKind) -> bool,
        strips_right: impl Fn(&str) -> bool,
    ) -> Result<Self, VocabError> {
        let wanted = vocab.iter().filter(|(_, text, kind)| !text.is_empty() && is_wanted(*kind));
        let (ids, texts): (Vec<_>, Vec<_>) = wanted.map(|(id, text, _)| (id, text)).unzip();
        let strips_right = texts.iter().map(|text| strips_right(text)).collect();
        if ids.is_empty() {
            return Ok(Self { automaton: None, ids, strips_right });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(texts)
            .map_err(|error| VocabError::Build(error.into()))?;
        Ok(Self { automaton: Some(automaton), ids, strips_right })
    }

    /// Hands the parts of `text` to `take` in order; parts of no characters are left out.
    pub(super) fn cut<'t>(
        &self,
        text: &'t str,
        mut take: impl FnMut(Part<'t>) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        for found in self.automaton.iter().flat_map(|a| a.find_iter(text)) {
            // White space that a token took may hold the next one: a line break can be a token.
            if found.start() < done {
                continue;
            }
            if done < found.start() {
                take(Part::Text(&text[done..found.start()]))?;
            }
            let index = found.pattern().as_usize();
            take(Part::Token(self.ids[index]))?;
            done = found.end();
            if self.strips_right[index] {
                done = text.len() - text[done..].trim_start().len();
            }
        }
        if done < text.len() { take(Part::Text(&text[done..])) } else { Ok(()) }
    }
}
