//! The f16 scales of small blocks.
//!
//! They are moved one by one, by the part of the CPU that has nothing else to do here, and widened
//! when their block is unpacked: a vector load right behind the single stores would have to wait
//! for all of them.

use std::arch::x86_64::*;

use super::part;
use crate::tile::TILE_ROWS;
use crate::x86_64::avx512::mem::load_u16;

/// Blocks of a panel.
pub(super) const N_BLOCKS: usize = 8;

/// One f16 of each block, one lane per row.
#[derive(Default)]
#[repr(C, align(64))]
pub(super) struct Halves([[u16; TILE_ROWS]; N_BLOCKS]);

impl Halves {
    /// Takes the f16 at `AT` of one block of `BYTES`.
    #[inline]
    pub(super) fn collect<const BYTES: usize, const AT: usize, const PANEL_BYTES: usize>(
        &mut self,
        rows: &[&[u8; PANEL_BYTES]; TILE_ROWS],
        block_idx: usize,
    ) {
        if let Some(halves) = self.0.get_mut(block_idx) {
            for (half, row) in halves.iter_mut().zip(rows) {
                let block = &row.as_chunks::<BYTES>().0[block_idx];
                *half = u16::from_le_bytes(*part(block, AT));
            }
        }
    }

    /// Widened, of one block.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    pub(super) fn widen(&self, block_idx: usize) -> __m512 {
        _mm512_cvtph_ps(load_u16(&self.0[block_idx]))
    }
}
