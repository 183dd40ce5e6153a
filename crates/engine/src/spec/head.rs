//! What is done to a text's vector: projections to the space of embeddings, or a classifier.

use super::{NormSpec, Presence};

/// What is done to a text's vector behind the pooling. Nothing, where there is no layer.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct HeadSpec {
    /// From the pooled vector on.
    pub layers: Vec<HeadLayerSpec>,
    /// Whether the last layer's numbers become probabilities.
    pub softmax: bool,
}

/// One layer: a projection, an activation, a norm.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HeadLayerSpec {
    /// The name of its projection's tensors, without `.weight`.
    pub name: &'static str,
    /// Width of what it gives.
    pub n_out: usize,
    /// Whether a file has it; without it nothing happens here.
    pub weight: Presence,
    /// The projection's bias.
    pub bias: Presence,
    /// A function on each element.
    pub activation: HeadActivation,
    /// Norm behind that.
    pub norm: Option<NormSpec>,
}

/// A function on each element of a head's layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadActivation {
    /// None.
    Identity,
    /// `tanh(x)`.
    Tanh,
    /// `x * Phi(x)` with the error function.
    GeluErf,
}
