//! Norms of rows.

use crate::table::Kernels;
use crate::team::ThreadTeam;

/// Fewer elements are normed in less time than it takes to share them out.
const MIN_SHARED: usize = 1 << 15;

/// `x / sqrt(mean(x^2) + eps) * weight`, row by row; the mean in f32, in 16 partial sums.
pub(crate) fn rms_norm(
    (kernels, team): (&Kernels, &ThreadTeam),
    x: &[f32],
    weight: &[f32],
    eps: f32,
    out: &mut [f32],
) {
    each_row(team, x, weight.len(), out, |x, out| {
        let mean_square = kernels.dot_f32(x, x) / x.len() as f32;
        let factor = 1.0 / (mean_square + eps).sqrt();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * factor * weight;
        }
    });
}

/// `(x - mean) / sqrt(variance + eps) * weight + bias`, row by row.
pub(crate) fn layer_norm(
    (kernels, team): (&Kernels, &ThreadTeam),
    x: &[f32],
    (weight, bias): (&[f32], Option<&[f32]>),
    eps: f32,
    out: &mut [f32],
) {
    assert!(bias.is_none_or(|bias| bias.len() == weight.len()), "layer_norm: bias");
    each_row(team, x, weight.len(), out, |x, out| {
        let n = x.len() as f32;
        let mean = x.iter().sum::<f32>() / n;
        for (out, x) in out.iter_mut().zip(x) {
            *out = x - mean;
        }
        let factor = 1.0 / (kernels.dot_f32(out, out) / n + eps).sqrt();
        for (out, weight) in out.iter_mut().zip(weight) {
            *out *= factor * weight;
        }
        for (out, bias) in out.iter_mut().zip(bias.unwrap_or_default()) {
            *out += bias;
        }
    });
}

/// Calls `norm` with each row of `x` and `out`, on all threads when there is enough to do.
fn each_row(
    team: &ThreadTeam,
    x: &[f32],
    row_len: usize,
    out: &mut [f32],
    norm: impl Fn(&[f32], &mut [f32]) + Sync,
) {
    assert_eq!(x.len(), out.len(), "norm: input and output");
    assert!(row_len > 0 && x.len().is_multiple_of(row_len), "norm: rows of {row_len}");
    let rows_per_part = (MIN_SHARED / row_len).max(1);
    let part_len = rows_per_part * row_len;
    let parts = x.chunks(part_len).zip(out.chunks_mut(part_len)).collect();
    team.run_each(parts, |(x, out): (&[f32], &mut [f32])| {
        for (x, out) in x.chunks_exact(row_len).zip(out.chunks_exact_mut(row_len)) {
            norm(x, out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(x: &[f32], y: &[f32]) -> bool {
        x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-5)
    }

    #[test]
    fn rows_have_unit_mean_square_before_the_weight() {
        let x = [3.0, 4.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let team = ThreadTeam::new(1);
        for kernels in Kernels::available() {
            let mut out = [0.0; 8];
            rms_norm((kernels, &team), &x, &[1.0, 1.0, 2.0, 2.0], 0.0, &mut out);
            assert!(close(&out, &[1.2, 1.6, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0]), "{out:?}");
        }
    }

    #[test]
    fn layer_norm_removes_the_mean() {
        let team = ThreadTeam::new(2);
        let mut out = [0.0; 4];
        let (weight, bias) = ([1.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.5, 0.0]);
        let x = [1.0, 3.0, 1.0, 3.0];
        layer_norm((Kernels::detect(), &team), &x, (&weight, Some(&bias)), 0.0, &mut out);
        assert!(close(&out, &[-1.0, 1.0, -0.5, 2.0]), "{out:?}");
    }

    #[test]
    fn eps_keeps_zero_rows_zero() {
        let mut out = [1.0; 4];
        let team = ThreadTeam::new(1);
        rms_norm((Kernels::detect(), &team), &[0.0; 4], &[1.0; 4], 1e-5, &mut out);
        assert_eq!(out, [0.0; 4]);
    }
}
