//! Attention over cached keys and values.

use camelid_kernels::Rope;

use super::{
    forward::{Scratch, norm},
    layer::AttentionLayer,
    plan::{Plan, Span},
};
use crate::{
    device::{Columns, Device},
    spec::{AttentionSpec, PositionScale, QkNormSpan, QkNormSpec},
    weights::{AttentionWeights, apply_each},
};

impl<D: Device> Scratch<D> {
    /// `delta = output(attention(q, k, v))` of the normed residual.
    pub(super) fn attention(
        &mut self,
        device: &mut D,
        spec: &AttentionSpec,
        weights: &AttentionWeights<D>,
        layer: &mut AttentionLayer<D>,
        plan: &Plan,
    ) {
        let Self { normed, q, k, v, part, .. } = self;
        let queries = if spec.gated { part } else { q };
        let products = [(&weights.q, queries), (&weights.k, k), (&weights.v, v)];
        apply_each(device, normed, products);
        if spec.gated {
            self.split_gates(device, spec.head_dim);
        }
        if let Some(clamp) = spec.clamp {
            for x in [&mut self.q, &mut self.k, &mut self.v] {
                device.clamp(x, clamp);
            }
        }
        if let Some(qk_norm) = &spec.qk_norm {
            self.qk_norm(device, (qk_norm, spec), weights);
        }
        if let Some(rope) = &layer.rope {
            self.turn(device, rope, spec.head_dim, &plan.pos);
        }
        if let Some(position_scale) = spec.position_scale {
            device.scale_rows(&mut self.q, &position_factors(position_scale, &plan.pos));
        }
        let Span { slots, views } = &plan.spans[layer.table];
        device.store(&mut layer.cache, slots, &self.k, &self.v);
        let AttentionLayer { attention, window, cache, .. } = layer;
        device.attention((attention, *window), cache, views, &self.q, &mut self.seen);
        if spec.gated {
            device.gate(&mut self.seen, &self.gate);
        }
        weights.output.apply(device, &self.seen, &mut self.delta);
    }

    /// `q`, and in `gate` what lies behind each head's query; both from `part`.
    fn split_gates(&mut self, device: &mut D, head_dim: usize) {
        let own = Columns { width: head_dim, start: 0 };
        for (start, out) in [(0, &mut self.q), (head_dim, &mut self.gate)] {
            let from = Columns { width: 2 * head_dim, start };
            device.copy_columns((&self.part, from), (out, own), head_dim);
        }
    }

    fn qk_norm(
        &mut self,
        device: &mut D,
        (qk_norm, spec): (&QkNormSpec, &AttentionSpec),
        weights: &AttentionWeights<D>,
    ) {
        let sides = [
            (&qk_norm.q, &weights.q_norm, &mut self.q, spec.n_head),
            (&qk_norm.k, &weights.k_norm, &mut self.k, spec.n_head_kv),
        ];
        for (norm_spec, weights, x, n_head) in sides {
            let width = match qk_norm.span {
                QkNormSpan::Head | QkNormSpan::OwnHead => spec.head_dim,
                QkNormSpan::Token => n_head * spec.head_dim,
            };
            if let Some(weights) = weights {
                norm(device, (norm_spec, weights), width, x, &mut self.part);
                std::mem::swap(x, &mut self.part);
            }
        }
    }

    fn turn(&mut self, device: &mut D, rope: &Rope, head_dim: usize, pos: &[u32]) {
        device.rope(&mut self.q, head_dim, pos, rope);
        device.rope(&mut self.k, head_dim, pos, rope);
    }
}

fn position_factors(spec: PositionScale, pos: &[u32]) -> Vec<f32> {
    let steps = |pos: u32| ((pos as usize + spec.offset) / spec.step) as f32;
    pos.iter().map(|&pos| 1.0 + spec.factor * (1.0 + steps(pos)).ln()).collect()
}
