//! Token mixers that keep a state: short convolution, state space model, gated delta net.

use super::{
    forward::{Scratch, norm},
    layer::RecurrentLayer,
    plan::Plan,
};
use crate::{
    device::{Columns, Device, Norm, StateScan},
    spec::{Activation, DeltaNetSpec, NormKind, SsmSpec},
    weights::{DeltaGates, DeltaNetWeights, ShortConvWeights, SsmWeights, apply_each},
};

impl<D: Device> Scratch<D> {
    /// `delta = output(c * conv(b * x))` of the normed residual.
    pub(super) fn short_conv(
        &mut self,
        device: &mut D,
        weights: &ShortConvWeights<D>,
        layer: &mut RecurrentLayer<D>,
        plan: &Plan,
    ) {
        let Self { normed, q, k, v, .. } = self;
        apply_each(device, normed, [(&weights.b, q), (&weights.c, k), (&weights.x, v)]);
        device.mul(&mut self.q, &self.v);
        let states = (&mut layer.conv, &plan.runs[..]);
        device.conv(states, (&weights.conv, None), &self.q, &mut self.seen);
        device.mul(&mut self.seen, &self.k);
        weights.output.apply(device, &self.seen, &mut self.delta);
    }

    /// `delta = output(norm(silu(z) * scan(C, B, x)))` of the normed residual.
    pub(super) fn ssm(
        &mut self,
        device: &mut D,
        spec: &SsmSpec,
        weights: &SsmWeights<D>,
        layer: &mut RecurrentLayer<D>,
        plan: &Plan,
    ) {
        let Self { normed, gate, up, part, .. } = self;
        let products = [(&weights.z, gate), (&weights.dt, up), (&weights.xbc, part)];
        apply_each(device, normed, products);
        let conv = (&weights.conv, weights.conv_bias.as_ref());
        device.conv((&mut layer.conv, &plan.runs), conv, &self.part, &mut self.other_part);
        device.activate(Activation::Silu, &mut self.other_part);
        let (d_inner, n_bc) = (spec.d_inner(), spec.n_group * spec.d_state);
        let parts = [(&mut self.v, d_inner), (&mut self.k, n_bc), (&mut self.q, n_bc)];
        split_columns(device, &self.other_part, parts);
        let scan = StateScan {
            n_head: spec.n_head,
            n_group: spec.n_group,
            order: camelid_kernels::HeadOrder::Blocks,
            k_dim: spec.d_state,
            v_dim: spec.head_dim,
            a: &weights.a,
            dt_bias: &weights.dt_bias,
            skip: Some(&weights.skip),
            q: &self.q,
            k: &self.k,
            v: &self.v,
            dt: &self.up,
            beta: None,
        };
        let states = layer.scan.as_mut().expect("a state space model has states");
        device.scan((states, &plan.runs), scan, &mut self.seen);
        device.activate_mul(Activation::Silu, &mut self.gate, &self.seen);
        let learned = (&spec.norm, &weights.norm);
        norm(device, learned, d_inner / spec.n_group, &self.gate, &mut self.part);
        weights.output.apply(device, &self.part, &mut self.delta);
    }

    /// `delta = output(norm(scan(q, k, v)) * silu(z))` of the normed residual.
    pub(super) fn delta_net(
        &mut self,
        device: &mut D,
        spec: &DeltaNetSpec,
        weights: &DeltaNetWeights<D>,
        layer: &mut RecurrentLayer<D>,
        plan: &Plan,
    ) {
        self.delta_parts(device, spec, weights);
        let states = (&mut layer.conv, &plan.runs[..]);
        device.conv(states, (&weights.conv, None), &self.part, &mut self.seen);
        device.activate(Activation::Silu, &mut self.seen);
        let n_key = spec.n_group * spec.k_dim;
        let n_value = spec.n_head * spec.v_dim;
        let parts = [(&mut self.part, n_key), (&mut self.delta, n_key), (&mut self.v, n_value)];
        split_columns(device, &self.seen, parts);
        // Scores are divided by the root of the width, as in attention.
        let width = spec.k_dim as f32;
        unit_length(device, spec, 1.0 / width.sqrt(), &self.part, &mut self.q);
        unit_length(device, spec, 1.0, &self.delta, &mut self.k);
        let scan = StateScan {
            n_head: spec.n_head,
            n_group: spec.n_group,
            order: spec.order,
            k_dim: spec.k_dim,
            v_dim: spec.v_dim,
            a: &weights.a,
            dt_bias: &weights.dt_bias,
            skip: None,
            q: &self.q,
            k: &self.k,
            v: &self.v,
            dt: &self.up,
            beta: Some(&self.other_part),
        };
        let states = layer.scan.as_mut().expect("a delta net has states");
        device.scan((states, &plan.runs), scan, &mut self.seen);
        norm(device, (&spec.norm, &weights.norm), spec.v_dim, &self.seen, &mut self.part);
        device.activate_mul(Activation::Silu, &mut self.gate, &self.part);
        weights.output.apply(device, &self.gate, &mut self.delta);
    }

    /// What is made of the normed residual: `z` in `gate`, queries, keys and values in `part`,
    /// steps in `up` and shares in `other_part`.
    fn delta_parts(
        &mut self,
        device: &mut D,
        spec: &DeltaNetSpec,
        DeltaNetWeights { z, qkv, gates, .. }: &DeltaNetWeights<D>,
    ) {
        let Self { normed, gate, part, up, other_part, q, .. } = self;
        match gates {
            DeltaGates::Fused(gates) => {
                apply_each(device, normed, [(z, gate), (qkv, part), (gates, &mut *q)]);
                // Each key head's shares and steps are a row.
                let n = spec.n_head / spec.n_group;
                let own = Columns { width: n, start: 0 };
                for (start, out) in [(0, other_part), (n, up)] {
                    let from = Columns { width: 2 * n, start };
                    device.copy_columns((q, from), (out, own), n);
                }
            }
            DeltaGates::Own { beta, dt } => {
                let products = [(z, gate), (qkv, part), (beta, other_part), (dt, up)];
                apply_each(device, normed, products);
            }
        }
    }
}

/// Takes rows apart into neighbouring columns: buffers and their widths.
fn split_columns<D: Device>(device: &mut D, x: &D::Buffer, parts: [(&mut D::Buffer, usize); 3]) {
    let width = parts.iter().map(|(_, n)| n).sum();
    let mut start = 0;
    for (out, n) in parts {
        let from = Columns { width, start };
        device.copy_columns((x, from), (out, Columns { width: n, start: 0 }), n);
        start += n;
    }
}

/// `out = x * scale / |x|` for each query or key.
fn unit_length<D: Device>(
    device: &mut D,
    spec: &DeltaNetSpec,
    scale: f32,
    x: &D::Buffer,
    out: &mut D::Buffer,
) {
    // The length is the root of the mean square times that of the width.
    let n = spec.k_dim as f32;
    let eps = spec.norm.eps / n;
    let norm = Norm { kind: NormKind::Rms, eps, width: spec.k_dim, weight: None, bias: None };
    device.norm(norm, x, out);
    device.scale(out, scale / n.sqrt());
}
