//! Every block format, described once.
//!
//! A quantised row is a sequence of blocks. Whatever the packing, an element is always
//!
//! ```text
//! value = scale * (code - ZERO) - min
//! ```
//!
//! with an integer `code` in `0..=255`, a constant `ZERO` per format, and one f32 `scale` (and
//! `min`, in some formats) per group of 16 or 32 consecutive elements. So a format is described
//! by its [`Format::unpack`], which turns a block into codes, scales and minimums; dequantisation
//! and the integer dot products follow from that. Evaluated in f32 as written above, the value
//! has the same bits as ggml's `dequantize_row_*` gives.
//!
//! Blocks are read as bytes, little-endian, without alignment.

mod bits;
mod classic;
pub(crate) mod codebook;
mod grids_table;
mod k_quants;
mod ternary;
mod uneven;

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
pub(crate) use k_quants::unpack_scales as q4_k_factors;
pub(crate) use uneven::{FP4_CODES, FP4_ZERO, IQ4_CODES, IQ4_ZERO, half_e4m3, half_e8m0};

use half::f16;

use crate::activation::{PanelSpec, Steps};
use crate::scalar::TileShape;
use crate::tile::{PANEL, RowPanel};
use camelid_gguf::TensorType;

/// A block format.
pub(crate) trait Format {
    /// Its name in files.
    const TYPE: TensorType;
    /// Elements per block; divides [`PANEL`].
    const LEN: usize = Self::TYPE.block_len();
    /// Bytes per block.
    const BYTES: usize = Self::TYPE.block_bytes();
    /// Elements that share a scale: 16 or 32.
    const GROUP: usize;
    /// The code that stands for 0, before minimums.
    const ZERO: u8;
    /// Whether groups have minimums.
    const HAS_MINS: bool = false;

    /// Takes one block apart.
    ///
    /// Shapes: `block` is `[BYTES]`, `codes` is `[LEN]`, `scales` and `mins` are
    /// `[LEN / GROUP]`; `mins` is left alone where there are none.
    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]);
}

/// A [`Format`] as a table row.
pub(crate) struct BlockFormat {
    pub(crate) ty: TensorType,
    pub(crate) len: usize,
    pub(crate) bytes: usize,
    pub(crate) group: usize,
    pub(crate) zero: u8,
    pub(crate) has_mins: bool,
    /// Takes up to [`PANEL`] elements' blocks apart.
    pub(crate) unpack_panel: fn(blocks: &[u8], panel: &mut RowPanel),
}

impl BlockFormat {
    const fn of<F: Format>() -> Self {
        assert!(PANEL.is_multiple_of(F::LEN) && (F::GROUP == 16 || F::GROUP == 32));
        Self {
            ty: F::TYPE,
            len: F::LEN,
            bytes: F::BYTES,
            group: F::GROUP,
            zero: F::ZERO,
            has_mins: F::HAS_MINS,
            unpack_panel: unpack_panel::<F>,
        }
    }

    /// Bytes of a whole panel of [`PANEL`] elements.
    pub(crate) fn panel_bytes(&self) -> usize {
        PANEL / self.len * self.bytes
    }

    /// What is kept of the activations that meet this format.
    pub(crate) fn panel_spec(&self) -> PanelSpec {
        let steps = if self.len == PANEL { Steps::Doubling } else { Steps::Own };
        PanelSpec { group: self.group, zero: self.zero, steps }
    }

    /// How a tile is filled by rows of `n_bytes`.
    pub(crate) fn tile_shape(&self, n_bytes: usize) -> TileShape {
        TileShape {
            n_groups: n_bytes / self.bytes * (self.len / self.group),
            group: self.group,
            has_mins: self.has_mins,
            // Codes reach as far above their zero as below, or less.
            wide_codes: self.zero == 128,
            steps: self.panel_spec().steps,
        }
    }

    /// Turns a row of blocks into floats: the definition of the format's values.
    ///
    /// Shapes: `row` is `[out.len() / len]` blocks.
    pub(crate) fn dequantize(&self, row: &[u8], out: &mut [f32]) {
        let mut panel = RowPanel::EMPTY;
        let panels = row.chunks(self.panel_bytes()).zip(out.chunks_mut(PANEL));
        for (blocks, out) in panels {
            (self.unpack_panel)(blocks, &mut panel);
            for (group_idx, out) in out.chunks_mut(self.group).enumerate() {
                let codes = &panel.codes[group_idx * self.group..];
                let (scale, min) = (panel.scales[group_idx], panel.mins[group_idx]);
                for (out, &code) in out.iter_mut().zip(codes) {
                    let value = scale * f32::from(i16::from(code) - i16::from(self.zero));
                    *out = if self.has_mins { value - min } else { value };
                }
            }
        }
    }
}

fn unpack_panel<F: Format>(blocks: &[u8], panel: &mut RowPanel) {
    let n_groups = F::LEN / F::GROUP;
    let parts = panel
        .codes
        .chunks_exact_mut(F::LEN)
        .zip(panel.scales.chunks_exact_mut(n_groups))
        .zip(panel.mins.chunks_exact_mut(n_groups));
    for (block, ((codes, scales), mins)) in blocks.chunks_exact(F::BYTES).zip(parts) {
        F::unpack(block, codes, scales, mins);
    }
}

/// Plain floating-point elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
}

/// How a tensor type stores its elements.
pub(crate) enum Storage {
    Float(FloatType),
    Blocks(&'static BlockFormat),
}

/// The block formats there are.
pub(crate) static FORMATS: &[BlockFormat] = &[
    BlockFormat::of::<classic::Q4_0>(),
    BlockFormat::of::<classic::Q4_1>(),
    BlockFormat::of::<classic::Q5_0>(),
    BlockFormat::of::<classic::Q5_1>(),
    BlockFormat::of::<classic::Q8_0>(),
    BlockFormat::of::<k_quants::Q2K>(),
    BlockFormat::of::<k_quants::Q3K>(),
    BlockFormat::of::<k_quants::Q4K>(),
    BlockFormat::of::<k_quants::Q5K>(),
    BlockFormat::of::<k_quants::Q6K>(),
    BlockFormat::of::<codebook::Iq1S>(),
    BlockFormat::of::<codebook::Iq1M>(),
    BlockFormat::of::<codebook::Iq2Xxs>(),
    BlockFormat::of::<codebook::Iq2Xs>(),
    BlockFormat::of::<codebook::Iq2S>(),
    BlockFormat::of::<codebook::Iq3Xxs>(),
    BlockFormat::of::<codebook::Iq3S>(),
    BlockFormat::of::<uneven::Iq4Nl>(),
    BlockFormat::of::<uneven::Iq4Xs>(),
    BlockFormat::of::<uneven::Mxfp4>(),
    BlockFormat::of::<uneven::Nvfp4>(),
    BlockFormat::of::<ternary::Tq1_0>(),
    BlockFormat::of::<ternary::Tq2_0>(),
    BlockFormat::of::<bits::Q1_0>(),
    BlockFormat::of::<bits::Q2_0>(),
];

/// How `ty` is stored; `None` for types without arithmetic (integers, f64).
pub(crate) fn storage(ty: TensorType) -> Option<Storage> {
    match ty {
        TensorType::F32 => Some(Storage::Float(FloatType::F32)),
        TensorType::F16 => Some(Storage::Float(FloatType::F16)),
        TensorType::BF16 => Some(Storage::Float(FloatType::BF16)),
        _ => FORMATS.iter().find(|format| format.ty == ty).map(Storage::Blocks),
    }
}

/// Whether products with matrices of this type can be computed.
pub(crate) fn is_supported(ty: TensorType) -> bool {
    storage(ty).is_some()
}

/// Turns a row of any supported type into floats.
///
/// # Panics
/// If the type is not supported or the row is shorter than `out`.
pub(crate) fn dequantize(ty: TensorType, row: &[u8], out: &mut [f32]) {
    match storage(ty) {
        Some(Storage::Float(float_type)) => decode_floats(float_type, row, out),
        Some(Storage::Blocks(format)) => format.dequantize(row, out),
        None => panic!("tensor type {ty} has no kernels"),
    }
}

fn decode_floats(ty: FloatType, row: &[u8], out: &mut [f32]) {
    match ty {
        FloatType::F32 => {
            for (out, bytes) in out.iter_mut().zip(row.as_chunks::<4>().0) {
                *out = f32::from_le_bytes(*bytes);
            }
        }
        FloatType::F16 => {
            for (out, bytes) in out.iter_mut().zip(row.as_chunks::<2>().0) {
                *out = f16::from_le_bytes(*bytes).to_f32();
            }
        }
        FloatType::BF16 => {
            for (out, bytes) in out.iter_mut().zip(row.as_chunks::<2>().0) {
                *out = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
            }
        }
    }
}

/// The f16 at `offset` of a block.
pub(crate) fn f16_at(block: &[u8], offset: usize) -> f32 {
    f16::from_bits(u16_at(block, offset)).to_f32()
}

/// The word of two bytes at `offset` of a block.
fn u16_at(block: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([block[offset], block[offset + 1]])
}

/// The word of four bytes at `offset` of a block.
fn u32_at(block: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes([block[offset], block[offset + 1], block[offset + 2], block[offset + 3]])
}

/// Low halves of the bytes, then high halves.
fn split_nibbles(bytes: &[u8], codes: &mut [u8]) {
    let (low, high) = codes.split_at_mut(bytes.len());
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        (*low, *high) = (byte & 15, byte >> 4);
    }
}

#[cfg(test)]
mod tests;
