//! Small products of float matrices, for attention.

/// `c += a * b`, each element of `c` a sum in the order of `k`.
///
/// Shapes: `a` is `[m, k]`, `b` is `[k, n]`, `c` is `[m, n]`; `n` is a multiple of 16.
pub(crate) fn gemm(k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    for (a, c) in a.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
        for (a, b) in a.iter().zip(b.chunks_exact(n)) {
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
