//! Scales and minimums: read row by row, kept one lane per row.

use std::arch::aarch64::*;

use super::mem::{load_f16_bytes, load_f32, store_f32};
use super::transpose::transpose_4x4;
use super::unpack::{Rows, part};
use crate::block::{BlockFormat, f16_at, q4_k_factors};
use crate::tile::{MAX_GROUPS, RowLanes, Tile};

/// One row's scales, or minimums, of a panel.
pub(super) type RowFactors = [f32; MAX_GROUPS];

/// Fills the tile's scales and, if the format has some, minimums: `row` reads one row's.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn fill(
    (format, rows): (&BlockFormat, &Rows<'_>),
    tile: &mut Tile,
    row: impl Fn(&[u8], &mut RowFactors, &mut RowFactors),
) {
    for (quad, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
        let (mut scales, mut mins) = ([[0.0; MAX_GROUPS]; 4], [[0.0; MAX_GROUPS]; 4]);
        for ((bytes, scales), mins) in rows.iter().zip(&mut scales).zip(&mut mins) {
            row(bytes, scales, mins);
        }
        store_quad(&scales, quad, &mut tile.scales);
        if format.has_mins {
            store_quad(&mins, quad, &mut tile.mins);
        }
    }
}

/// Turns four rows' factors to lanes.
#[target_feature(enable = "neon")]
#[inline]
fn store_quad(rows: &[RowFactors; 4], quad: usize, out: &mut [RowLanes; MAX_GROUPS]) {
    for (step, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let mut words = [vdupq_n_u8(0); 4];
        for (word, row) in words.iter_mut().zip(rows) {
            *word = vreinterpretq_u8_f32(load_f32(&row.as_chunks().0[step]));
        }
        for (out, column) in out.iter_mut().zip(transpose_4x4(words)) {
            store_f32(&mut out.0.as_chunks_mut().0[quad], vreinterpretq_f32_u8(column));
        }
    }
}

/// The f16 at `AT` of each of eight blocks.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn halves<const BYTES: usize, const AT: usize>(row: &[u8], out: &mut RowFactors) {
    let blocks = row.as_chunks::<BYTES>().0.as_chunks::<4>().0;
    for (out, [a, b, c, d]) in out.as_chunks_mut().0.iter_mut().zip(blocks) {
        let halves = [*part(a, AT), *part(b, AT), *part(c, AT), *part(d, AT)];
        store_f32(out, load_f16_bytes(&halves));
    }
}

/// Q4_1 adds its minimum.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q4_1(row: &[u8], scales: &mut RowFactors, mins: &mut RowFactors) {
    halves::<20, 0>(row, scales);
    halves::<20, 2>(row, mins);
    mins.iter_mut().for_each(|min| *min = -*min);
}

/// The head of Q4_K and Q5_K.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q4_k(row: &[u8], scales: &mut RowFactors, mins: &mut RowFactors) {
    q4_k_factors(part::<16>(row, 0), &mut scales[..8], &mut mins[..8]);
}

/// Sixteen signed bytes.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn q6_k(row: &[u8], scales: &mut RowFactors) {
    let d = f16_at(row, 208);
    for (scale, &byte) in scales.iter_mut().zip(part::<16>(row, 192)) {
        *scale = d * f32::from(byte.cast_signed());
    }
}
