//! Channel mixers: what happens to each token alone.

use super::Presence;

/// What happens to each token alone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ChannelMixer {
    /// One multi-layer perceptron for every token.
    Mlp(MlpSpec),
    /// Several, of which each token takes a few.
    Experts(ExpertsSpec),
}

/// A perceptron with one hidden layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MlpSpec {
    /// Width of the hidden layer.
    pub n_ff: usize,
    /// What the hidden layer computes.
    pub hidden: HiddenLayer,
    /// Biases of its projections.
    pub bias: Presence,
}

/// What a hidden layer computes of its inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum HiddenLayer {
    /// `act(up)`.
    Plain(Activation),
    /// `act(gate) * up`.
    Gated(Activation),
    /// `g * sigmoid(alpha * g) * (u + 1)` with `g = min(gate, limit)` and `u = up` cut to
    /// `-limit..=limit`.
    GatedClamped {
        /// Steepness of the sigmoid.
        alpha: f32,
        /// The largest magnitude.
        limit: f32,
    },
}

impl HiddenLayer {
    /// Whether there is a gate projection.
    #[must_use]
    pub fn is_gated(self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}

/// A function on each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * Phi(x)` by its tanh approximation.
    GeluTanh,
    /// `x * Phi(x)` with the error function.
    GeluErf,
}

/// A mixture of experts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExpertsSpec {
    /// How many there are.
    pub n_expert: usize,
    /// How many each token takes.
    pub n_expert_used: usize,
    /// Width of an expert's hidden layer.
    pub n_ff: usize,
    /// What a hidden layer computes.
    pub hidden: HiddenLayer,
    /// Biases of router and experts.
    pub bias: Presence,
    /// From the router's scores to the experts' weights.
    pub routing: Routing,
    /// Whether the chosen experts' weights are divided by their sum.
    pub normalize: bool,
    /// Factor on the weights.
    pub scale: f32,
    /// Whether the weight is on what an expert is given instead of on what it gives.
    pub weighs_input: bool,
    /// Choosing among groups of experts first.
    pub groups: Option<GroupLimit>,
    /// Whether a learned bias is added to the scores for the choice alone.
    pub selection_bias: Presence,
    /// An expert that every token takes.
    pub shared: Option<SharedExpertSpec>,
}

/// From the router's scores to weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Routing {
    /// Softmax over all experts, then the choice.
    Softmax,
    /// The sigmoid of each score, then the choice.
    Sigmoid,
    /// The choice by scores, then softmax over the chosen.
    SoftmaxOfChosen,
}

/// Experts are chosen from the best groups only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupLimit {
    /// Groups there are; divides the number of experts.
    pub n_group: usize,
    /// Groups that are chosen from.
    pub n_group_used: usize,
    /// A group is worth the sum of its so many best experts.
    pub n_best: usize,
}

/// An expert that every token takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedExpertSpec {
    /// Width of its hidden layer.
    pub n_ff: usize,
    /// Whether its result is multiplied by the sigmoid of a score of its own.
    pub gated: bool,
}
