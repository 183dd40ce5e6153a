//! How likely the model found what it said, and what else it might have said.
//!
//! Taken from the model's own distribution: before penalties, truncation and temperature.

use crate::batch::TokenId;

/// A token and the logarithm of its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: TokenId,
    /// Natural logarithm; at most 0.
    pub logprob: f32,
}

/// The token that was chosen, and the likeliest.
#[derive(Debug, Clone, PartialEq)]
pub struct Logprob {
    /// The choice.
    pub chosen: TokenLogprob,
    /// The likeliest tokens, best first; equals by rising id.
    pub top: Vec<TokenLogprob>,
}

/// Shapes: `logits` is `[n_vocab]`. The sum runs in f64.
pub(crate) fn logprob(logits: &[f32], chosen: TokenId, n_top: usize) -> Logprob {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - max).exp()).sum();
    let at = |token: TokenId| {
        let logit = logits.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        TokenLogprob { token, logprob: (f64::from(logit - max) - sum.ln()) as f32 }
    };
    Logprob { chosen: at(chosen), top: top(logits, n_top).into_iter().map(at).collect() }
}

/// The ids of the `n` largest logits, in one pass.
fn top(logits: &[f32], n: usize) -> Vec<TokenId> {
    let mut best: Vec<(f32, TokenId)> = Vec::with_capacity(n + 1);
    for (id, &logit) in (0..).zip(logits) {
        let is_better = best.len() < n || best.last().is_some_and(|(least, _)| logit > *least);
        if n > 0 && is_better {
            let place = best.partition_point(|(other, _)| *other >= logit);
            best.insert(place, (logit, id));
            best.truncate(n);
        }
    }
    best.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_the_best_come_first() {
        let logits = [1.0, 3.0, 3.0, -2.0];
        let got = logprob(&logits, 3, 4);
        let ids: Vec<TokenId> = got.top.iter().map(|t| t.token).collect();
        assert_eq!(ids, [1, 2, 0, 3]);
        let sum: f32 = got.top.iter().map(|t| t.logprob.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert_eq!(got.chosen, got.top[3]);
    }

    proptest! {
        #[test]
        fn the_top_are_those_of_a_full_sort(
            logits in prop::collection::vec(-5i8..5, 0..40), n in 0usize..50,
        ) {
            let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
            let mut ids: Vec<TokenId> = (0..logits.len() as u32).collect();
            ids.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
            ids.truncate(n);
            prop_assert_eq!(top(&logits, n), ids);
        }
    }
}
