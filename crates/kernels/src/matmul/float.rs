//! Products with F32, F16 and BF16 weights: activations stay f32.

use crate::matrix::Matrix;

/// A band of a product with float weights.
pub(crate) struct FloatBand<'a, 'o> {
    /// `[n_band_rows, n_cols]`.
    pub(crate) weights: Matrix<'a>,
    /// The weights, and what follows them in the matrix.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nobody else asks ahead"))]
    pub(crate) ahead: &'a [u8],
    /// `[n_tokens, n_cols]`.
    pub(crate) x: &'a [f32],
    /// `[n_tokens]` slices of `[n_band_rows]`.
    pub(crate) out: Vec<&'o mut [f32]>,
}
