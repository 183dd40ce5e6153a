//! Matrix products: how the work is cut.
//!
//! Products of the same activations are one parallel step, for which the activations are rounded
//! once. Each output `[n_tokens, n_rows]` is cut into bands of whole tiles of rows; a task computes
//! one band for every token, so that weights are read from memory once. Several bands per thread
//! let a fast core take over from a slow one. How a band is computed depends on the weights:
//! [`grid`] unpacks tiles of codes ([`quantized`], [`halves`]), [`float`] takes dot products of rows.

mod float;
mod grid;
mod halves;
mod quantized;
mod rounded;

pub(crate) use float::FloatBand;

use crate::block::{self, BlockFormat, FloatType, Storage};
use crate::matrix::Matrix;
use crate::table::Kernels;
use crate::team::ThreadTeam;
use crate::tile::TILE_ROWS;
use halves::Halves;
use rounded::Rounded;

/// Bands per thread: enough to even out cores of different speed, few enough that starting a
/// band costs nothing.
const BANDS_PER_THREAD: usize = 8;

/// `out = x * w^T` for each `(w, out)`.
///
/// Shapes: `x` is `[n_tokens, n_cols]`, each `w` is `[n_rows, n_cols]` with rows of its own number,
/// its `out` is `[n_tokens, n_rows]`.
pub(crate) fn matmul<'a>(
    (kernels, team): (&Kernels, &ThreadTeam),
    x: &[f32],
    products: impl IntoIterator<Item = (Matrix<'a>, &'a mut [f32])>,
) {
    let mut products: Vec<_> = products.into_iter().collect();
    products.iter().for_each(|(w, out)| check(w, x, out));
    products.retain(|(_, out)| !out.is_empty());
    let Some(n_cols) = products.first().map(|(w, _)| w.n_cols()) else { return };
    assert!(
        products.iter().all(|(w, _)| w.n_cols() == n_cols),
        "matmul: weights of {n_cols} columns and of others"
    );
    if n_cols == 0 {
        return products.into_iter().for_each(|(_, out)| out.fill(0.0));
    }
    let way = |w: &Matrix<'_>| Way::of(w, kernels, x.len() / n_cols);
    let ways: Vec<Way> = products.iter().map(|(w, _)| way(w)).collect();
    let blocks = ways.iter().filter_map(|way| match way {
        Way::Blocks(format) => Some(format.panel_spec()),
        _ => None,
    });
    let blocks = Rounded::new((kernels, team), (x, n_cols), blocks);
    let halves = ways.iter().filter(|way| matches!(way, Way::Halves)).map(|_| ());
    let halves = Rounded::new((kernels, team), (x, n_cols), halves);
    team.run_each(bands(products, team.n_threads()), |band| match way(&band.weights) {
        Way::Float(ty) => {
            let Band { weights, ahead, out } = band;
            kernels.mul_band(ty, &mut FloatBand { weights, ahead, x, out });
        }
        Way::Halves => grid::multiply(kernels, &Halves, band, halves.panels(())),
        Way::Blocks(format) => {
            grid::multiply(kernels, format, band, blocks.panels(format.panel_spec()));
        }
    });
}

/// How a matrix is multiplied.
#[derive(Clone, Copy)]
enum Way {
    Float(FloatType),
    Halves,
    Blocks(&'static BlockFormat),
}

impl Way {
    fn of(w: &Matrix<'_>, kernels: &Kernels, n_tokens: usize) -> Self {
        let storage = block::storage(w.tensor_type());
        match storage.expect("because `Matrix::new` refuses types without arithmetic") {
            Storage::Blocks(format) => Self::Blocks(format),
            Storage::Float(FloatType::F16) if n_tokens >= kernels.wide_from() => Self::Halves,
            Storage::Float(ty) => Self::Float(ty),
        }
    }
}

/// Checks the shapes of a product.
fn check(w: &Matrix<'_>, x: &[f32], out: &[f32]) {
    let n_tokens = if w.n_rows() > 0 { out.len() / w.n_rows() } else { 0 };
    assert!(
        n_tokens * w.n_rows() == out.len() && (w.n_rows() == 0 || n_tokens * w.n_cols() == x.len()),
        "matmul: weights [{}, {}] with {} activations and {} outputs",
        w.n_rows(),
        w.n_cols(),
        x.len(),
        out.len()
    );
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

/// Cuts products with at least one row and token into bands of whole tiles, alike in number of rows.
fn bands<'a>(products: Vec<(Matrix<'a>, &'a mut [f32])>, n_threads: usize) -> Vec<Band<'a, 'a>> {
    let n_tiles: usize = products.iter().map(|(w, _)| w.n_rows().div_ceil(TILE_ROWS)).sum();
    let band_rows = n_tiles.div_ceil(n_threads * BANDS_PER_THREAD) * TILE_ROWS;
    let mut bands = Vec::with_capacity(n_threads * BANDS_PER_THREAD + products.len());
    for (w, out) in products {
        let n_tokens = out.len() / w.n_rows();
        let first_band = bands.len();
        bands.extend((0..w.n_rows()).step_by(band_rows).map(|first| Band {
            weights: w.rows(first..w.n_rows().min(first + band_rows)),
            ahead: &w.data()[first * w.row_bytes()..],
            out: Vec::with_capacity(n_tokens),
        }));
        for token_out in out.chunks_exact_mut(w.n_rows()) {
            let outs = token_out.chunks_mut(band_rows);
            bands[first_band..].iter_mut().zip(outs).for_each(|(band, out)| band.out.push(out));
        }
    }
    bands
}

#[cfg(test)]
mod tests;
