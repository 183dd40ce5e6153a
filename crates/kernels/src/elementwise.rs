//! Activations and sums, element by element.

use crate::team::ThreadTeam;

/// Elements a task takes: long enough to pay for handing it out.
const CHUNK: usize = 4096;

/// `x += y`.
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "add: lengths");
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `gate = silu(gate) * up`.
pub(crate) fn silu_mul(team: &ThreadTeam, gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "silu_mul: lengths");
    let chunks = gate.chunks_mut(CHUNK).zip(up.chunks(CHUNK)).collect();
    team.run_each(chunks, |(gate, up): (&mut [f32], &[f32])| {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate / (1.0 + (-*gate).exp()) * up;
        }
    });
}

/// Softmax of each row.
pub(crate) fn softmax(x: &mut [f32], row_len: usize) {
    assert!(row_len > 0 && x.len().is_multiple_of(row_len), "softmax: rows of {row_len}");
    for row in x.chunks_exact_mut(row_len) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = (*x - max).exp();
            sum += *x;
        }
        row.iter_mut().for_each(|x| *x /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_rows_sum_to_one_and_do_not_overflow() {
        let mut x = [1000.0, 1000.0, 999.0, -5.0, -5.0, -5.0];
        softmax(&mut x, 3);
        assert!((x[0] - 0.422_318_8).abs() < 1e-6 && (x[3] - 1.0 / 3.0).abs() < 1e-6, "{x:?}");
        assert!((x[..3].iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn silu_at_known_points() {
        let mut gate = [0.0, 1.0, -100.0, 100.0];
        silu_mul(&ThreadTeam::new(1), &mut gate, &[1.0, 2.0, 1.0, 1.0]);
        assert!((gate[1] - 1.462_117_2).abs() < 1e-6, "{gate:?}");
        assert!(gate[0] == 0.0 && gate[2].abs() < 1e-30 && gate[3] == 100.0);
    }
}
