//! Latent attention: what is cached is one short vector per token.
//!
//! A head's key is `[W_k · c, r]` with the token's latent `c` and the shared turned part `r`, its
//! value `W_v · c`. Since `q · (W_k · c) = (W_kᵀ · q) · c`, queries are brought into the latent
//! space, and all heads attend to the same `[r, c]` as if it were the only key head; the values
//! they take are that vector too, from which `W_v` makes the head's result. The turned lanes come
//! first, where a rope expects them.
//!
//! The cache stores `[r, c]` once, as key and value.

use super::{
    forward::{Scratch, norm},
    layer::AttentionLayer,
    plan::{Plan, Span},
};
use crate::{
    device::{Columns, Device},
    spec::LatentAttentionSpec,
    weights::{LatentWeights, apply_each},
};

impl<D: Device> Scratch<D> {
    /// `delta = output(attention)` of the normed residual.
    pub(super) fn latent_attention(
        &mut self,
        device: &mut D,
        spec: &LatentAttentionSpec,
        weights: &LatentWeights<D>,
        layer: &mut AttentionLayer<D>,
        plan: &Plan,
    ) {
        self.latent_parts(device, spec, weights);
        self.latent_queries(device, spec, weights);
        self.latent_keys(device, spec, weights);
        let head_dim = spec.rope.n_rot + spec.kv_lora_rank;
        if let Some(rope) = &layer.rope {
            device.rope(&mut self.q, head_dim, &plan.pos, rope);
            device.rope(&mut self.k, head_dim, &plan.pos, rope);
        }
        let Span { slots, views } = &plan.spans[layer.table];
        device.store(&mut layer.cache, slots, &self.k, &self.k);
        let attention = (&layer.attention, layer.window);
        device.attention(attention, &layer.cache, views, &self.q, &mut self.v);
        self.latent_values(device, spec, weights);
        weights.output.apply(device, &self.seen, &mut self.delta);
    }

    /// What is made of the normed residual: in `v` the heads' queries, in `seen` what is cached,
    /// before its norm.
    fn latent_parts(
        &mut self,
        device: &mut D,
        spec: &LatentAttentionSpec,
        weights: &LatentWeights<D>,
    ) {
        let Self { normed, v, seen, part, other_part, .. } = self;
        match weights.q_a.as_ref().zip(spec.q_lora.as_ref()) {
            Some(((q_a, norm_weights), (rank, norm_spec))) => {
                apply_each(device, normed, [(q_a, &mut *part), (&weights.kv_a, seen)]);
                norm(device, (norm_spec, norm_weights), *rank, part, other_part);
                weights.q.apply(device, other_part, v);
            }
            None => apply_each(device, normed, [(&weights.q, v), (&weights.kv_a, seen)]),
        }
    }

    /// `q`: each head's query in the latent space, `[n_tokens, n_head, n_rot + kv_lora_rank]`.
    fn latent_queries(
        &mut self,
        device: &mut D,
        spec: &LatentAttentionSpec,
        weights: &LatentWeights<D>,
    ) {
        let n_rot = spec.rope.n_rot;
        let (from_dim, to_dim) = (spec.nope_dim + n_rot, n_rot + spec.kv_lora_rank);
        let (from_width, to_width) = (spec.n_head * from_dim, spec.n_head * to_dim);
        for (h, k_b) in weights.k_b.iter().enumerate() {
            let from = Columns { width: from_width, start: h * from_dim };
            let part = Columns { width: spec.nope_dim, start: 0 };
            device.copy_columns((&self.v, from), (&mut self.part, part), spec.nope_dim);
            device.matmul(&self.part, [(k_b, &mut self.other_part)]);
            let latent = Columns { width: spec.kv_lora_rank, start: 0 };
            let to = Columns { width: to_width, start: h * to_dim + n_rot };
            device.copy_columns((&self.other_part, latent), (&mut self.q, to), spec.kv_lora_rank);
            let from = Columns { width: from_width, start: h * from_dim + spec.nope_dim };
            let to = Columns { width: to_width, start: h * to_dim };
            device.copy_columns((&self.v, from), (&mut self.q, to), n_rot);
        }
    }

    /// `k`: what is cached, `[n_tokens, n_rot + kv_lora_rank]`.
    fn latent_keys(
        &mut self,
        device: &mut D,
        spec: &LatentAttentionSpec,
        weights: &LatentWeights<D>,
    ) {
        let (n_rot, rank) = (spec.rope.n_rot, spec.kv_lora_rank);
        let width = n_rot + rank;
        let latent = Columns { width: rank, start: 0 };
        let cached = Columns { width, start: 0 };
        device.copy_columns((&self.seen, cached), (&mut self.part, latent), rank);
        let learned = (&spec.kv_norm, &weights.kv_norm);
        norm(device, learned, rank, &self.part, &mut self.other_part);
        let to = Columns { width, start: n_rot };
        device.copy_columns((&self.other_part, latent), (&mut self.k, to), rank);
        let from = Columns { width, start: rank };
        device.copy_columns((&self.seen, from), (&mut self.k, cached), n_rot);
    }

    /// `seen`: each head's value, `[n_tokens, n_head, value_dim]`.
    fn latent_values(
        &mut self,
        device: &mut D,
        spec: &LatentAttentionSpec,
        weights: &LatentWeights<D>,
    ) {
        let (n_rot, rank) = (spec.rope.n_rot, spec.kv_lora_rank);
        let head_dim = n_rot + rank;
        for (h, v_b) in weights.v_b.iter().enumerate() {
            let from = Columns { width: spec.n_head * head_dim, start: h * head_dim + n_rot };
            let latent = Columns { width: rank, start: 0 };
            device.copy_columns((&self.v, from), (&mut self.part, latent), rank);
            device.matmul(&self.part, [(v_b, &mut self.other_part)]);
            let value = Columns { width: spec.value_dim, start: 0 };
            let to = Columns { width: spec.n_head * spec.value_dim, start: h * spec.value_dim };
            device.copy_columns((&self.other_part, value), (&mut self.seen, to), spec.value_dim);
        }
    }
}
