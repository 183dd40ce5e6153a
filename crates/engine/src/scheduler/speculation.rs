//! Guessing the next tokens, so that one forward pass may make several.
//!
//! A guess is run behind the token it follows, with the logits of every position; then tokens are
//! chosen as always, and as long as the choice is the guess, the next logits are there already. The
//! text is the same as without guessing, token for token and seed for seed: a guess decides only
//! what is computed early. In terms of speculative sampling, the draft puts all its probability on
//! one token, is accepted with the probability the model gives it, and what is drawn otherwise
//! follows the rest of the model's distribution.
//!
//! Guesses come from the text itself: if its end was there before, what followed then may follow
//! again. That pays in code and quotations and hardly anywhere else, so guesses become longer
//! while they are right, and rest for ever longer while they are wrong.

use crate::batch::TokenId;

/// Tokens that must have been there before, tried from the longest on.
const NGRAMS: [usize; 2] = [3, 2];

/// How far back is looked: a bound on the time it takes.
const MAX_LOOKBACK: usize = 16 << 10;

/// Below this share of right guesses they cost more than they save.
const LEAST_SHARE: f32 = 0.3;

/// Tokens without guesses after the first disappointment.
const FIRST_REST: usize = 8;

/// And at most.
const MAX_REST: usize = 256;

/// When a sequence guesses, and how much.
#[derive(Debug)]
pub(super) struct Speculation {
    /// Most tokens of a guess; 0 never guesses.
    max: usize,
    /// Tokens of the next guess.
    len: usize,
    /// The share of right guesses, of late.
    share: f32,
    /// Tokens to be made before the next guess.
    rest: usize,
    next_rest: usize,
    pub(super) n_drafted: usize,
    pub(super) n_accepted: usize,
}

impl Speculation {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            len: max.min(4),
            share: 0.5,
            rest: 0,
            next_rest: FIRST_REST,
            n_drafted: 0,
            n_accepted: 0,
        }
    }

    /// How many tokens to guess now, at most `room`.
    pub(super) fn len(&mut self, room: usize) -> usize {
        if self.rest > 0 {
            self.rest -= 1;
            return 0;
        }
        self.len.min(room)
    }

    /// Notes how many of `n` guessed tokens were right.
    pub(super) fn observe(&mut self, n: usize, n_right: usize) {
        if n == 0 {
            return;
        }
        self.n_drafted += n;
        self.n_accepted += n_right;
        self.share += 0.3 * (n_right as f32 / n as f32 - self.share);
        if n_right == n {
            self.len = (self.len * 2).min(self.max);
            self.next_rest = FIRST_REST;
        } else {
            self.len = (n_right + 1).min(self.max);
        }
        if self.share < LEAST_SHARE {
            self.rest = self.next_rest;
            self.next_rest = (self.next_rest * 2).min(MAX_REST);
            self.share = 0.5;
        }
    }
}

/// What followed the last time that `tokens` ended like this: at most `n` tokens.
pub(super) fn look_up(tokens: &[TokenId], n: usize) -> &[TokenId] {
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

    #[test]
    fn guesses_that_are_wrong_become_rare() {
        let mut speculation = Speculation::new(8);
        let n_guesses = (0..1000)
            .filter(|_| {
                let n = speculation.len(8);
                speculation.observe(n, 0);
                n > 0
            })
            .count();
        assert!(n_guesses < 30, "{n_guesses} of 1,000");
    }

    #[test]
    fn guesses_that_are_right_become_long() {
        let mut speculation = Speculation::new(16);
        for want in [4, 8, 16, 16] {
            let n = speculation.len(100);
            assert_eq!(n, want);
            speculation.observe(n, n);
        }
        assert_eq!(speculation.len(3), 3);
        assert_eq!((speculation.n_drafted, speculation.n_accepted), (44, 44));
    }
}
