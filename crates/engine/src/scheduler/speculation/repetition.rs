//! Guesses from the text itself: if its end was there before, what followed then may follow again.
//!
//! That pays in code and quotations and hardly anywhere else.

use super::{Ask, Drafter};
use crate::{batch::TokenId, error::Result};

/// Tokens that must have been there before, tried from the longest on.
const NGRAMS: [usize; 2] = [3, 2];

/// How far back is looked: a bound on the time it takes.
const MAX_LOOKBACK: usize = 16 << 10;

/// Looks for the end of each text in the text.
#[derive(Debug)]
pub(in crate::scheduler) struct Repetition;

impl Drafter for Repetition {
    fn guess(&mut self, asks: Vec<Ask<'_>>, _room: usize) -> Result<()> {
        for ask in asks {
            ask.guess.extend_from_slice(look_up(ask.tokens, ask.n));
        }
        Ok(())
    }
}

/// What followed the last time that `tokens` ended like this: at most `n` tokens.
fn look_up(tokens: &[TokenId], n: usize) -> &[TokenId] {
    if n == 0 {
        return &[];
    }
    let recent = &tokens[tokens.len().saturating_sub(MAX_LOOKBACK)..];
    for ngram in NGRAMS {
        let Some(at) = recent.len().checked_sub(ngram) else { continue };
        let (before, end) = (&recent[..recent.len() - 1], &recent[at..]);
        if let Some(start) = before.windows(ngram).rposition(|window| window == end) {
            let followed = &recent[start + ngram..];
            return &followed[..n.min(followed.len())];
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_last_time_is_guessed() {
        assert_eq!(look_up(&[1, 2, 3, 4, 5, 1, 2, 3], 2), [4, 5]);
        assert_eq!(look_up(&[1, 2, 3, 4, 5, 1, 2, 3], 9), [4, 5, 1, 2, 3]);
        assert_eq!(look_up(&[9, 1, 2, 7, 8, 1, 2], 1), [7], "two tokens are enough");
        assert_eq!(look_up(&[6, 6, 6], 4), [6], "an end may overlap with what it is found in");
        for nothing in [&[1, 2, 3, 4][..], &[1, 2], &[1], &[]] {
            assert!(look_up(nothing, 4).is_empty());
        }
        assert!(look_up(&[1, 2, 1, 2], 0).is_empty());
    }
}
