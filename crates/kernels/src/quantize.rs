//! From floats to blocks.
//!
//! Scales are chosen for the least squared error, weighted by how much each column matters where
//! that is known (an importance matrix). [`fit`] and [`affine`] find one group's scale or line,
//! [`two_level`] and [`lines`] the integer scales and minimums of a block's groups, [`grid`] the
//! nearest point of a codebook; the other modules write the formats.

mod affine;
mod classic;
mod codebook;
mod fit;
mod grid;
mod iq1;
mod k_quants;
mod lines;
mod ternary;
mod two_level;
mod uneven;
mod wide;

use camelid_gguf::TensorType;
use half::{bf16, f16};

use crate::error::Error;

/// Writes a row of floats in a tensor type's layout.
///
/// Shapes: `x` is `[n_cols]`, whole blocks; `importance`, where given, is `[n_cols]`: how much
/// an error in each column costs, in any unit; `out` is as many bytes as the row takes.
///
/// Numbers too large for the type become the largest it has.
///
/// # Errors
/// If the type cannot be written (see [`can_quantize`]) or not without importance (see
/// [`needs_importance`]), a number is not finite, an importance is not finite or below 0, the row is
/// not whole blocks, or `out` has another length than the row takes.
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
    let writer = writer(ty).ok_or(Error::UnsupportedType { ty })?;
    if importance.is_none() && needs_importance(ty) {
        return Err(Error::NeedsImportance { ty });
    }
    check_shape(ty, x.len(), out.len())?;
    if let Some(index) = x.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite { index, value: x[index].to_string() });
    }
    let weights = importance.map(weights).transpose()?;
    match writer {
        Writer::Float => write_floats(ty, x, out),
        Writer::Block(write) => write_blocks(ty, write, x, weights.as_deref(), out),
    }
    Ok(())
}

/// Whether [`quantize`] can write this type.
pub fn can_quantize(ty: TensorType) -> bool {
    writer(ty).is_some()
}

/// Whether [`quantize`] refuses to write this type without importance: with so few bits, a model
/// whose important columns are not known is of no use.
pub fn needs_importance(ty: TensorType) -> bool {
    use TensorType::{IQ1_M, IQ1_S, IQ2_XS, IQ2_XXS};
    matches!(ty, IQ1_M | IQ1_S | IQ2_XS | IQ2_XXS)
}

fn check_shape(ty: TensorType, n_cols: usize, found: usize) -> Result<(), Error> {
    let Some(needed) = ty.row_bytes(n_cols) else {
        return Err(Error::RaggedRow { ty, n_cols, block_len: ty.block_len() });
    };
    if found != needed {
        return Err(Error::WrongLength { ty, n_rows: 1, n_cols, needed, found });
    }
    Ok(())
}

/// Importance with mean 1, and no column quite without: a block of none would be arbitrary.
fn weights(importance: &[f32]) -> Result<Vec<f32>, Error> {
    const LEAST: f64 = 1e-5;
    if let Some(index) = importance.iter().position(|x| !x.is_finite() || *x < 0.0) {
        return Err(Error::BadImportance { index, value: importance[index].to_string() });
    }
    let sum: f64 = importance.iter().map(|x| f64::from(*x)).sum();
    let mean = sum / importance.len() as f64;
    if mean == 0.0 {
        return Ok(vec![1.0; importance.len()]);
    }
    Ok(importance.iter().map(|x| (f64::from(*x) / mean).max(LEAST) as f32).collect())
}

/// Some elements in a row, with weights.
///
/// `x` is divided by the power of two `unit`, so that it is below 2 and its squares can be added
/// up; scales are in that unit until they are written.
#[derive(Clone, Copy)]
struct Block<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    unit: f32,
}

impl Block<'_> {
    /// The nearest scale that f16 has.
    fn round_scale(&self, scale: f32) -> f32 {
        f16::from_bits(self.scale_bits(scale)).to_f32() / self.unit
    }

    /// A scale as f16; too large ones are cut off.
    fn scale_bits(&self, scale: f32) -> u16 {
        let (low, high) = (f16::MIN.to_f32(), f16::MAX.to_f32());
        f16::from_f32((scale * self.unit).clamp(low, high)).to_bits()
    }

    /// Writes a scale as f16 and returns what will be read back.
    fn put_scale(&self, scale: f32, out: &mut [u8]) -> f32 {
        out[..2].copy_from_slice(&self.scale_bits(scale).to_le_bytes());
        self.round_scale(scale)
    }

    /// A scale that a format has, in this block's unit.
    fn scaled_down(&self, scale: f32) -> f32 {
        scale / self.unit
    }
}

/// The largest power of two that is not above `x`, within what f32 can invert and square.
fn unit(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0x7f80_0000).max(2f32.powi(-60))
}

fn write_blocks(
    ty: TensorType,
    write: BlockWriter,
    x: &[f32],
    weights: Option<&[f32]>,
    out: &mut [u8],
) {
    let len = ty.block_len();
    let even = vec![1.0; len];
    let mut scaled = vec![0.0; len];
    let blocks = x.chunks_exact(len).zip(out.chunks_exact_mut(ty.block_bytes()));
    for (i, (x, out)) in blocks.enumerate() {
        let unit = unit(x.iter().fold(0.0, |max, x| max.max(x.abs())));
        scaled.iter_mut().zip(x).for_each(|(scaled, x)| *scaled = x / unit);
        let weights = weights.map_or(&even[..], |weights| &weights[i * len..][..len]);
        write(&Block { x: &scaled, weights, unit }, out);
    }
}

/// Writes one block.
type BlockWriter = fn(block: &Block<'_>, out: &mut [u8]);

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
        TensorType::Q2_K => k_quants::write_q2_k,
        TensorType::Q3_K => k_quants::write_q3_k,
        TensorType::Q4_K => k_quants::write_q4_k,
        TensorType::Q5_K => k_quants::write_q5_k,
        TensorType::Q6_K => k_quants::write_q6_k,
        TensorType::IQ1_S => iq1::write_iq1_s,
        TensorType::IQ1_M => iq1::write_iq1_m,
        TensorType::IQ2_XXS => codebook::write_iq2_xxs,
        TensorType::IQ2_XS => codebook::write_iq2_xs,
        TensorType::IQ2_S => codebook::write_iq2_s,
        TensorType::IQ3_XXS => codebook::write_iq3_xxs,
        TensorType::IQ3_S => codebook::write_iq3_s,
        TensorType::IQ4_NL => uneven::write_iq4_nl,
        TensorType::IQ4_XS => uneven::write_iq4_xs,
        TensorType::MXFP4 => uneven::write_mxfp4,
        TensorType::NVFP4 => uneven::write_nvfp4,
        TensorType::TQ1_0 => ternary::write_tq1_0,
        TensorType::TQ2_0 => ternary::write_tq2_0,
        TensorType::Q1_0 => ternary::write_q1_0,
        TensorType::Q2_0 => ternary::write_q2_0,
        _ => return None,
    }))
}

fn write_floats(ty: TensorType, x: &[f32], out: &mut [u8]) {
    let (half, brain) = (f16::MAX.to_f32(), bf16::MAX.to_f32());
    for (x, out) in x.iter().zip(out.chunks_exact_mut(ty.block_bytes())) {
        match ty {
            TensorType::F16 => {
                out.copy_from_slice(&f16::from_f32(x.clamp(-half, half)).to_le_bytes())
            }
            TensorType::BF16 => {
                out.copy_from_slice(&bf16::from_f32(x.clamp(-brain, brain)).to_le_bytes())
            }
            _ => out.copy_from_slice(&x.to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
