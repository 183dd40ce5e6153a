//! How much a sequence believes a drafter.
//!
//! Guesses become longer while they are right, and rest for ever longer while they cost more than
//! they save: a share of them must be right that grows with what a guess takes to make.

/// Below this share of right guesses, to run them costs more than they save.
const LEAST_SHARE: f32 = 0.3;

/// Tokens without guesses after the first disappointment.
const FIRST_REST: usize = 8;

/// And at most.
const MAX_REST: usize = 256;

/// When a sequence asks a drafter, and for how much.
#[derive(Debug)]
pub(in crate::scheduler) struct Trust {
    /// Most tokens of a guess; 0 never guesses.
    max: usize,
    /// Tokens of the next guess.
    len: usize,
    /// The share of right guesses, of late.
    share: f32,
    /// Tokens to be made before the next guess.
    rest: usize,
    next_rest: usize,
    pub(in crate::scheduler) n_drafted: usize,
    pub(in crate::scheduler) n_accepted: usize,
}

impl Trust {
    pub(in crate::scheduler) fn new(max: usize) -> Self {
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
    pub(in crate::scheduler) fn len(&mut self, room: usize) -> usize {
        if self.rest > 0 {
            self.rest -= 1;
            return 0;
        }
        self.len.min(room)
    }

    /// Notes how many of `n` guessed tokens were right, where to guess one takes `cost` of the time
    /// that a token takes without.
    pub(in crate::scheduler) fn observe(&mut self, n: usize, n_right: usize, cost: f32) {
        if n == 0 {
            return;
        }
        self.n_drafted += n;
        self.n_accepted += n_right;
        self.share += 0.3 * (n_right as f32 / n as f32 - self.share);
        let is_right = n_right == n;
        self.len = if is_right { self.len * 2 } else { n_right + 1 }.min(self.max);
        if self.share < LEAST_SHARE + cost {
            self.rest = self.next_rest;
            self.next_rest = (self.next_rest * 2).min(MAX_REST);
            self.share = 0.5;
        } else if is_right {
            self.next_rest = FIRST_REST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_that_are_wrong_become_rare() {
        let mut trust = Trust::new(8);
        let n_guesses = (0..1000)
            .filter(|_| {
                let n = trust.len(8);
                trust.observe(n, 0, 0.0);
                n > 0
            })
            .count();
        assert!(n_guesses < 30, "{n_guesses} of 1,000");
    }

    #[test]
    fn guesses_that_are_right_become_long() {
        let mut trust = Trust::new(16);
        for want in [4, 8, 16, 16] {
            let n = trust.len(100);
            assert_eq!(n, want);
            trust.observe(n, n, 0.0);
        }
        assert_eq!(trust.len(3), 3);
        assert_eq!((trust.n_drafted, trust.n_accepted), (44, 44));
    }

    #[test]
    fn what_costs_more_than_it_saves_is_left() {
        let n_guesses = |cost| {
            let mut trust = Trust::new(4);
            let asked = (0..500).filter(|_| {
                let n = trust.len(4);
                trust.observe(n, n * 3 / 4, cost);
                n > 0
            });
            asked.count()
        };
        assert_eq!(n_guesses(0.1), 500);
        assert!(n_guesses(0.9) < 20, "{}", n_guesses(0.9));
    }
}
