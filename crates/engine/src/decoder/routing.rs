//! Which experts a token takes, and with which weights.
//!
//! ```text
//! p        = softmax(scores) or sigmoid(scores)
//! s        = p + selection bias, in the best groups only
//! chosen   = the n_expert_used largest of s
//! weights  = p of the chosen, over their sum if normalised, times a factor
//! ```
//!
//! Of equal scores the expert with the lower number is taken.

use crate::spec::{ExpertsSpec, GroupLimit, Routing};

/// A batch's tokens, shared out among experts.
#[derive(Debug, PartialEq)]
pub(super) struct Assignment {
    pub(super) n_tokens: usize,
    /// `[n_expert]`.
    pub(super) experts: Vec<Chosen>,
}

/// The tokens of a batch that take an expert, and its weight for each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chosen {
    pub(super) tokens: Vec<usize>,
    pub(super) weights: Vec<f32>,
}

/// Shares tokens out. `scores` is `[n_tokens, n_expert]`.
pub(super) fn assign(
    spec: &ExpertsSpec,
    selection_bias: Option<&[f32]>,
    scores: &[f32],
) -> Assignment {
    let mut experts = vec![Chosen::default(); spec.n_expert];
    let rows = scores.chunks_exact(spec.n_expert);
    let n_tokens = rows.len();
    for (token, scores) in rows.enumerate() {
        for (expert, weight) in choose(spec, selection_bias, scores) {
            experts[expert].tokens.push(token);
            experts[expert].weights.push(weight);
        }
    }
    Assignment { n_tokens, experts }
}

/// The experts of one token and their weights.
fn choose(spec: &ExpertsSpec, selection_bias: Option<&[f32]>, scores: &[f32]) -> Vec<(usize, f32)> {
    let mut probs = scores.to_vec();
    match spec.routing {
        Routing::Softmax => softmax(&mut probs),
        Routing::Sigmoid => probs.iter_mut().for_each(|p| *p = 1.0 / (1.0 + (-*p).exp())),
        Routing::SoftmaxOfChosen => {}
    }
    let mut selection = probs.clone();
    if let Some(bias) = selection_bias {
        selection.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
    }
    if let Some(groups) = &spec.groups {
        keep_best_groups(groups, &mut selection);
    }
    let chosen = largest(&selection, spec.n_expert_used);
    let mut weights: Vec<f32> = chosen.iter().map(|&expert| probs[expert]).collect();
    if spec.routing == Routing::SoftmaxOfChosen {
        softmax(&mut weights);
    }
    if spec.normalize {
        // Sigmoids may all be next to nothing.
        let sum = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        weights.iter_mut().for_each(|w| *w /= sum);
    }
    chosen.into_iter().zip(weights.into_iter().map(|w| w * spec.scale)).collect()
}

/// Takes all experts but those of the best groups out of the choice.
fn keep_best_groups(groups: &GroupLimit, selection: &mut [f32]) {
    let group_len = selection.len() / groups.n_group;
    let worth = |group: &[f32]| -> f32 {
        largest(group, groups.n_best).into_iter().map(|i| group[i]).sum()
    };
    let worths: Vec<f32> = selection.chunks_exact(group_len).map(worth).collect();
    let kept = largest(&worths, groups.n_group_used);
    for (i, group) in selection.chunks_exact_mut(group_len).enumerate() {
        if !kept.contains(&i) {
            group.fill(f32::NEG_INFINITY);
        }
    }
}

/// Indices of the `n` largest.
fn largest(x: &[f32], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
    order.truncate(n);
    order
}

fn softmax(x: &mut [f32]) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Activation, HiddenLayer, Presence};

    fn spec(routing: Routing) -> ExpertsSpec {
        ExpertsSpec {
            n_expert: 4,
            n_expert_used: 2,
            n_ff: 1,
            hidden: HiddenLayer::Gated(Activation::Silu),
            bias: Presence::Absent,
            routing,
            weighs_input: false,
            normalize: true,
            scale: 1.0,
            groups: None,
            selection_bias: Presence::Absent,
            shared: None,
        }
    }

    const SCORES: [f32; 4] = [0.0, 3.0, 1.0, 2.0];

    fn experts(chosen: &[(usize, f32)]) -> Vec<usize> {
        chosen.iter().map(|&(expert, _)| expert).collect()
    }

    #[test]
    fn normalised_softmax_is_softmax_of_the_chosen() {
        let over_all = choose(&spec(Routing::Softmax), None, &SCORES);
        let own = ExpertsSpec { normalize: false, ..spec(Routing::SoftmaxOfChosen) };
        let over_chosen = choose(&own, None, &SCORES);
        assert_eq!(experts(&over_all), [1, 3]);
        for ((_, a), (_, b)) in over_all.iter().zip(&over_chosen) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        let weight = 1.0 / (1.0 + (-1.0f32).exp());
        assert!((over_all[0].1 - weight).abs() < 1e-6);
    }

    #[test]
    fn a_selection_bias_chooses_and_does_not_weigh() {
        let spec = ExpertsSpec { normalize: false, scale: 2.0, ..spec(Routing::Sigmoid) };
        let chosen = choose(&spec, Some(&[9.0, 0.0, 0.0, 0.0]), &SCORES);
        assert_eq!(experts(&chosen), [0, 1]);
        assert!((chosen[0].1 - 1.0).abs() < 1e-6, "twice the sigmoid of 0");
    }

    #[test]
    fn only_the_best_groups_are_chosen_from() {
        let groups = Some(GroupLimit { n_group: 2, n_group_used: 1, n_best: 2 });
        let grouped = ExpertsSpec { groups, ..spec(Routing::Sigmoid) };
        assert_eq!(experts(&choose(&grouped, None, &[2.0, -9.0, 1.0, 1.0])), [2, 3]);
        let groups = Some(GroupLimit { n_group: 2, n_group_used: 1, n_best: 1 });
        let grouped = ExpertsSpec { groups, ..grouped };
        assert_eq!(experts(&choose(&grouped, None, &[2.0, -9.0, 1.0, 1.0])), [0, 1]);
    }

    #[test]
    fn tokens_are_shared_out() {
        let scores = [SCORES, [9.0, 0.0, 0.0, 1.0]].concat();
        let assignment = assign(&spec(Routing::Softmax), None, &scores);
        let tokens: Vec<_> = assignment.experts.iter().map(|e| e.tokens.clone()).collect();
        assert_eq!(tokens, [vec![1], vec![0], vec![], vec![0, 1]]);
        assert_eq!(assignment.n_tokens, 2);
    }
}
