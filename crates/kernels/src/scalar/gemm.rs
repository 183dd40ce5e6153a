//! Small products of float matrices, for attention.

/// Most columns of the left matrix: its rows are of this length, filled or not, so that vector
/// code finds all rows at constant distances.
pub(crate) const MAX_K: usize = 32;

/// `c += a * b`, each element of `c` a sum in the order of `k`.
///
/// Shapes: `a` is `[m, MAX_K]`, of which `k` columns count, `b` is `[k, n]`, `c` is `[m, n]`; `n`
/// is a multiple of 16.
pub(crate) fn gemm(k: usize, n: usize, a: &[[f32; MAX_K]], b: &[f32], c: &mut [f32]) {
    for (a, c) in a.iter().zip(c.chunks_exact_mut(n)) {
        for (a, b) in a.iter().zip(b.chunks_exact(n)).take(k) {
            for (c, b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
}

/// `out[j][i] = x[i][j]`.
///
/// Shapes: `x` is `[n_rows, n_cols]`, `out` is `[n_cols, n_rows]`; both are multiples of 16.
pub(crate) fn transpose(n_cols: usize, x: &[f32], out: &mut [f32]) {
    let n_rows = x.len() / n_cols;
    for (i, row) in x.chunks_exact(n_cols).enumerate() {
        for (j, x) in row.iter().enumerate() {
            out[j * n_rows + i] = *x;
        }
    }
}
