//! The walk through a model: embedding, blocks, output.

use super::{Decoder, layer::Layer, plan::Plan};
use crate::{
    device::{Columns, Device, Norm},
    spec::{BlockSpec, ChannelMixer, NormSpec, TokenMixer, Wiring},
    weights::{BlockWeights, ChannelWeights, MixerWeights, NormWeights},
};

/// Activations of the batch at work. Named for what they hold.
pub(super) struct Scratch<D: Device> {
    /// Width of the residual stream.
    pub(super) n_embd: usize,
    /// The residual stream, `[n_tokens, n_embd]`.
    pub(super) x: D::Buffer,
    /// What a mixer takes.
    pub(super) normed: D::Buffer,
    /// What a mixer gives.
    pub(super) delta: D::Buffer,
    /// What the token mixer gives, while a parallel channel mixer is at work.
    other_delta: D::Buffer,
    pub(super) q: D::Buffer,
    pub(super) k: D::Buffer,
    pub(super) v: D::Buffer,
    /// What the heads saw, `[n_tokens, n_head * head_dim]`.
    pub(super) seen: D::Buffer,
    pub(super) gate: D::Buffer,
    pub(super) up: D::Buffer,
    /// One step of an operation that takes several.
    pub(super) part: D::Buffer,
    pub(super) other_part: D::Buffer,
    /// `[n_outputs, n_vocab]`.
    pub(super) logits: D::Buffer,
    /// What is read back, where the device's memory is not the program's.
    pub(super) host: Vec<f32>,
}

impl<D: Device> Scratch<D> {
    pub(super) fn new(device: &D, n_embd: usize) -> Self {
        Self {
            n_embd,
            x: device.buffer(),
            normed: device.buffer(),
            delta: device.buffer(),
            other_delta: device.buffer(),
            q: device.buffer(),
            k: device.buffer(),
            v: device.buffer(),
            seen: device.buffer(),
            gate: device.buffer(),
            up: device.buffer(),
            part: device.buffer(),
            other_part: device.buffer(),
            logits: device.buffer(),
            host: Vec::new(),
        }
    }
}

/// A norm that a specification may have, and what it has learned.
type MaybeNorm<'a, D> = (&'a Option<NormSpec>, &'a Option<NormWeights<D>>);

impl<D: Device> Decoder<D> {
    /// Computes the vectors of a batch's wanted tokens into `scratch.normed`; answers whether it
    /// was wanted to the end, which is asked before each half of a block.
    pub(super) fn run(&mut self, plan: &Plan, is_wanted: &dyn Fn() -> bool) -> bool {
        self.embed(plan);
        let Self { spec, device, weights, layers, scratch, .. } = self;
        for (i, (block, weights)) in spec.blocks.iter().zip(&weights.blocks).enumerate() {
            let mut is_finished = false;
            if is_wanted() {
                scratch.mix(device, block, (weights, &mut layers[i]), plan);
                is_finished = is_wanted();
            }
            if !is_finished {
                if !spec.causal {
                    move_cache(layers, i, 0);
                }
                return false;
            }
            scratch.transform(device, block, weights);
            if !spec.causal {
                move_cache(layers, i, (i + 1) % spec.n_layer());
            }
        }
        self.take_outputs(plan);
        true
    }

    fn embed(&mut self, plan: &Plan) {
        let Self { spec, device, weights, scratch, .. } = self;
        device.gather(&weights.token_embd, &plan.ids, &mut scratch.x);
        scale(device, &mut scratch.x, spec.embedding.scale);
        if let Some(positions) = &weights.positions {
            device.gather(positions, &plan.pos, &mut scratch.delta);
            device.add(&mut scratch.x, &scratch.delta);
        }
        if let Some(types) = &weights.token_types {
            device.gather(types, &vec![0; plan.ids.len()], &mut scratch.delta);
            device.add(&mut scratch.x, &scratch.delta);
        }
        scratch.norm_sum(device, (&spec.embedding.norm, &weights.embd_norm));
    }

    fn take_outputs(&mut self, plan: &Plan) {
        let Self { spec, device, weights, scratch, .. } = self;
        let Scratch { x, delta, normed, .. } = scratch;
        device.select(x, spec.n_embd, &plan.outputs, delta);
        match spec.output_norm.as_ref().zip(weights.output_norm.as_ref()) {
            Some(learned) => norm(device, learned, spec.n_embd, delta, normed),
            None => std::mem::swap(delta, normed),
        }
    }

    /// Computes the logits of what `run` has left, into `scratch.logits`.
    pub(super) fn project(&mut self) {
        let Self { spec, device, weights, scratch, .. } = self;
        let Scratch { normed, logits, .. } = scratch;
        let output = weights.output.as_ref().unwrap_or(&weights.token_embd);
        device.matmul(normed, [(output, logits)]);
        if let Some(bias) = &weights.output_bias {
            device.add_bias(logits, bias);
        }
        let Some(spec) = &spec.output else { return };
        scale(device, logits, spec.scale);
        if let Some(cap) = spec.softcap {
            device.softcap(logits, cap);
        }
    }
}

impl<D: Device> Scratch<D> {
    /// The first half of a block: its token mixer.
    fn mix(
        &mut self,
        device: &mut D,
        spec: &BlockSpec,
        (weights, layer): (&BlockWeights<D>, &mut Layer<D>),
        plan: &Plan,
    ) {
        self.norm_x(device, &spec.mixer_norm, &weights.mixer_norm);
        self.mix_tokens(device, (&spec.mixer, &weights.mixer), layer, plan);
        let post_norm = (&spec.mixer_post_norm, &weights.mixer_post_norm);
        self.finish_delta(device, post_norm, spec);
        if weights.wiring == Wiring::Parallel {
            std::mem::swap(&mut self.delta, &mut self.other_delta);
        } else {
            self.add_delta(device, post_norm, spec);
        }
    }

    /// The second half of a block: its channel mixer, where it has one.
    fn transform(&mut self, device: &mut D, spec: &BlockSpec, weights: &BlockWeights<D>) {
        let Some(channel) = spec.channel.as_ref().zip(weights.channel.as_ref()) else { return };
        // A parallel block without a norm of its own here takes what the token mixer took.
        if weights.wiring != Wiring::Parallel || weights.channel_norm.is_some() {
            self.norm_x(device, &spec.channel_norm, &weights.channel_norm);
        }
        match channel {
            (ChannelMixer::Mlp(spec), ChannelWeights::Mlp(weights)) => {
                self.mlp(device, spec.hidden, weights);
            }
            (ChannelMixer::Experts(spec), ChannelWeights::Experts(weights)) => {
                self.experts(device, spec, weights);
            }
            _ => unreachable!("weights are bound by the specification"),
        }
        let post_norm = (&spec.channel_post_norm, &weights.channel_post_norm);
        self.finish_delta(device, post_norm, spec);
        if weights.wiring == Wiring::Parallel {
            device.add(&mut self.x, &self.other_delta);
        }
        self.add_delta(device, post_norm, spec);
    }

    /// Adds to the residual; the norm behind a mixer may be on the sum.
    fn add_delta(&mut self, device: &mut D, post_norm: MaybeNorm<'_, D>, spec: &BlockSpec) {
        device.add(&mut self.x, &self.delta);
        if spec.wiring == Wiring::NormedSums {
            self.norm_sum(device, post_norm);
        }
    }

    /// `x = norm(x)`, where there is a norm.
    fn norm_sum(&mut self, device: &mut D, (spec, weights): MaybeNorm<'_, D>) {
        if let Some(learned) = spec.as_ref().zip(weights.as_ref()) {
            norm(device, learned, self.n_embd, &self.x, &mut self.part);
            std::mem::swap(&mut self.x, &mut self.part);
        }
    }

    fn mix_tokens(
        &mut self,
        device: &mut D,
        mixer: (&TokenMixer, &MixerWeights<D>),
        layer: &mut Layer<D>,
        plan: &Plan,
    ) {
        match (mixer, layer) {
            (
                (TokenMixer::Attention(spec), MixerWeights::Attention(weights)),
                Layer::Attention(layer),
            ) => self.attention(device, spec, weights, layer, plan),
            (
                (TokenMixer::Latent(spec), MixerWeights::Latent(weights)),
                Layer::Attention(layer),
            ) => {
                self.latent_attention(device, spec, weights, layer, plan);
            }
            (
                (TokenMixer::ShortConv(_), MixerWeights::ShortConv(weights)),
                Layer::Recurrent(layer),
            ) => {
                self.short_conv(device, weights, layer, plan);
            }
            ((TokenMixer::Ssm(spec), MixerWeights::Ssm(weights)), Layer::Recurrent(layer)) => {
                self.ssm(device, spec, weights, layer, plan);
            }
            (
                (TokenMixer::DeltaNet(spec), MixerWeights::DeltaNet(weights)),
                Layer::Recurrent(layer),
            ) => {
                self.delta_net(device, spec, weights, layer, plan);
            }
            _ => unreachable!("weights and layers are made by the specification"),
        }
    }

    /// `normed = norm(x)`, or `x` where there is no norm.
    fn norm_x(
        &mut self,
        device: &mut D,
        spec: &Option<NormSpec>,
        weights: &Option<NormWeights<D>>,
    ) {
        let width = self.n_embd;
        match spec.as_ref().zip(weights.as_ref()) {
            Some(learned) => norm(device, learned, width, &self.x, &mut self.normed),
            None => {
                let whole = Columns { width, start: 0 };
                device.copy_columns((&self.x, whole), (&mut self.normed, whole), width);
            }
        }
    }

    /// Norm and scale of what is to be added to the residual.
    fn finish_delta(
        &mut self,
        device: &mut D,
        (post_norm, weights): MaybeNorm<'_, D>,
        spec: &BlockSpec,
    ) {
        let post_norm = post_norm.as_ref().filter(|_| spec.wiring != Wiring::NormedSums);
        if let Some(learned) = post_norm.zip(weights.as_ref()) {
            norm(device, learned, self.n_embd, &self.delta, &mut self.part);
            std::mem::swap(&mut self.delta, &mut self.part);
        }
        scale(device, &mut self.delta, spec.residual_scale);
    }
}

/// Gives the memory of one block to another: nothing is kept of a text that is run as a whole, so
/// one cache serves all blocks, and is the first one's between batches.
fn move_cache<D: Device>(layers: &mut [Layer<D>], from: usize, to: usize) {
    if let Ok([Layer::Attention(from), Layer::Attention(to)]) = layers.get_disjoint_mut([from, to])
    {
        std::mem::swap(&mut from.cache, &mut to.cache);
    }
}

/// `out = norm(x)`, over vectors of `width`.
pub(super) fn norm<D: Device>(
    device: &mut D,
    (spec, weights): (&NormSpec, &NormWeights<D>),
    width: usize,
    x: &D::Buffer,
    out: &mut D::Buffer,
) {
    let NormSpec { kind, eps, .. } = *spec;
    let (weight, bias) = (weights.weight.as_ref(), weights.bias.as_ref());
    device.norm(Norm { kind, eps, width, weight, bias }, x, out);
}

/// `x *= factor`, where that changes anything.
fn scale<D: Device>(device: &mut D, x: &mut D::Buffer, factor: f32) {
    if factor != 1.0 {
        device.scale(x, factor);
    }
}
