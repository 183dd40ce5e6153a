//! Scales and minimums that are f16.

use std::arch::x86_64::*;

use crate::tile::{MAX_GROUPS, RowLanes, TILE_ROWS};
use crate::x86_64::avx512::blocks::Blocks;
use crate::x86_64::avx512::mem::{load_u16, store_f32};

/// Small blocks of a panel.
pub(super) const N_BLOCKS: usize = 8;

/// Widens the f16 at an offset of each row's panel, one lane per row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn widen<const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    offset: usize,
) -> __m512 {
    let mut halves = [0; TILE_ROWS];
    for (row_idx, half) in halves.iter_mut().enumerate() {
        *half = u16::from_le_bytes(*blocks.part(row_idx, offset));
    }
    _mm512_cvtph_ps(load_u16(&halves))
}

/// Widens the f16 in the lower half of each word.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn low_halves(words: __m512i) -> __m512 {
    _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words))
}

/// Widens the f16 at an offset of each of a panel's small blocks.
///
/// All are moved before the first is widened: one by one, by a part of the CPU that has little else
/// to do.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn widen_all<const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    offset: usize,
    out: &mut [RowLanes; MAX_GROUPS],
) {
    let mut all = [[0; TILE_ROWS]; N_BLOCKS];
    for (block_idx, halves) in all.iter_mut().enumerate() {
        for (row_idx, half) in halves.iter_mut().enumerate() {
            let at = PANEL_BYTES / N_BLOCKS * block_idx + offset;
            *half = u16::from_le_bytes(*blocks.part(row_idx, at));
        }
    }
    for (out, halves) in out.iter_mut().zip(&all) {
        store_f32(&mut out.0, _mm512_cvtph_ps(load_u16(halves)));
    }
}
