//! Words: where a text may be cut before it is encoded, and what was made of a word before.

use std::{collections::HashSet, ops::Range};

use ahash::AHashMap;

use crate::batch::TokenId;

/// Stands for a space in SentencePiece's tokens: U+2581.
pub(super) const SPACE: char = '▁';

/// Cuts a text at spaces where that changes nothing.
///
/// SentencePiece encodes a text as a whole. But a vocabulary whose tokens have a `▁` in front only
/// has no token that reaches from one word into the next, and so the words can as well be encoded
/// one by one. A few have tokens such as `>▁</`: after such a character there is no cut.
#[derive(Debug)]
pub(super) struct SpaceCutter {
    /// Characters that some token has in front of a `▁`; `None` if a `▁` alone is no token, when
    /// a run of unknown characters might reach across it.
    before_space: Option<HashSet<char>>,
}

impl SpaceCutter {
    /// For a vocabulary with these tokens.
    pub(super) fn new<'v>(tokens: impl Iterator<Item = &'v str>) -> Self {
        let (mut before_space, mut has_space) = (HashSet::new(), false);
        for text in tokens {
            has_space |= text.chars().eq([SPACE]);
            let pairs = text.chars().zip(text.chars().skip(1));
            before_space.extend(pairs.filter(|&(_, c)| c == SPACE).map(|(before, _)| before));
        }
        Self { before_space: has_space.then_some(before_space) }
    }

    /// The words, joined the text; none is empty.
    pub(super) fn words<'t>(&self, mut text: &'t str) -> impl Iterator<Item = &'t str> {
        std::iter::from_fn(move || {
            let (word, rest) = text.split_at(self.end_of_word(text));
            text = rest;
            (!word.is_empty()).then_some(word)
        })
    }

    fn end_of_word(&self, text: &str) -> usize {
        let Some(before_space) = &self.before_space else { return text.len() };
        let mut chars = text.char_indices();
        let Some((_, mut last)) = chars.next() else { return 0 };
        for (at, c) in chars {
            if c == SPACE && !before_space.contains(&last) {
                return at;
            }
            last = c;
        }
        text.len()
    }
}

/// Words of at most this many bytes are remembered.
const MAX_WORD_BYTES: usize = 32;

/// How many words are remembered at most.
const MAX_WORDS: usize = 16 << 10;

/// The words of a text that were encoded already, by their place among its tokens: most words of
/// most texts come again.
#[derive(Debug, Default)]
pub(super) struct WordMemory<'t> {
    places: AHashMap<&'t str, Range<usize>>,
}

impl<'t> WordMemory<'t> {
    /// Appends the tokens of `word` to those of its text: as before, or as `encode` has them.
    pub(super) fn encode(
        &mut self,
        word: &'t str,
        tokens: &mut Vec<TokenId>,
        encode: impl FnOnce(&mut Vec<TokenId>),
    ) {
        if let Some(place) = self.places.get(word) {
            return tokens.extend_from_within(place.clone());
        }
        let start = tokens.len();
        encode(tokens);
        if word.len() <= MAX_WORD_BYTES && self.places.len() < MAX_WORDS {
            self.places.insert(word, start..tokens.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<'t>(tokens: &[&str], text: &'t str) -> Vec<&'t str> {
        SpaceCutter::new(tokens.iter().copied()).words(text).collect()
    }

    #[test]
    fn a_text_is_cut_where_no_token_reaches_across() {
        assert_eq!(words(&["▁", "▁a"], "▁a▁b▁▁c"), ["▁a", "▁b", "▁", "▁c"]);
        assert_eq!(words(&["▁", "▁▁"], "▁a▁▁b"), ["▁a", "▁▁b"]);
        assert_eq!(words(&["▁", ">▁<"], "a>▁<b▁c"), ["a>▁<b", "▁c"]);
        assert_eq!(words(&["▁a"], "▁a▁b"), ["▁a▁b"]);
        assert_eq!(words(&["▁"], ""), [""; 0]);
    }

    #[test]
    fn a_word_is_encoded_once() {
        let (mut memory, mut tokens, mut n) = (WordMemory::default(), Vec::new(), 0);
        for word in ["a", "bc", "a", "a"] {
            memory.encode(word, &mut tokens, |tokens| {
                n += 1;
                tokens.extend(word.bytes().map(TokenId::from));
            });
        }
        assert_eq!((tokens.as_slice(), n), (&[97, 98, 99, 97, 97][..], 2));
    }
}
