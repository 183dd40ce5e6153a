//! From floats to blocks.
//!
//! Scales are chosen for the least squared error, weighted by how much each column matters where
//! that is known (an importance matrix): a range of candidate scales around the one that just
//! covers the largest value, each improved by least squares. See [`fit`].

mod classic;
mod fit;
mod k_quants;

use camelid_gguf::TensorType;
use half::{bf16, f16};

use crate::error::Error;

/// Writes a row of floats in a tensor type's layout.
///
/// Shapes: `x` is `[n_cols]`, whole blocks; `importance`, where given, is `[n_cols]`: how much
/// an error in each column costs; `out` is as many bytes as the row takes.
///
/// # Errors
/// If the type cannot be written (see [`can_quantize`]), a number is not finite, the row is not
/// whole blocks, or `out` has another length than the row takes.
///
/// # Panics
/// If `importance` is not as long as `x`.
pub fn quantize(
    ty: TensorType,
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), Error> {
    assert!(importance.is_none_or(|weights| weights.len() == x.len()), "importance per column");
    let block_len = ty.block_len();
    let Some(needed) = ty.row_bytes(x.len()) else {
        return Err(Error::RaggedRow { ty, n_cols: x.len(), block_len });
    };
    if out.len() != needed {
        let (n_rows, n_cols, found) = (1, x.len(), out.len());
        return Err(Error::WrongLength { ty, n_rows, n_cols, needed, found });
    }
    if let Some(index) = x.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite { index, value: x[index].to_string() });
    }
    let block = match writer(ty) {
        Some(Writer::Float) => {
            write_floats(ty, x, out);
            return Ok(());
        }
        Some(Writer::Block(block)) => block,
        None => return Err(Error::UnsupportedType { ty }),
    };
    let even = vec![1.0; block_len];
    let blocks = x.chunks_exact(block_len).zip(out.chunks_exact_mut(ty.block_bytes()));
    for (block_idx, (x, out)) in blocks.enumerate() {
        let weights =
            importance.map_or(&even[..], |weights| &weights[block_idx * block_len..][..block_len]);
        block(x, weights, out);
    }
    Ok(())
}

/// Whether [`quantize`] can write this type.
pub fn can_quantize(ty: TensorType) -> bool {
    writer(ty).is_some()
}

/// Writes one block of finite floats, with their weights.
type BlockWriter = fn(x: &[f32], weights: &[f32], out: &mut [u8]);

enum Writer {
    Float,
    Block(BlockWriter),
}

fn writer(ty: TensorType) -> Option<Writer> {
    Some(Writer::Block(match ty {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => return Some(Writer::Float),
        TensorType::Q4_0 => classic::write_q4_0,
        TensorType::Q4_1 => classic::write_q4_1,
        TensorType::Q5_0 => classic::write_q5_0,
        TensorType::Q5_1 => classic::write_q5_1,
        TensorType::Q8_0 => classic::write_q8_0,
        TensorType::Q4_K => k_quants::write_q4_k,
        TensorType::Q5_K => k_quants::write_q5_k,
        TensorType::Q6_K => k_quants::write_q6_k,
        _ => return None,
    }))
}

fn write_floats(ty: TensorType, x: &[f32], out: &mut [u8]) {
    for (x, out) in x.iter().zip(out.chunks_exact_mut(ty.block_bytes())) {
        match ty {
            TensorType::F16 => out.copy_from_slice(&f16::from_f32(*x).to_le_bytes()),
            TensorType::BF16 => out.copy_from_slice(&bf16::from_f32(*x).to_le_bytes()),
            _ => out.copy_from_slice(&x.to_le_bytes()),
        }
    }
}

/// Writes a scale as f16 and returns what will be read back.
fn put_f16(x: f32, out: &mut [u8]) -> f32 {
    let half = f16::from_f32(x);
    out[..2].copy_from_slice(&half.to_le_bytes());
    half.to_f32()
}

#[cfg(test)]
mod tests;
