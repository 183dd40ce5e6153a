//! Matrix products: how the work is cut.
//!
//! The output `[n_tokens, n_rows]` is cut into bands of whole tiles of rows; a task computes one
//! band for every token, so that weights are read from memory once. Several bands per thread let
//! a fast core take over from a slow one. How a band is computed depends on the weights:
//! [`quantized`] unpacks tiles, [`float`] takes dot products of rows.

mod float;
mod quantized;

pub(crate) use float::FloatBand;

use crate::block::{self, Storage};
use crate::matrix::Matrix;
use crate::table::Kernels;
use crate::team::ThreadTeam;
use crate::tile::TILE_ROWS;

/// Bands per thread: enough to even out cores of different speed, few enough that starting a
/// band costs nothing.
const BANDS_PER_THREAD: usize = 8;

/// `out = x * w^T`.
///
/// Shapes: `w` is `[n_rows, n_cols]`, `x` is `[n_tokens, n_cols]`, `out` is `[n_tokens, n_rows]`.
pub(crate) fn matmul(
    kernels: &Kernels,
    team: &ThreadTeam,
    w: &Matrix<'_>,
    x: &[f32],
    out: &mut [f32],
) {
    let n_tokens = n_tokens(w, x, out);
    if n_tokens == 0 || w.n_rows() == 0 {
        return;
    }
    if w.n_cols() == 0 {
        return out.fill(0.0);
    }
    let bands = bands(w, out, team.n_threads());
    match block::storage(w.tensor_type()) {
        Some(Storage::Float(ty)) => float::matmul(kernels, team, ty, bands, x),
        Some(Storage::Blocks(format)) => {
            quantized::matmul(kernels, team, format, bands, (x, w.n_cols()));
        }
        None => unreachable!("because `Matrix::new` refuses types without arithmetic"),
    }
}

/// Checks the shapes of a product.
fn n_tokens(w: &Matrix<'_>, x: &[f32], out: &[f32]) -> usize {
    let n_tokens = if w.n_rows() > 0 { out.len() / w.n_rows() } else { 0 };
    assert!(
        n_tokens * w.n_rows() == out.len() && (w.n_rows() == 0 || n_tokens * w.n_cols() == x.len()),
        "matmul: weights [{}, {}] with {} activations and {} outputs",
        w.n_rows(),
        w.n_cols(),
        x.len(),
        out.len()
    );
    n_tokens
}

/// Some rows of a product: their weights, and where each token's results go.
pub(crate) struct Band<'w, 'o> {
    /// `[n_band_rows, n_cols]`.
    pub(crate) weights: Matrix<'w>,
    /// What lies behind the band's first row, beyond its last as well: a thread's next band
    /// mostly follows.
    pub(crate) ahead: &'w [u8],
    /// `[n_tokens]` slices of `[n_band_rows]`.
    pub(crate) out: Vec<&'o mut [f32]>,
}

/// Cuts a product with at least one row into bands of whole tiles.
fn bands<'w, 'o>(w: &Matrix<'w>, out: &'o mut [f32], n_threads: usize) -> Vec<Band<'w, 'o>> {
    let n_tiles = w.n_rows().div_ceil(TILE_ROWS);
    let tiles_per_band = n_tiles.div_ceil(n_threads * BANDS_PER_THREAD);
    let band_rows = tiles_per_band * TILE_ROWS;
    let n_tokens = out.len() / w.n_rows();
    let mut bands: Vec<Band<'w, 'o>> = (0..w.n_rows())
        .step_by(band_rows)
        .map(|first| Band {
            weights: w.rows(first..w.n_rows().min(first + band_rows)),
            ahead: &w.data()[first * w.row_bytes()..],
            out: Vec::with_capacity(n_tokens),
        })
        .collect();
    for token_out in out.chunks_exact_mut(w.n_rows()) {
        for (band, out) in bands.iter_mut().zip(token_out.chunks_mut(band_rows)) {
            band.out.push(out);
        }
    }
    bands
}

#[cfg(test)]
mod tests;
