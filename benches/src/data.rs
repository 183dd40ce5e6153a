//! Test data that looks like a model's.

use camelid_gguf::TensorType;

/// Deterministic noise in -1..1.
pub fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Random bytes of a weight matrix; values are finite, scales arbitrary.
///
/// # Panics
/// If rows of `n_cols` are not whole blocks.
pub fn weights(ty: TensorType, n_rows: usize, n_cols: usize) -> Vec<u8> {
    let row_bytes = ty.row_bytes(n_cols).expect("rows of whole blocks");
    let mut state = 1u32;
    let mut bytes: Vec<u8> = (0..n_rows * row_bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Without the two top bits no f16 or f32 among them is infinite or NaN.
            (state >> 24) as u8 & 0x3f
        })
        .collect();
    if ty == TensorType::F32 {
        bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word[3] = 0x3d);
    }
    bytes
}
