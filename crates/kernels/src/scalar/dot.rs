//! Products with float weights.

use half::f16;

use crate::block::FloatType;
use crate::matmul::FloatBand;

/// Partial sums of a float dot product: column `i` goes to sum `i % 16`.
const LANES: usize = 16;

/// Multiplies a band of float rows with every token's activations.
///
/// Sixteen f32 partial sums, added up as a tree at the end: halves, then quarters, and so on.
/// SIMD rows keep this order and fuse each multiplication with its addition.
pub(crate) fn mul_band(ty: FloatType, band: &mut FloatBand<'_, '_>) {
    match ty {
        FloatType::F32 => mul_rows::<4>(band, f32::from_le_bytes),
        FloatType::F16 => mul_rows::<2>(band, |bytes| f16::from_le_bytes(bytes).to_f32()),
        FloatType::BF16 => {
            mul_rows::<2>(band, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16));
        }
    }
}

fn mul_rows<const BYTES: usize>(band: &mut FloatBand<'_, '_>, decode: impl Fn([u8; BYTES]) -> f32) {
    let n_cols = band.weights.n_cols();
    for (token_idx, out) in band.out.iter_mut().enumerate() {
        let x = &band.x[token_idx * n_cols..][..n_cols];
        for (row_idx, out) in out.iter_mut().enumerate() {
            let row = band.weights.row(row_idx).as_chunks::<BYTES>().0;
            *out = dot(row.iter().map(|bytes| decode(*bytes)), x);
        }
    }
}

pub(super) fn dot(weights: impl Iterator<Item = f32>, x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (i, (weight, x)) in weights.zip(x).enumerate() {
        lanes[i % LANES] += weight * x;
    }
    add_lanes(lanes)
}

/// Adds up partial sums as a tree.
fn add_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut n_left = LANES;
    while n_left > 1 {
        n_left /= 2;
        for i in 0..n_left {
            lanes[i] += lanes[i + n_left];
        }
    }
    lanes[0]
}
