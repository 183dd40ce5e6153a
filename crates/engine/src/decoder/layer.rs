//! What a block keeps between batches: its cache, and what its attention is made of.

use camelid_kernels::{Attention, KvType, Rope, RopeParams};

use super::memory::{Memory, state_lens};
use crate::{
    device::{CacheShape, Device, StatePlacement, Window},
    error::Result,
    spec::{AttentionSpec, LatentAttentionSpec, ModelSpec, RopeFactors, RopeSpec, TokenMixer},
    weights::{FactorSets, MixerWeights, Weights},
};

/// What a block keeps between batches.
pub(super) enum Layer<D: Device> {
    Attention(AttentionLayer<D>),
    Recurrent(RecurrentLayer<D>),
}

impl<D: Device> Layer<D> {
    pub(super) fn attention(&mut self) -> Option<&mut AttentionLayer<D>> {
        match self {
            Self::Attention(layer) => Some(layer),
            Self::Recurrent(_) => None,
        }
    }
}

/// States of every sequence.
pub(super) struct RecurrentLayer<D: Device> {
    /// The last few inputs of the convolution, `[d_conv - 1, n_channels]`.
    pub(super) conv: D::States,
    /// What heads have folded, `[n_head, k_dim, v_dim]`, where there are any.
    pub(super) scan: Option<D::States>,
}

impl<D: Device> RecurrentLayer<D> {
    pub(super) fn place(&mut self, device: &mut D, placement: StatePlacement) {
        device.place_state(&mut self.conv, placement);
        if let Some(states) = &mut self.scan {
            device.place_state(states, placement);
        }
    }
}

/// Keys and values, and how they are looked at.
pub(super) struct AttentionLayer<D: Device> {
    /// The page table of its cache.
    pub(super) table: usize,
    pub(super) cache: D::Cache,
    pub(super) rope: Option<Rope>,
    pub(super) attention: Attention,
    pub(super) window: Option<Window>,
}

/// Makes room for every block's cache; no sequence is longer than `n_ctx`.
pub(super) fn make_layers<D: Device>(
    (spec, weights): (&ModelSpec, &Weights<D>),
    device: &D,
    (memory, ty): (&Memory, KvType),
    n_ctx: usize,
) -> Result<Vec<Layer<D>>> {
    let layer = |(i, (mixer, weights_of_mixer)): (usize, (&TokenMixer, &MixerWeights<D>))| {
        if let Some((conv_len, scan_len)) = state_lens(mixer, spec.n_embd) {
            let states = |len| device.states(memory.n_states(), len);
            let scan = (scan_len > 0).then(|| states(scan_len)).transpose()?;
            return Ok(Layer::Recurrent(RecurrentLayer { conv: states(conv_len)?, scan }));
        }
        let (rope, attention, window) = match mixer {
            TokenMixer::Attention(spec) => {
                let sinks = match weights_of_mixer {
                    MixerWeights::Attention(weights) => weights.sinks.clone(),
                    _ => None,
                };
                (spec.rope.as_ref(), plain(spec, sinks), window(spec))
            }
            TokenMixer::Latent(spec) => (Some(&spec.rope), latent(spec), None),
            _ => unreachable!("what keeps a state has been made"),
        };
        let rope = rope.map(|rope| make_rope(rope, &weights.rope_factors, n_ctx)).transpose()?;
        let (table, n_pages) = memory.table_of(mixer, n_ctx);
        let shape = CacheShape {
            // Where nothing is kept, one cache goes from block to block.
            n_pages: if spec.causal || i == 0 { n_pages } else { 1 },
            n_head_kv: attention.n_head_kv,
            head_dim: attention.head_dim,
            ty,
            values_are_keys: matches!(mixer, TokenMixer::Latent(_)),
        };
        let cache = device.cache(shape)?;
        Ok(Layer::Attention(AttentionLayer { table, cache, rope, attention, window }))
    };
    let mixers = spec.blocks.iter().map(|block| &block.mixer);
    let weights_of_mixers = weights.blocks.iter().map(|block| &block.mixer);
    mixers.zip(weights_of_mixers).enumerate().map(layer).collect()
}

fn plain(spec: &AttentionSpec, sinks: Option<Vec<f32>>) -> Attention {
    let mut attention = Attention::new(spec.n_head, spec.n_head_kv, spec.head_dim);
    attention.scale = spec.scale;
    attention.softcap = spec.softcap;
    attention.sinks = sinks;
    attention.alibi_slopes = spec.max_alibi_bias.map(|max| alibi_slopes(spec.n_head, max));
    attention
}

fn window(spec: &AttentionSpec) -> Option<Window> {
    spec.window.map(|width| Window { shape: spec.window_shape, width })
}

/// All heads see the one latent, behind the lanes that turn.
fn latent(spec: &LatentAttentionSpec) -> Attention {
    let mut attention = Attention::new(spec.n_head, 1, spec.rope.n_rot + spec.kv_lora_rank);
    attention.scale = spec.scale;
    attention
}

fn make_rope(spec: &RopeSpec, sets: &FactorSets, n_ctx: usize) -> Result<Rope> {
    let factors = match spec.factors {
        RopeFactors::OneSet => &sets.one,
        RopeFactors::LongAndShort { n_ctx_orig } if n_ctx > n_ctx_orig => &sets.long,
        RopeFactors::LongAndShort { .. } => &sets.short,
    };
    let params = RopeParams {
        pairing: spec.pairing,
        n_rot: spec.n_rot,
        freq_base: spec.freq_base,
        freq_scale: spec.freq_scale,
        factors: factors.as_deref(),
        yarn: spec.yarn,
    };
    Ok(Rope::from_params(&params)?.with_attn_scale(spec.magnitude))
}

/// ALiBi's slopes, `[n_head]`: a geometric series whose last is `2^-max_bias`. Heads beyond a
/// power of two take every other slope of the series twice as dense.
///
/// Source: Press et al., "Train Short, Test Long".
fn alibi_slopes(n_head: usize, max_bias: f32) -> Vec<f32> {
    let n = 1 << n_head.ilog2();
    let series = |n: usize, i: usize| (-max_bias * i as f32 / n as f32).exp2();
    (1..=n_head)
        .map(|i| if i <= n { series(n, i) } else { series(2 * n, 2 * (i - n) - 1) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_paper() {
        assert_eq!(alibi_slopes(8, 8.0)[..3], [0.5, 0.25, 0.125]);
        assert_eq!(alibi_slopes(2, 8.0), [0.0625, 0.003_906_25]);
        assert_eq!(alibi_slopes(3, 8.0), [0.0625, 0.003_906_25, 0.25]);
    }
}
