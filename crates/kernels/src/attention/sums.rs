//! What a task knows of some keys: for each row the softmax so far and the weighted values.

use crate::scalar::Running;

/// Softmax and weighted values of rows over some keys.
#[derive(Default)]
pub(super) struct Sums {
    /// Width of a row of values.
    width: usize,
    /// `[n_rows]`.
    pub(super) rows: Vec<Running>,
    /// Weighted values, `[n_rows, width]`.
    pub(super) acc: Vec<f32>,
}

impl Sums {
    /// No keys yet.
    pub(super) fn reset(&mut self, n_rows: usize, width: usize) {
        self.width = width;
        self.rows.clear();
        self.rows.resize(n_rows, Running::EMPTY);
        self.acc.clear();
        self.acc.resize(n_rows * width, 0.0);
    }

    /// Makes older weighted values relative to a row's new maximum.
    pub(super) fn rescale(&mut self) {
        for (row, acc) in self.rows.iter().zip(self.acc.chunks_exact_mut(self.width)) {
            if row.factor != 1.0 {
                acc.iter_mut().for_each(|x| *x *= row.factor);
            }
        }
    }

    /// Takes in later keys of the same rows.
    pub(super) fn absorb(&mut self, later: &Self) {
        let accs = self.acc.chunks_exact_mut(self.width).zip(later.acc.chunks_exact(self.width));
        for ((row, later), (acc, later_acc)) in self.rows.iter_mut().zip(&later.rows).zip(accs) {
            let max = row.max.max(later.max);
            let (factor, later_factor) = ((row.max - max).exp2(), (later.max - max).exp2());
            row.max = max;
            for (sum, later) in row.sums.iter_mut().zip(&later.sums) {
                *sum = *sum * factor + later * later_factor;
            }
            for (x, later) in acc.iter_mut().zip(later_acc) {
                *x = *x * factor + later * later_factor;
            }
        }
    }

    /// Writes a row's result. A `sink` is a score, in powers of two, without a value.
    pub(super) fn finish(&self, row: usize, sink: Option<f32>, out: &mut [f32]) {
        let Running { max, sums, .. } = self.rows[row];
        let mut sum: f32 = sums.iter().sum();
        let mut factor = 1.0;
        if let Some(sink) = sink {
            let max_with_sink = max.max(sink);
            factor = (max - max_with_sink).exp2();
            sum = sum * factor + (sink - max_with_sink).exp2();
        }
        // A row that sees no key has nothing to divide by.
        let scale = if sum == 0.0 { 0.0 } else { factor / sum };
        for (out, x) in out.iter_mut().zip(&self.acc[row * self.width..]) {
            *out = x * scale;
        }
    }
}
