//! Finds all tokens that a text begins with.
//!
//! The tokens are sorted, so that those with a common beginning lie side by side. Reading a text
//! byte by byte narrows the range of candidates; a token ends where the first of the range is as
//! long as what was read:
//!
//! ```text
//! tokens   camel  camels  can  dog      read c: 0..3, ca: 0..3, cam: 0..2, came: 0..2, camel: 0..2
//! ```
//!
//! It needs one number a token beside the texts, where a tree of maps needs some hundred bytes.

use std::ops::Range;

use crate::{batch::TokenId, vocab::VocabError};

/// Longest token in bytes where a text is compared with tokens at each of its characters.
pub(super) const MAX_TOKEN_BYTES: usize = 1 << 10;

pub(super) struct PrefixIndex {
    /// Sorted, without duplicates and empty ones.
    tokens: Vec<(Box<[u8]>, TokenId)>,
    /// The range of tokens that begin with each byte.
    by_first: Vec<Range<u32>>,
}

impl PrefixIndex {
    /// Of equal texts the lower id counts; empty ones are left out.
    ///
    /// # Errors
    /// [`VocabError::LongToken`] beyond [`MAX_TOKEN_BYTES`].
    pub(super) fn new(
        tokens: impl Iterator<Item = (Box<[u8]>, TokenId)>,
    ) -> Result<Self, VocabError> {
        let mut tokens: Vec<_> = tokens.filter(|(text, _)| !text.is_empty()).collect();
        if let Some((text, id)) = tokens.iter().find(|(text, _)| text.len() > MAX_TOKEN_BYTES) {
            let (found, allowed) = (text.len(), MAX_TOKEN_BYTES);
            return Err(VocabError::LongToken { id: *id, found, allowed });
        }
        tokens.sort_unstable();
        tokens.dedup_by(|(text, _), (earlier, _)| text == earlier);
        let start = |byte: u16| {
            let n = tokens.partition_point(|(text, _)| u16::from(text[0]) < byte);
            u32::try_from(n).expect("because ids have 32 bits")
        };
        let by_first = (0..256).map(|byte| start(byte)..start(byte + 1)).collect();
        Ok(Self { tokens, by_first })
    }

    /// The tokens that `text` begins with, by growing length in bytes.
    pub(super) fn prefixes(&self, text: &[u8]) -> impl Iterator<Item = (usize, TokenId)> {
        let mut range = text.first().map_or(0..0, |&byte| self.by_first[usize::from(byte)].clone());
        let mut n_read = 1;
        std::iter::from_fn(move || {
            while !range.is_empty() {
                let (first, id) = &self.tokens[range.start as usize];
                if first.len() == n_read {
                    // It is shorter than all others of the range, and comes up once.
                    range.start += 1;
                    return Some((n_read, *id));
                }
                let byte = *text.get(n_read)?;
                range = self.narrow(range.clone(), n_read, byte);
                n_read += 1;
            }
            None
        })
    }

    /// The part of `range` that has `byte` at position `at`, where all are longer than `at`.
    fn narrow(&self, range: Range<u32>, at: usize, byte: u8) -> Range<u32> {
        let tokens = &self.tokens[range.start as usize..range.end as usize];
        let n_below = tokens.partition_point(|(text, _)| text[at] < byte);
        let n_equal = tokens[n_below..].partition_point(|(text, _)| text[at] == byte);
        let start = range.start + n_below as u32;
        start..start + n_equal as u32
    }

    /// Whether each byte alone is a token.
    pub(super) fn covers_all_bytes(&self) -> bool {
        (0..=255u8).all(|byte| self.prefixes(&[byte]).next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(texts: &[&str]) -> PrefixIndex {
        PrefixIndex::new((0..).zip(texts).map(|(id, text)| (text.as_bytes().into(), id))).unwrap()
    }

    #[test]
    fn prefixes_come_by_growing_length() {
        let index = index(&["can", "camels", "c", "camel", "dog", ""]);
        let found: Vec<_> = index.prefixes(b"camels!").collect();
        assert_eq!(found, [(1, 2), (5, 3), (6, 1)]);
        assert_eq!(index.prefixes(b"x").count(), 0);
        assert_eq!(index.prefixes(b"").count(), 0);
    }

    #[test]
    fn a_token_that_would_make_reading_slow_is_refused() {
        let long: Box<[u8]> = vec![b'a'; MAX_TOKEN_BYTES + 1].into();
        let error = PrefixIndex::new([(long, 7)].into_iter()).err().unwrap();
        assert_eq!(error.to_string(), "token 7 has 1025 bytes, at most 1024 are allowed");
    }

    proptest! {
        #[test]
        fn all_prefixes_are_found(
            texts in prop::collection::vec("[ab]{1,4}", 0..12),
            text in "[ab]{0,6}",
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found: Vec<_> = index(&texts).prefixes(text.as_bytes()).collect();
            let mut want = Vec::new();
            for n in 1..=text.len() {
                want.extend(texts.iter().position(|t| *t == &text[..n]).map(|id| (n, id as u32)));
            }
            prop_assert_eq!(found, want);
        }
    }
}
