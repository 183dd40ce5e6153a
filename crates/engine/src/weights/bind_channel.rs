//! Binds channel mixers: perceptrons and experts.

use super::{
    ExpertsWeights, Linear, MlpWeights, SharedExpertWeights, TensorSource, binder::Binder,
};
use crate::{
    device::Device,
    spec::{ExpertsSpec, MlpSpec, Presence, SharedExpertSpec},
};

/// The gates, where there are any, and the ups of all experts.
type GatesAndUps<D> = (Vec<Option<Linear<D>>>, Vec<Linear<D>>);

impl<D: Device> Binder<'_, D> {
    /// A perceptron whose tensors are `{blk}ffn_gate{suffix}` and so on.
    pub(super) fn mlp(
        &mut self,
        [blk, suffix]: [&str; 2],
        spec: &MlpSpec,
        n_embd: usize,
    ) -> Option<MlpWeights<D>> {
        let name = |part: &str| format!("{blk}ffn_{part}{suffix}");
        let shape = (spec.n_ff, n_embd);
        let down = self.linear(&name("down"), (n_embd, spec.n_ff), spec.bias);
        if spec.hidden.is_gated() && self.is_fused([&name("gate"), &name("up")], spec.n_ff) {
            let counts = [spec.n_ff, spec.n_ff];
            let [gate, up] = self.fused_linears(&name("up"), (counts, n_embd), spec.bias)?;
            return Some(MlpWeights { gate: Some(gate), up, down: down? });
        }
        let up = self.linear(&name("up"), shape, spec.bias);
        let gate = match spec.hidden.is_gated() {
            true => Some(self.linear(&name("gate"), shape, spec.bias)?),
            false => None,
        };
        Some(MlpWeights { gate, up: up?, down: down? })
    }

    /// Whether the rows of a gate of `n_ff` stand before those of `up`, in one tensor.
    fn is_fused(&self, [gate, up]: [&str; 2], n_ff: usize) -> bool {
        let n_rows = self.n_rows(&format!("{up}.weight"));
        !self.has(&format!("{gate}.weight")) && n_rows == Some(2 * n_ff)
    }

    pub(super) fn experts(
        &mut self,
        blk: &str,
        spec: &ExpertsSpec,
        n_embd: usize,
    ) -> Option<ExpertsWeights<D>> {
        let n_expert = spec.n_expert;
        let router = self.linear(&format!("{blk}ffn_gate_inp"), (n_expert, n_embd), spec.bias);
        let selection = format!("{blk}exp_probs_b.bias");
        let selection_bias = self.vector_if(spec.selection_bias, &selection, &[n_expert]);
        let selection_bias = selection_bias.map(|buffer| self.read(&buffer));
        let shared = match &spec.shared {
            Some(shared) => Some(self.shared_expert(blk, (shared, spec), n_embd)?),
            None => None,
        };
        let experts = self.expert_mlps(blk, spec, n_embd);
        Some(ExpertsWeights { router: router?, selection_bias, experts: experts?, shared })
    }

    fn shared_expert(
        &mut self,
        blk: &str,
        (shared, spec): (&SharedExpertSpec, &ExpertsSpec),
        n_embd: usize,
    ) -> Option<SharedExpertWeights<D>> {
        let mlp = MlpSpec { n_ff: shared.n_ff, hidden: spec.hidden, bias: Presence::Absent };
        let mlp = self.mlp([blk, "_shexp"], &mlp, n_embd);
        let gate = match shared.gated {
            true => {
                let name = format!("{blk}ffn_gate_inp_shexp.weight");
                let source = self.source(&name, &[n_embd])?;
                Some(self.take_matrix(&source)?)
            }
            false => None,
        };
        Some(SharedExpertWeights { gate, mlp: mlp? })
    }

    /// The experts' weights: stacked in one tensor for each part, or each in its own.
    fn expert_mlps(
        &mut self,
        blk: &str,
        spec: &ExpertsSpec,
        n_embd: usize,
    ) -> Option<Vec<MlpWeights<D>>> {
        if self.has(&format!("{blk}ffn_down.0.weight")) {
            let mlp = MlpSpec { n_ff: spec.n_ff, hidden: spec.hidden, bias: spec.bias };
            let bind = |e: usize| self.mlp([blk, &format!(".{e}")], &mlp, n_embd);
            let bound: Vec<_> = (0..spec.n_expert).map(bind).collect();
            return bound.into_iter().collect();
        }
        let down = self.stacked(&format!("{blk}ffn_down_exps"), (n_embd, spec.n_ff), spec);
        let fused = format!("{blk}ffn_gate_up_exps");
        let is_fused = spec.bias == Presence::Absent && self.has(&format!("{fused}.weight"));
        let (gate, up) = if is_fused {
            self.stacked_gate_and_up(&fused, spec, n_embd)?
        } else {
            let gate = spec
                .hidden
                .is_gated()
                .then(|| self.stacked(&format!("{blk}ffn_gate_exps"), (spec.n_ff, n_embd), spec));
            let up = self.stacked(&format!("{blk}ffn_up_exps"), (spec.n_ff, n_embd), spec);
            let gate: Vec<Option<Linear<D>>> = match gate {
                Some(gates) => gates?.into_iter().map(Some).collect(),
                None => (0..spec.n_expert).map(|_| None).collect(),
            };
            (gate, up?)
        };
        let parts = gate.into_iter().zip(up).zip(down?);
        Some(parts.map(|((gate, up), down)| MlpWeights { gate, up, down }).collect())
    }

    /// Gate and up of every expert in one tensor without biases, `[n_expert, 2 * n_ff, n_embd]`.
    fn stacked_gate_and_up(
        &mut self,
        name: &str,
        spec: &ExpertsSpec,
        n_embd: usize,
    ) -> Option<GatesAndUps<D>> {
        let shape = [spec.n_expert, 2 * spec.n_ff, n_embd];
        let whole = self.source(&format!("{name}.weight"), &shape)?;
        let (mut gates, mut ups) = (Vec::new(), Vec::new());
        for expert in whole.split_rows(&vec![2 * spec.n_ff; spec.n_expert]) {
            let parts = expert.split_rows(&[spec.n_ff, spec.n_ff]);
            let mut linear = |part| Some(Linear { weight: self.take_matrix(part)?, bias: None });
            gates.push(Some(linear(&parts[0])?));
            ups.push(linear(&parts[1])?);
        }
        Some((gates, ups))
    }

    /// One projection of every expert, `[n_expert, n_rows, n_cols]`.
    fn stacked(
        &mut self,
        name: &str,
        (n_rows, n_cols): (usize, usize),
        spec: &ExpertsSpec,
    ) -> Option<Vec<Linear<D>>> {
        let n_expert = spec.n_expert;
        let weight = self.source(&format!("{name}.weight"), &[n_expert, n_rows, n_cols]);
        let bias_name = format!("{name}.bias");
        let has_bias = match spec.bias {
            Presence::Absent => false,
            Presence::Optional => self.has(&bias_name),
            Presence::Required => true,
        };
        let biases = match has_bias {
            true => Some(self.source(&bias_name, &[n_expert, n_rows])?),
            false => None,
        };
        let weights = weight?.split_rows(&vec![n_rows; n_expert]);
        let bind = |(e, weight): (usize, &TensorSource)| {
            let bias = match &biases {
                Some(biases) => Some(self.take_vector(&biases.rows(e..e + 1))?),
                None => None,
            };
            Some(Linear { weight: self.take_matrix(weight)?, bias })
        };
        weights.iter().enumerate().map(bind).collect()
    }
}
