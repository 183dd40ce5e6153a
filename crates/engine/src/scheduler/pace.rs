//! How many tokens of prompts go into one step, so that a step takes no longer than it should.
//!
//! What a token costs depends on the machine, the model and how much the token looks back at, so it
//! is measured: after each step that prompts filled, the room for them is scaled by what the step
//! took against what it may take. There are two bounds on time. Where somebody waits for the next
//! word, a step delays it, and is short; where there are only prompts, longer steps are the faster
//! ones: weights are unpacked once for all of a step's tokens, which for 100 tokens takes a tenth of
//! the time and for 400 next to nothing.

use std::time::Duration;

/// Prompt tokens that always go into a step: prompts come to an end on any machine.
const MIN_ROOM: usize = 16;

/// How much longer a step may take while nobody waits for a next token.
const UNHEARD: u32 = 8;

/// Who waits for a step to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An interactive request that is being answered.
    Listener,
    /// Nobody who would notice.
    Nobody,
}

/// The room for prompts, as measured.
#[derive(Debug)]
pub(super) struct Pace {
    heard: Room,
    unheard: Room,
}

#[derive(Debug)]
struct Room {
    target: Duration,
    n_tokens: usize,
    max: usize,
}

impl Pace {
    /// Steps of about `step_time` where somebody waits, and of at most `n_batch` tokens.
    pub(super) fn new(step_time: Duration, n_batch: usize) -> Self {
        let room =
            |target, first: usize| Room { target, n_tokens: first.min(n_batch), max: n_batch };
        Self { heard: room(step_time, 32), unheard: room(step_time.saturating_mul(UNHEARD), 128) }
    }

    fn room_mut(&mut self, waiting: Waiting) -> &mut Room {
        match waiting {
            Waiting::Listener => &mut self.heard,
            Waiting::Nobody => &mut self.unheard,
        }
    }

    /// Prompt tokens for the next step.
    pub(super) fn room(&mut self, waiting: Waiting) -> usize {
        self.room_mut(waiting).n_tokens
    }

    /// Notes what a step with `n_prompt` tokens of prompts took.
    pub(super) fn observe(&mut self, waiting: Waiting, n_prompt: usize, took: Duration) {
        self.room_mut(waiting).observe(n_prompt, took);
    }
}

/// What something takes, of late.
#[derive(Debug, Default)]
pub(super) struct Average(Option<Duration>);

impl Average {
    /// Zero as long as nothing was observed.
    pub(super) fn get(&self) -> Duration {
        self.0.unwrap_or_default()
    }

    /// Counts for a quarter.
    pub(super) fn observe(&mut self, took: Duration) {
        self.0 = Some(self.0.map_or(took, |mean| mean - mean / 4 + took / 4));
    }
}

impl Room {
    fn observe(&mut self, n_prompt: usize, took: Duration) {
        // A step that was not full says nothing about a larger one, unless it was too long.
        if n_prompt == 0 || (n_prompt < self.n_tokens && took < self.target) {
            return;
        }
        // Halved or doubled at most, so that one hiccup of the machine is soon forgotten.
        let factor = self.target.as_secs_f64() / took.as_secs_f64().max(1e-9);
        let scaled = n_prompt as f64 * factor.clamp(0.5, 2.0);
        self.n_tokens = (scaled as usize).max(MIN_ROOM).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    proptest! {
        /// Whatever a step and a token cost, as long as the fewest tokens fit: after some steps
        /// none is too long, and little of the time is left unused.
        #[test]
        fn steps_come_to_take_what_they_may(base_ms in 0u32..60, token_us in 100u32..2000) {
            let cost = |n: usize| {
                Duration::from_millis(base_ms.into()) + Duration::from_micros(token_us.into()) * n as u32
            };
            let mut pace = Pace::new(STEP, 512);
            for _ in 0..40 {
                let n = pace.room(Waiting::Listener);
                pace.observe(Waiting::Listener, n, cost(n));
            }
            let n = pace.room(Waiting::Listener);
            prop_assert!(cost(n) <= STEP, "{n} tokens take {:?}", cost(n));
            prop_assert!(n == 512 || cost(n) * 10 >= STEP * 9, "{n} tokens take {:?}", cost(n));
        }
    }

    #[test]
    fn the_fewest_tokens_go_into_any_step() {
        let mut pace = Pace::new(STEP, 512);
        for _ in 0..20 {
            let n = pace.room(Waiting::Listener);
            pace.observe(Waiting::Listener, n, Duration::from_secs(9));
        }
        assert_eq!(pace.room(Waiting::Listener), MIN_ROOM);
        assert_eq!(pace.room(Waiting::Nobody), 128, "the other bound is another measurement");
    }

    #[test]
    fn a_step_that_was_not_full_says_nothing() {
        let mut pace = Pace::new(STEP, 512);
        pace.observe(Waiting::Listener, 3, Duration::from_millis(1));
        pace.observe(Waiting::Listener, 0, Duration::from_secs(1));
        assert_eq!(pace.room(Waiting::Listener), 32);
    }
}
