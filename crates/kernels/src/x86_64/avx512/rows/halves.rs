//! The f16 scales of small blocks.

use std::arch::x86_64::*;

use super::{Blocks, part};
use crate::tile::TILE_ROWS;
use crate::x86_64::avx512::mem::load_u16;

/// Blocks of a panel.
pub(super) const N_BLOCKS: usize = 8;

/// One f16 of each block, one lane per row.
///
/// They are moved one by one, by the part of the CPU that has nothing else to do here.
#[repr(C, align(64))]
pub(super) struct Halves([[u16; TILE_ROWS]; N_BLOCKS]);

impl Halves {
    /// Takes the f16 at `AT` of each block of `BYTES`.
    #[inline]
    pub(super) fn collect<const BYTES: usize, const AT: usize, const PANEL_BYTES: usize>(
        blocks: &Blocks<'_, PANEL_BYTES>,
    ) -> Self {
        let mut all = [[0; TILE_ROWS]; N_BLOCKS];
        for (block_idx, halves) in all.iter_mut().enumerate() {
            for (half, row) in halves.iter_mut().zip(blocks) {
                *half = u16::from_le_bytes(*part(*row, block_idx * BYTES + AT));
            }
        }
        Self(all)
    }

    /// Widened, of one block.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    pub(super) fn widen(&self, block_idx: usize) -> __m512 {
        _mm512_cvtph_ps(load_u16(&self.0[block_idx]))
    }
}
