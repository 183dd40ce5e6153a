//! Convolution of each channel over the last few tokens.
//!
//! ```text
//! out[t] = bias + sum over j < width of weight[j] * x[t - (width - 1) + j]
//! ```
//!
//! The state holds the `width - 1` tokens before the next, oldest first: `[width - 1, n_channels]`.

use super::{Run, StatePool};
use crate::team::ThreadTeam;

/// Tokens of a task: enough that starting it costs little.
const TASK_LEN: usize = 16;

/// See [`crate::Cpu::causal_conv`].
pub(crate) fn causal_conv(
    team: &ThreadTeam,
    states: &mut StatePool,
    runs: &[Run],
    (weight, bias): (&[f32], Option<&[f32]>),
    (x, out): (&[f32], &mut [f32]),
) {
    let n_tokens: usize = runs.iter().map(|run| run.n_tokens).sum();
    assert_eq!(x.len(), out.len(), "conv: input and output");
    if n_tokens == 0 {
        return;
    }
    let n_channels = x.len() / n_tokens;
    let width = weight.len() / n_channels.max(1);
    assert!(width > 0 && weight.len() == width * n_channels, "conv: weights per channel");
    assert_eq!(x.len(), n_tokens * n_channels, "conv: whole tokens");
    assert!(bias.is_none_or(|bias| bias.len() == n_channels), "conv: a bias per channel");
    let (mut x, mut out) = (x, out);
    for run in runs {
        let (x_run, x_rest) = x.split_at(run.n_tokens * n_channels);
        let (out_run, out_rest) = out.split_at_mut(x_run.len());
        let past = states.slot_mut(run.slot);
        assert_eq!(past.len(), (width - 1) * n_channels, "conv: length of the state");
        let window = Window { past, x: x_run, n_channels, width };
        let tasks = out_run.chunks_mut(TASK_LEN * n_channels).enumerate().collect();
        team.run_each(tasks, |(i, out): (usize, &mut [f32])| {
            for (t, out) in out.chunks_exact_mut(n_channels).enumerate() {
                window.convolve(i * TASK_LEN + t, (weight, bias), out);
            }
        });
        advance(past, x_run);
        (x, out) = (x_rest, out_rest);
    }
}

/// A run's tokens behind those before them.
#[derive(Clone, Copy)]
struct Window<'a> {
    past: &'a [f32],
    x: &'a [f32],
    n_channels: usize,
    width: usize,
}

impl Window<'_> {
    fn convolve(&self, t: usize, (weight, bias): (&[f32], Option<&[f32]>), out: &mut [f32]) {
        match bias {
            Some(bias) => out.copy_from_slice(bias),
            None => out.fill(0.0),
        }
        for (j, weight) in weight.chunks_exact(self.n_channels).enumerate() {
            // Tokens are counted from the oldest of the past.
            let token = t + j;
            let row = match token.checked_sub(self.width - 1) {
                Some(own) => &self.x[own * self.n_channels..][..self.n_channels],
                None => &self.past[token * self.n_channels..][..self.n_channels],
            };
            for ((out, w), x) in out.iter_mut().zip(weight).zip(row) {
                *out += w * x;
            }
        }
    }
}

/// Makes the newest tokens the past of what follows.
fn advance(past: &mut [f32], x: &[f32]) {
    match x.len().checked_sub(past.len()) {
        Some(before) => past.copy_from_slice(&x[before..]),
        None => {
            past.copy_within(x.len().., 0);
            let n_kept = past.len() - x.len();
            past[n_kept..].copy_from_slice(x);
        }
    }
}
