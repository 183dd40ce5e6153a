//! Binds token mixers: attention and latent attention.

use super::{
    AttentionWeights, LatentWeights, Linear, NO_BIAS, NormWeights, TensorSource, binder::Binder,
};
use crate::{
    device::Device,
    spec::{AttentionSpec, LatentAttentionSpec, Presence, QkNormSpan},
};

/// Ways into the latent space and out of it, one for each head.
type HeadSources = (Vec<TensorSource>, Vec<TensorSource>);

impl<D: Device> Binder<'_, D> {
    pub(super) fn attention(
        &mut self,
        blk: &str,
        spec: &AttentionSpec,
        n_embd: usize,
    ) -> Option<AttentionWeights<D>> {
        let n_q = spec.n_head * spec.head_dim;
        let n_kv = spec.n_head_kv * spec.head_dim;
        // A gate lies behind each head's query.
        let n_q_rows = if spec.gated { 2 * n_q } else { n_q };
        let qkv = self.qkv(blk, spec.qkv_bias, ([n_q_rows, n_kv, n_kv], n_embd));
        let output = self.first_of(blk, ["attn_out", "attn_output"], ".weight");
        let output = self.linear(&output, (n_embd, n_q), spec.output_bias);
        let (q_norm, k_norm) = self.qk_norms(blk, spec);
        let sinks = match spec.sinks {
            true => {
                let name = self.first_of(blk, ["attn_sinks", "attn_sinks.weight"], "");
                Some(self.values(&name, &[spec.n_head])?)
            }
            false => None,
        };
        let [q, k, v] = qkv?;
        Some(AttentionWeights { q, k, v, output: output?, q_norm, k_norm, sinks })
    }

    /// The name, of Ollama's and of the usual one, that the file has with this ending; else the
    /// usual one.
    fn first_of(&self, blk: &str, [ollama, usual]: [&str; 2], ending: &str) -> String {
        let name = if self.has(&format!("{blk}{ollama}{ending}")) { ollama } else { usual };
        format!("{blk}{name}")
    }

    /// Queries, keys and values: one tensor or three.
    fn qkv(
        &mut self,
        blk: &str,
        bias: Presence,
        (counts, n_cols): ([usize; 3], usize),
    ) -> Option<[Linear<D>; 3]> {
        let fused = format!("{blk}attn_qkv");
        if self.has(&format!("{fused}.weight")) {
            return self.fused_linears(&fused, (counts, n_cols), bias);
        }
        let mut linear =
            |name, n_rows| self.linear(&format!("{blk}{name}"), (n_rows, n_cols), bias);
        let (q, k, v) =
            (linear("attn_q", counts[0]), linear("attn_k", counts[1]), linear("attn_v", counts[2]));
        Some([q?, k?, v?])
    }

    fn qk_norms(
        &mut self,
        blk: &str,
        spec: &AttentionSpec,
    ) -> (Option<NormWeights<D>>, Option<NormWeights<D>>) {
        let Some(qk_norm) = &spec.qk_norm else { return (None, None) };
        let shape = |n_head| match qk_norm.span {
            QkNormSpan::Head => vec![spec.head_dim],
            QkNormSpan::OwnHead => vec![n_head, spec.head_dim],
            QkNormSpan::Token => vec![n_head * spec.head_dim],
        };
        (
            self.norm(blk, &qk_norm.q, &shape(spec.n_head)),
            self.norm(blk, &qk_norm.k, &shape(spec.n_head_kv)),
        )
    }

    pub(super) fn latent(
        &mut self,
        blk: &str,
        spec: &LatentAttentionSpec,
        n_embd: usize,
    ) -> Option<LatentWeights<D>> {
        let n_rot = spec.rope.n_rot;
        let n_q = spec.n_head * (spec.nope_dim + n_rot);
        let (q_a, q) = match &spec.q_lora {
            Some((rank, norm)) => {
                let q_a = self.linear(&format!("{blk}attn_q_a"), (*rank, n_embd), NO_BIAS);
                let norm = self.norm(blk, norm, &[*rank]);
                let q = self.linear(&format!("{blk}attn_q_b"), (n_q, *rank), NO_BIAS);
                (Some(q_a.zip(norm)), q)
            }
            None => (None, self.linear(&format!("{blk}attn_q"), (n_q, n_embd), NO_BIAS)),
        };
        let n_kv_a = spec.kv_lora_rank + n_rot;
        let kv_a = self.linear(&format!("{blk}attn_kv_a_mqa"), (n_kv_a, n_embd), NO_BIAS);
        let kv_norm = self.norm(blk, &spec.kv_norm, &[spec.kv_lora_rank]);
        let n_seen = spec.n_head * spec.value_dim;
        let output = self.linear(&format!("{blk}attn_output"), (n_embd, n_seen), NO_BIAS);
        let (k_b, v_b) = self.latent_heads(blk, spec)?;
        let k_b: Option<_> = k_b.iter().map(|head| self.take_matrix(head)).collect();
        let v_b: Option<_> = v_b.iter().map(|head| self.take_matrix(head)).collect();
        let q_a = match q_a {
            Some(bound) => Some(bound?),
            None => None,
        };
        Some(LatentWeights {
            q_a,
            q: q?,
            kv_a: kv_a?,
            kv_norm: kv_norm?,
            k_b: k_b?,
            v_b: v_b?,
            output: output?,
        })
    }

    /// The way into the latent space and out of it, for each head: two tensors, or in older files
    /// one that holds for each head a way *out* for keys and one for values.
    fn latent_heads(&mut self, blk: &str, spec: &LatentAttentionSpec) -> Option<HeadSources> {
        if self.has(&format!("{blk}attn_kv_b.weight")) {
            return self.heads_of_one_tensor(blk, spec);
        }
        let &LatentAttentionSpec { n_head, nope_dim, value_dim, kv_lora_rank, .. } = spec;
        let k_b = [n_head, kv_lora_rank, nope_dim];
        let v_b = [n_head, value_dim, kv_lora_rank];
        let k_b = self.source(&format!("{blk}attn_k_b.weight"), &k_b);
        let v_b = self.source(&format!("{blk}attn_v_b.weight"), &v_b);
        Some((
            k_b?.split_rows(&vec![kv_lora_rank; n_head]),
            v_b?.split_rows(&vec![value_dim; n_head]),
        ))
    }

    /// The part for keys is turned round, which takes memory of its own, in F32.
    fn heads_of_one_tensor(
        &mut self,
        blk: &str,
        spec: &LatentAttentionSpec,
    ) -> Option<HeadSources> {
        let &LatentAttentionSpec { n_head, nope_dim, value_dim, kv_lora_rank, .. } = spec;
        let name = format!("{blk}attn_kv_b.weight");
        let n_rows = n_head * (nope_dim + value_dim);
        let whole = self.source(&name, &[n_rows, kv_lora_rank])?;
        let (mut k_b, mut v_b) = (Vec::with_capacity(n_head), Vec::with_capacity(n_head));
        for head in whole.split_rows(&vec![nope_dim + value_dim; n_head]) {
            let parts = head.split_rows(&[nope_dim, value_dim]);
            let keys = self.take_vector(&parts[0])?;
            let transposed = transpose(&self.read(&keys), kv_lora_rank);
            k_b.push(TensorSource::computed(&name, nope_dim, &transposed));
            v_b.extend(parts.into_iter().nth(1));
        }
        Some((k_b, v_b))
    }
}

/// `[n_rows, n_cols]` to `[n_cols, n_rows]`.
pub(super) fn transpose(x: &[f32], n_cols: usize) -> Vec<f32> {
    let n_rows = x.len() / n_cols;
    (0..n_cols).flat_map(|col| (0..n_rows).map(move |row| x[row * n_cols + col])).collect()
}
