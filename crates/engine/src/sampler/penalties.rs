//! What makes tokens less likely that were there before.

use std::collections::HashMap;

use crate::batch::TokenId;

use super::{DryOptions, SamplerOptions, candidates::Candidates};

/// Works on tokens that were there before; keeps its memory between tokens.
#[derive(Debug, Default)]
pub(super) struct Penalties {
    recent: Vec<TokenId>,
    /// For each place of the reversed history, how much of its beginning is repeated there.
    repeated: Vec<usize>,
    longest: HashMap<TokenId, usize>,
}

impl Penalties {
    /// Repetition, frequency and presence penalties over the latest tokens.
    pub(super) fn repetition(
        &mut self,
        candidates: &mut Candidates,
        options: &SamplerOptions,
        history: &[TokenId],
    ) {
        let &SamplerOptions { repeat_penalty, frequency_penalty, presence_penalty, .. } = options;
        let is_off = repeat_penalty == 1.0 && frequency_penalty == 0.0 && presence_penalty == 0.0;
        if is_off || options.repeat_last_n == 0 {
            return;
        }
        self.recent.clear();
        self.recent.extend_from_slice(latest(history, options.repeat_last_n));
        self.recent.sort_unstable();
        for same in self.recent.chunk_by(|a, b| a == b) {
            let Some(logit) = candidates.logit_mut(same[0]) else { continue };
            let x = *logit;
            let repeated = if x > 0.0 { x / repeat_penalty } else { x * repeat_penalty };
            *logit = repeated - same.len() as f32 * frequency_penalty - presence_penalty;
        }
    }

    /// "Don't repeat yourself": a token that would continue a sequence seen before is the less
    /// likely, the longer that sequence is.
    ///
    /// Takes time linear in the history: the lengths of all repetitions of the history's end are
    /// the Z-function of the reversed history.
    pub(super) fn dry(
        &mut self,
        candidates: &mut Candidates,
        options: &DryOptions,
        history: &[TokenId],
    ) {
        if options.multiplier == 0.0 {
            return;
        }
        let Self { recent: reversed, repeated, longest } = self;
        reversed.clear();
        reversed.extend(latest(history, options.last_n).iter().rev());
        z_function(reversed, repeated);
        // No repetition reaches across a breaker.
        let is_breaker = |token: &TokenId| options.breakers.contains(token);
        let limit = reversed.iter().position(is_breaker).unwrap_or(reversed.len());
        longest.clear();
        for (i, &n) in repeated.iter().enumerate().skip(1) {
            let n = n.min(limit);
            if n >= options.allowed_len.max(1) {
                // What followed then, and would follow now again.
                let follower = longest.entry(reversed[i - 1]).or_insert(0);
                *follower = n.max(*follower);
            }
        }
        for (&token, n) in &*longest {
            if let Some(logit) = candidates.logit_mut(token) {
                let exponent = (n - options.allowed_len) as f32;
                *logit -= options.multiplier * options.base.powf(exponent).min(f32::MAX);
            }
        }
    }
}

fn latest(history: &[TokenId], n: usize) -> &[TokenId] {
    &history[history.len().saturating_sub(n)..]
}

/// For each place, how many tokens from there on are as at the beginning.
fn z_function(tokens: &[TokenId], z: &mut Vec<usize>) {
    z.clear();
    z.resize(tokens.len(), 0);
    let (mut left, mut right) = (0, 0);
    for i in 1..tokens.len() {
        if i < right {
            z[i] = z[i - left].min(right - i);
        }
        while i + z[i] < tokens.len() && tokens[z[i]] == tokens[i + z[i]] {
            z[i] += 1;
        }
        if i + z[i] > right {
            (left, right) = (i, i + z[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dry_logits(history: &[TokenId], options: &DryOptions) -> Vec<f32> {
        let mut candidates = Candidates::default();
        candidates.load(&[0.0; 6]);
        Penalties::default().dry(&mut candidates, options, history);
        candidates.logits().to_vec()
    }

    #[test]
    fn what_would_continue_a_repetition_is_less_likely() {
        let options = DryOptions {
            multiplier: 1.0,
            base: 2.0,
            allowed_len: 2,
            last_n: 100,
            breakers: vec![5],
        };
        // "1 2 3" was followed by 4; the history ends in "1 2 3" again: length 3, one above 2.
        assert_eq!(dry_logits(&[1, 2, 3, 4, 1, 2, 3], &options)[4], -2.0);
        // One token repeated is shorter than what is allowed.
        assert_eq!(dry_logits(&[3, 4, 0, 3], &options), [0.0; 6]);
        // The repetition does not reach across a breaker.
        assert_eq!(dry_logits(&[1, 5, 3, 4, 1, 5, 3], &options), [0.0; 6]);
    }

    proptest! {
        #[test]
        fn the_z_function_is_the_common_prefix_at_each_place(
            tokens in prop::collection::vec(0u32..3, 0..40),
        ) {
            let mut z = Vec::new();
            z_function(&tokens, &mut z);
            for (i, &n) in z.iter().enumerate().skip(1) {
                let plain = tokens.iter().zip(&tokens[i..]).take_while(|(a, b)| a == b).count();
                prop_assert_eq!(n, plain);
            }
        }
    }
}
