//! Walks a specification and binds what each part needs; the mixers have files of their own.

use std::sync::Arc;

use camelid_gguf::GgufFile;

use super::{BlockWeights, ChannelWeights, FactorSets, MixerWeights, Weights, binder::Binder};
use crate::{
    device::Device,
    error::Result,
    spec::{
        BlockSpec, ChannelMixer, ModelSpec, NormSpec, Presence, RopeFactors, RopeSpec, TokenMixer,
        Wiring,
    },
};

impl<D: Device> Weights<D> {
    /// Finds, checks and takes into use all tensors of a model.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) naming every tensor that does not fit; the
    /// device's errors.
    pub(crate) fn bind(spec: &ModelSpec, file: &Arc<GgufFile>, device: &D) -> Result<Self> {
        let mut binder = Binder::new(file, device);
        let weights = binder.model(spec);
        binder.finish()?;
        Ok(weights.expect("every tensor is there, or there was a problem"))
    }
}

impl<D: Device> Binder<'_, D> {
    fn model(&mut self, spec: &ModelSpec) -> Option<Weights<D>> {
        let (n_vocab, n_embd) = (spec.n_vocab, spec.n_embd);
        let token_embd = self.matrix("token_embd.weight", n_vocab, n_embd);
        let positions = self.matrix_if(
            spec.embedding.positions,
            "position_embd.weight",
            (spec.n_ctx_train, n_embd),
        );
        let token_types = match spec.embedding.n_token_types {
            0 => None,
            n => self.matrix_if(Presence::Optional, "token_types.weight", (n, n_embd)),
        };
        let mut norm =
            |norm: &Option<NormSpec>| norm.as_ref().and_then(|norm| self.norm("", norm, &[n_embd]));
        let embd_norm = norm(&spec.embedding.norm);
        let output_norm = norm(&spec.output_norm);
        let absent = (Presence::Absent, Presence::Absent);
        let (weight, bias) = spec.output.as_ref().map_or(absent, |spec| (spec.weight, spec.bias));
        let output = self.matrix_if(weight, "output.weight", (n_vocab, n_embd));
        let output_bias = self.vector_if(bias, "output.bias", &[n_vocab]);
        let head = self.head(&spec.head, n_embd);
        let rope_factors = self.rope_factors(spec);
        let mut blocks = Vec::with_capacity(spec.n_layer());
        for (i, block) in spec.blocks.iter().enumerate() {
            blocks.extend(self.block(&format!("blk.{i}."), block, n_embd));
        }
        for i in (spec.n_layer()..).take(spec.n_layer_nextn) {
            self.let_be(format!("blk.{i}."));
        }
        Some(Weights {
            token_embd: token_embd?,
            positions,
            token_types,
            embd_norm,
            blocks,
            output_norm,
            output,
            output_bias,
            rope_factors: rope_factors?,
            head: head?,
        })
    }

    fn block(&mut self, blk: &str, spec: &BlockSpec, n_embd: usize) -> Option<BlockWeights<D>> {
        let mut norm = |norm: &Option<NormSpec>| {
            norm.as_ref().map(|norm| self.norm(blk, norm, &[n_embd])).unwrap_or_default()
        };
        let (mixer_norm, mixer_post_norm) = (norm(&spec.mixer_norm), norm(&spec.mixer_post_norm));
        let (channel_norm, channel_post_norm) =
            (norm(&spec.channel_norm), norm(&spec.channel_post_norm));
        let mixer = match &spec.mixer {
            TokenMixer::Attention(spec) => {
                self.attention(blk, spec, n_embd).map(MixerWeights::Attention)
            }
            TokenMixer::Latent(spec) => self.latent(blk, spec, n_embd).map(MixerWeights::Latent),
            TokenMixer::ShortConv(spec) => {
                self.short_conv(blk, spec, n_embd).map(MixerWeights::ShortConv)
            }
            TokenMixer::Ssm(spec) => self.ssm(blk, spec, n_embd).map(MixerWeights::Ssm),
            TokenMixer::DeltaNet(spec) => {
                self.delta_net(blk, spec, n_embd).map(MixerWeights::DeltaNet)
            }
        };
        let mut bind = |channel: &ChannelMixer| match channel {
            ChannelMixer::Mlp(spec) => self.mlp([blk, ""], spec, n_embd).map(ChannelWeights::Mlp),
            ChannelMixer::Experts(spec) => {
                self.experts(blk, spec, n_embd).map(ChannelWeights::Experts)
            }
        };
        let channel = spec.channel.as_ref().map(&mut bind);
        let wiring = match (spec.wiring, &channel_norm) {
            (Wiring::ByChannelNorm, Some(_)) => Wiring::Sequential,
            (Wiring::ByChannelNorm, None) => Wiring::Parallel,
            (wiring, _) => wiring,
        };
        let mixer = mixer?;
        let channel = match channel {
            Some(channel) => Some(channel?),
            None => None,
        };
        Some(BlockWeights {
            wiring,
            mixer_norm,
            mixer,
            mixer_post_norm,
            channel_norm,
            channel,
            channel_post_norm,
        })
    }

    fn rope_factors(&mut self, spec: &ModelSpec) -> Option<FactorSets> {
        let mut ropes = spec.blocks.iter().filter_map(rope_of);
        let Some(rope) = ropes.clone().next() else { return Some(FactorSets::default()) };
        let shape = [rope.n_rot / 2];
        let takes_one = ropes.clone().any(|rope| rope.factors == RopeFactors::OneSet);
        let takes_two = ropes.any(|rope| rope.factors != RopeFactors::OneSet);
        let mut sets = FactorSets::default();
        if takes_one && self.has("rope_freqs.weight") {
            sets.one = Some(self.values("rope_freqs.weight", &shape)?);
        }
        let (long, short) = ("rope_factors_long.weight", "rope_factors_short.weight");
        if takes_two && (self.has(long) || self.has(short)) {
            let (long, short) = (self.values(long, &shape), self.values(short, &shape));
            (sets.long, sets.short) = (Some(long?), Some(short?));
        }
        Some(sets)
    }
}

fn rope_of(block: &BlockSpec) -> Option<&RopeSpec> {
    match &block.mixer {
        TokenMixer::Attention(attention) => attention.rope.as_ref(),
        TokenMixer::Latent(latent) => Some(&latent.rope),
        TokenMixer::ShortConv(_) | TokenMixer::Ssm(_) | TokenMixer::DeltaNet(_) => None,
    }
}
