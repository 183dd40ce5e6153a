//! Layers that fold the past into a state of fixed size, instead of keeping keys and values.
//!
//! Their tokens are worked through one after the other, each from the state its predecessor left,
//! so a result has the same bits however a sequence is cut into batches. A batch holds a run of
//! neighbouring tokens for each of its sequences; see [`Run`].

mod conv;
mod scan;
mod state_pool;

pub use scan::{HeadOrder, Scan, ScanInput};
pub use state_pool::StatePool;

use crate::cpu::Cpu;

/// Neighbouring tokens of one sequence in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the sequence's state is, in every pool of the model.
    pub slot: usize,
    /// How many tokens there are.
    pub n_tokens: usize,
}

impl Cpu {
    /// Convolution of each channel over its last `width` tokens, those of earlier batches among
    /// them; `weight` has the oldest token's first.
    ///
    /// Shapes: `weight` is `[width, n_channels]`, `bias` is `[n_channels]`, `x` and `out` are
    /// `[n_tokens, n_channels]` with the tokens of the runs one behind the other; a state is
    /// `[width - 1, n_channels]`.
    ///
    /// # Panics
    /// If the lengths do not fit, or a run's slot is not in the pool.
    pub fn causal_conv(
        &self,
        states: &mut StatePool,
        runs: &[Run],
        (weight, bias): (&[f32], Option<&[f32]>),
        x: &[f32],
        out: &mut [f32],
    ) {
        conv::causal_conv(self.team(), states, runs, (weight, bias), (x, out));
    }

    /// Linear attention with decay: Mamba-2's state space model and the gated delta net. Its
    /// formulas stand at the head of the module that computes it.
    ///
    /// Shapes: `out` is `[n_tokens, n_head, v_dim]` with the tokens of the runs one behind the
    /// other; a state is `[n_head, k_dim, v_dim]`.
    ///
    /// # Panics
    /// If the lengths do not fit, or a run's slot is not in the pool.
    pub fn scan(
        &self,
        states: &mut StatePool,
        runs: &[Run],
        (layer, input): (&Scan<'_>, &ScanInput<'_>),
        out: &mut [f32],
    ) {
        scan::scan(self.team(), states, runs, (layer, input), out);
    }
}

#[cfg(test)]
mod tests;
