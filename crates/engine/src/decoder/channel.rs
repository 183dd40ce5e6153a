//! Channel mixers: a perceptron for every token, or experts that share them out.

use super::{
    forward::Scratch,
    routing::{self, Assignment},
};
use crate::{
    device::Device,
    spec::{ExpertsSpec, HiddenLayer},
    weights::{ExpertsWeights, MlpWeights, SharedExpertWeights, apply_each},
};

impl<D: Device> Scratch<D> {
    /// `delta = down(hidden(gate, up))` of the normed residual.
    pub(super) fn mlp(&mut self, device: &mut D, hidden: HiddenLayer, weights: &MlpWeights<D>) {
        let Self { normed, gate, up, delta, .. } = self;
        perceptron(device, (hidden, weights), normed, [gate, up], delta);
    }

    /// `delta = sum over the chosen experts of weight * expert` of the normed residual, or with the
    /// weight on what the expert is given.
    ///
    /// Each expert runs once, over all tokens that chose it; a token's sum is in the order of its
    /// experts' numbers, so that it does not depend on the batch.
    pub(super) fn experts(
        &mut self,
        device: &mut D,
        spec: &ExpertsSpec,
        weights: &ExpertsWeights<D>,
    ) {
        let n_embd = self.n_embd;
        let assignments = self.route(device, spec, weights);
        let n_tokens = assignments.n_tokens;
        let ones = vec![1.0; n_tokens];
        device.zeros(&mut self.delta, n_tokens * n_embd);
        for (mlp, chosen) in weights.experts.iter().zip(&assignments.experts) {
            if chosen.tokens.is_empty() {
                continue;
            }
            let Self { normed, gate, up, part, other_part, delta, .. } = self;
            device.select(normed, n_embd, &chosen.tokens, part);
            let mut factors = chosen.weights.as_slice();
            if spec.weighs_input {
                device.scale_rows(part, factors);
                factors = &ones[..factors.len()];
            }
            perceptron(device, (spec.hidden, mlp), part, [gate, up], other_part);
            device.scatter_add(delta, n_embd, (&chosen.tokens, factors), other_part);
        }
        if let Some(shared) = &weights.shared {
            self.shared_expert(device, spec.hidden, shared);
        }
    }

    fn route(
        &mut self,
        device: &mut D,
        spec: &ExpertsSpec,
        weights: &ExpertsWeights<D>,
    ) -> Assignment {
        weights.router.apply(device, &self.normed, &mut self.part);
        let scores = device.read(&self.part, &mut self.host);
        routing::assign(spec, weights.selection_bias.as_deref(), scores)
    }

    fn shared_expert(
        &mut self,
        device: &mut D,
        hidden: HiddenLayer,
        weights: &SharedExpertWeights<D>,
    ) {
        let Self { normed, gate, up, part, other_part, delta, host, .. } = self;
        perceptron(device, (hidden, &weights.mlp), normed, [gate, up], other_part);
        if let Some(score) = &weights.gate {
            device.matmul(normed, [(score, part)]);
            let sigmoid = |&score: &f32| 1.0 / (1.0 + (-score).exp());
            let factors: Vec<f32> = device.read(part, host).iter().map(sigmoid).collect();
            device.scale_rows(other_part, &factors);
        }
        device.add(delta, other_part);
    }
}

/// `out = down(hidden(gate, up))` of `x`.
fn perceptron<D: Device>(
    device: &mut D,
    (hidden, weights): (HiddenLayer, &MlpWeights<D>),
    x: &D::Buffer,
    [gate, up]: [&mut D::Buffer; 2],
    out: &mut D::Buffer,
) {
    match &weights.gate {
        None => weights.up.apply(device, x, up),
        Some(gate_weights) => apply_each(device, x, [(&weights.up, up), (gate_weights, gate)]),
    }
    let inner = match hidden {
        HiddenLayer::Plain(act) => {
            device.activate(act, up);
            up
        }
        HiddenLayer::Gated(act) => {
            device.activate_mul(act, gate, up);
            gate
        }
        HiddenLayer::GatedClamped { alpha, limit } => {
            device.clamped_gate((alpha, limit), gate, up);
            gate
        }
    };
    weights.down.apply(device, inner, out);
}
