//! From a file's tensors to the weights a decoder needs.
//!
//! The specification says which tensors a model has and how they are shaped; binding compares the
//! file with that and names everything that is missing, misshapen or left over in one error. A
//! tensor that nobody asked for is an error too: a bias that is not added would give nonsense.
//!
//! Where files lay weights out in more than one way (queries, keys and values in one tensor or in
//! three, experts in one or in many), binding hides it: a part of a tensor is a
//! [`TensorSource`] like a whole one.

mod bind;
mod bind_attention;
mod bind_channel;
mod bind_head;
mod bind_recurrent;
mod binder;
mod source;

pub use source::TensorSource;

use crate::{
    device::Device,
    spec::{Presence, Wiring},
};

const NO_BIAS: Presence = Presence::Absent;

/// All weights of a model on a device.
pub(crate) struct Weights<D: Device> {
    pub(crate) token_embd: D::Weight,
    /// A vector per position.
    pub(crate) positions: Option<D::Weight>,
    /// A vector per kind of text.
    pub(crate) token_types: Option<D::Weight>,
    /// Norm on the sum of these.
    pub(crate) embd_norm: Option<NormWeights<D>>,
    pub(crate) blocks: Vec<BlockWeights<D>>,
    pub(crate) output_norm: Option<NormWeights<D>>,
    /// `None` where the output projection is the token embedding, or there is none.
    pub(crate) output: Option<D::Weight>,
    pub(crate) output_bias: Option<D::Buffer>,
    pub(crate) rope_factors: FactorSets,
    /// `None` for a layer that the file does not have.
    pub(crate) head: Vec<Option<HeadLayerWeights<D>>>,
}

/// The weights of a layer of the head.
pub(crate) struct HeadLayerWeights<D: Device> {
    pub(crate) linear: Linear<D>,
    pub(crate) norm: Option<NormWeights<D>>,
}

/// Divisors of rope frequencies, `[n_rot / 2]` each.
#[derive(Debug, Default)]
pub(crate) struct FactorSets {
    /// For every context.
    pub(crate) one: Option<Vec<f32>>,
    /// For contexts longer than the original one.
    pub(crate) long: Option<Vec<f32>>,
    /// For the others.
    pub(crate) short: Option<Vec<f32>>,
}

/// The weights of one block.
pub(crate) struct BlockWeights<D: Device> {
    /// Settled by what the file has: never [`Wiring::ByChannelNorm`].
    pub(crate) wiring: Wiring,
    pub(crate) mixer_norm: Option<NormWeights<D>>,
    pub(crate) mixer: MixerWeights<D>,
    pub(crate) mixer_post_norm: Option<NormWeights<D>>,
    pub(crate) channel_norm: Option<NormWeights<D>>,
    pub(crate) channel: Option<ChannelWeights<D>>,
    pub(crate) channel_post_norm: Option<NormWeights<D>>,
}

/// What a norm has learned.
pub(crate) struct NormWeights<D: Device> {
    pub(crate) weight: Option<D::Buffer>,
    pub(crate) bias: Option<D::Buffer>,
}

/// A projection.
pub(crate) struct Linear<D: Device> {
    pub(crate) weight: D::Weight,
    pub(crate) bias: Option<D::Buffer>,
}

impl<D: Device> Linear<D> {
    /// `out = x · weightᵀ + bias`.
    pub(crate) fn apply(&self, device: &mut D, x: &D::Buffer, out: &mut D::Buffer) {
        apply_each(device, x, [(self, out)]);
    }
}

/// `out = x · weightᵀ + bias` for each layer and its `out`, in one step.
pub(crate) fn apply_each<D: Device, const N: usize>(
    device: &mut D,
    x: &D::Buffer,
    mut layers: [(&Linear<D>, &mut D::Buffer); N],
) {
    device.matmul(x, layers.each_mut().map(|(layer, out)| (&layer.weight, &mut **out)));
    for (layer, out) in layers {
        if let Some(bias) = &layer.bias {
            device.add_bias(out, bias);
        }
    }
}

/// The weights of a token mixer.
pub(crate) enum MixerWeights<D: Device> {
    Attention(AttentionWeights<D>),
    Latent(LatentWeights<D>),
    ShortConv(ShortConvWeights<D>),
    Ssm(SsmWeights<D>),
    DeltaNet(DeltaNetWeights<D>),
}

/// The weights of an attention.
pub(crate) struct AttentionWeights<D: Device> {
    pub(crate) q: Linear<D>,
    pub(crate) k: Linear<D>,
    pub(crate) v: Linear<D>,
    pub(crate) output: Linear<D>,
    pub(crate) q_norm: Option<NormWeights<D>>,
    pub(crate) k_norm: Option<NormWeights<D>>,
    /// `[n_head]`.
    pub(crate) sinks: Option<Vec<f32>>,
}

/// The weights of a latent attention.
pub(crate) struct LatentWeights<D: Device> {
    /// Into the queries' latent, with its norm.
    pub(crate) q_a: Option<(Linear<D>, NormWeights<D>)>,
    /// To queries, `[n_head * (nope_dim + n_rot), ..]`.
    pub(crate) q: Linear<D>,
    /// To the latent and the shared key part, `[kv_lora_rank + n_rot, n_embd]`.
    pub(crate) kv_a: Linear<D>,
    pub(crate) kv_norm: NormWeights<D>,
    /// From a head's query into the latent space, `[kv_lora_rank, nope_dim]` for each head.
    pub(crate) k_b: Vec<D::Weight>,
    /// From the latent space to a head's value, `[value_dim, kv_lora_rank]` for each head.
    pub(crate) v_b: Vec<D::Weight>,
    pub(crate) output: Linear<D>,
}

/// The weights of a short convolution.
pub(crate) struct ShortConvWeights<D: Device> {
    pub(crate) b: Linear<D>,
    pub(crate) c: Linear<D>,
    pub(crate) x: Linear<D>,
    /// `[d_conv, n_embd]`.
    pub(crate) conv: D::Buffer,
    pub(crate) output: Linear<D>,
}

/// The weights of a state space model.
pub(crate) struct SsmWeights<D: Device> {
    /// To the gate, `[d_inner, n_embd]`.
    pub(crate) z: Linear<D>,
    /// To what is convolved, `[n_channels, n_embd]`.
    pub(crate) xbc: Linear<D>,
    /// To the steps, `[n_head, n_embd]`.
    pub(crate) dt: Linear<D>,
    /// `[d_conv, n_channels]`.
    pub(crate) conv: D::Buffer,
    /// `[n_channels]`.
    pub(crate) conv_bias: Option<D::Buffer>,
    /// Logarithms of the decays over a step of 1, `[n_head]`.
    pub(crate) a: D::Buffer,
    /// Shares of the values in the result, `[n_head]`.
    pub(crate) skip: D::Buffer,
    /// `[n_head]`.
    pub(crate) dt_bias: D::Buffer,
    /// `[n_group, d_inner / n_group]`.
    pub(crate) norm: NormWeights<D>,
    pub(crate) output: Linear<D>,
}

/// The weights of a gated delta net.
pub(crate) struct DeltaNetWeights<D: Device> {
    /// To what is convolved, `[n_channels, n_embd]`.
    pub(crate) qkv: Linear<D>,
    /// To the gate, `[n_head * v_dim, n_embd]`.
    pub(crate) z: Linear<D>,
    pub(crate) gates: DeltaGates<D>,
    /// `[d_conv, n_channels]`.
    pub(crate) conv: D::Buffer,
    /// Logarithms of the decays over a step of 1, `[n_head]`.
    pub(crate) a: D::Buffer,
    /// `[n_head]`.
    pub(crate) dt_bias: D::Buffer,
    /// `[v_dim]`.
    pub(crate) norm: NormWeights<D>,
    pub(crate) output: Linear<D>,
}

/// To the steps and to the shares that are written.
pub(crate) enum DeltaGates<D: Device> {
    /// For each key head the shares of its value heads, then their steps: `[2 * n_head, n_embd]`.
    Fused(Linear<D>),
    /// Each `[n_head, n_embd]`.
    Own { beta: Linear<D>, dt: Linear<D> },
}

/// The weights of a channel mixer.
pub(crate) enum ChannelWeights<D: Device> {
    Mlp(MlpWeights<D>),
    Experts(ExpertsWeights<D>),
}

/// The weights of a perceptron.
pub(crate) struct MlpWeights<D: Device> {
    pub(crate) gate: Option<Linear<D>>,
    pub(crate) up: Linear<D>,
    pub(crate) down: Linear<D>,
}

/// The weights of a mixture of experts.
pub(crate) struct ExpertsWeights<D: Device> {
    pub(crate) router: Linear<D>,
    /// Added to the scores for the choice alone, `[n_expert]`.
    pub(crate) selection_bias: Option<Vec<f32>>,
    /// `[n_expert]`.
    pub(crate) experts: Vec<MlpWeights<D>>,
    pub(crate) shared: Option<SharedExpertWeights<D>>,
}

/// The weights of the expert that every token takes.
pub(crate) struct SharedExpertWeights<D: Device> {
    /// To the score that gates it, `[1, n_embd]`.
    pub(crate) gate: Option<D::Weight>,
    pub(crate) mlp: MlpWeights<D>,
}
