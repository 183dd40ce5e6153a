//! Products with one token, straight from the rows' bytes.
//!
//! For one token the transposition of all codes costs more than the products, so here the codes stay where they are, in vectors of one row's
//! neighbouring columns, and only the sums change places:
//!
//! ```text
//! codes   4 vectors of 64 columns of one row, each of four 128-bit parts of 16 columns
//! dots    vpdpbusd with the activations of the same columns: four 32-bit lanes to a part, and
//!         where groups are 32 long both their halves fall on the same part
//! sums    4 lanes of 16 rows become one lane per row, as additions in a tree
//! ```
//!
//! From there on all is as in a tile, in the same order: one lane per row, group after group.

mod classic;
mod k_quants;
mod sums;

use std::arch::x86_64::*;

use camelid_gguf::TensorType;

use super::mem::{load_f32, load_i8x16};
use super::rows::Rows;
use super::tile::{add_group, finish, start};
use crate::activation::ActivationPanel;
use crate::block::{FP4_CODES, IQ4_CODES};
use crate::tile::{PANEL, RowLanes, TILE_ROWS, Tile};
use sums::{Headroom, add_quad, spread};

/// Multiplies whole panels with `N` tokens; of the formats that [`super::rows`] knows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) fn mul_few<const N: usize>(
    ty: TensorType,
    rows: &Rows<'_>,
    x: &[ActivationPanel; N],
    sums: &mut [RowLanes; N],
    tile: &mut Tile,
) {
    match ty {
        TensorType::Q8_0 => classic::mul_q8_0(rows, x, sums, tile),
        TensorType::Q4_0 => classic::mul_q4_0(rows, x, sums, tile),
        TensorType::Q4_1 => classic::mul_q4_1(rows, x, sums, tile),
        TensorType::Q5_0 => classic::mul_q5_0(rows, x, sums, tile),
        TensorType::Q5_1 => classic::mul_q5_1(rows, x, sums, tile),
        TensorType::IQ4_NL => classic::mul_iq4_nl(rows, x, sums, tile, &IQ4_CODES),
        TensorType::MXFP4 => classic::mul_mxfp4(rows, x, sums, tile, &FP4_CODES),
        TensorType::IQ4_XS => k_quants::mul_iq4_xs(rows, x, sums, tile, &IQ4_CODES),
        TensorType::Q2_K => k_quants::mul_q2_k(rows, x, sums, tile),
        TensorType::Q3_K => k_quants::mul_q3_k(rows, x, sums, tile),
        TensorType::Q4_K => k_quants::mul_q4_k(rows, x, sums, tile),
        TensorType::Q5_K => k_quants::mul_q5_k(rows, x, sums, tile),
        TensorType::Q6_K => k_quants::mul_q6_k(rows, x, sums, tile),
        _ => unreachable!("because `rows` asks for no other format"),
    }
}

/// Four vectors of a row's codes.
type Codes = [__m512i; 4];
/// Which 16 columns lie in each part of each vector of codes.
///
/// Where groups are 32 long, two neighbouring vectors hold the halves of the same groups.
type Places = [[usize; 4]; 4];

/// Adds the products of a panel whose `VECS` vectors of sums hold `GROUPS` groups: so one or two
/// vectors of codes add to the same sums.
///
/// `codes` takes a row apart, by its number and bytes; `factors` fills the tile's scales, and its
/// minimums if there are `MINS`. It is called when all rows have passed, so that waiting for a
/// row's bytes is part of a loop in which others are multiplied.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn mul_panel<
    const N: usize,
    const VECS: usize,
    const GROUPS: usize,
    const MINS: bool,
    const DOUBLING: bool,
    const HEADROOM: u8,
>(
    (rows, places): (&Rows<'_>, &Places),
    (x, sums): (&[ActivationPanel; N], &mut [RowLanes; N]),
    tile: &mut Tile,
    codes: impl FnMut(usize, &[u8]) -> Codes,
    factors: impl FnOnce(&mut Tile),
) {
    let quads = dot_quads::<N, VECS, HEADROOM>(rows, places, x, codes);
    factors(tile);
    for ((quads, x), sums) in quads.into_iter().zip(x).zip(sums) {
        let mut dots = [_mm512_setzero_si512(); GROUPS];
        for (i, quads) in quads.into_iter().enumerate() {
            for (part, spread) in spread(quads).into_iter().enumerate() {
                // A place counts 16 columns.
                dots[places[i * 4 / VECS][part] * GROUPS / 16] = spread;
            }
        }
        let mut total = start::<DOUBLING>(sums);
        for (i, dot) in dots.into_iter().enumerate() {
            let dot = _mm512_add_epi32(dot, _mm512_set1_epi32(x.starts[i]));
            let factors = (load_f32(&tile.scales[i].0), load_f32(&tile.mins[i].0));
            total = add_group::<MINS, DOUBLING>(total, dot, factors, (x, i));
        }
        finish::<DOUBLING>(total, x, sums);
    }
}

/// The integer sums of each token: `[VECS][quad of rows]` vectors, in each 128-bit part those of
/// four rows for one group.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn dot_quads<const N: usize, const VECS: usize, const HEADROOM: u8>(
    rows: &Rows<'_>,
    places: &Places,
    x: &[ActivationPanel; N],
    mut codes: impl FnMut(usize, &[u8]) -> Codes,
) -> [[[__m512i; 4]; VECS]; N] {
    let zero = _mm512_setzero_si512();
    let mut activations = [[zero; 4]; N];
    for (activations, x) in activations.iter_mut().zip(x) {
        *activations = gather_parts(x, places);
    }
    let mut quads = [[[zero; 4]; VECS]; N];
    for (quad_idx, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
        let mut dots = [[[zero; 4]; VECS]; N];
        for (row_idx, row) in rows.iter().enumerate() {
            let codes = codes(4 * quad_idx + row_idx, row);
            for (dots, activations) in dots.iter_mut().zip(&activations) {
                for (i, (codes, activations)) in codes.iter().zip(activations).enumerate() {
                    let dot = &mut dots[i * VECS / 4][row_idx];
                    *dot = _mm512_dpbusd_epi32(*dot, *codes, *activations);
                }
            }
        }
        for (quads, dots) in quads.iter_mut().zip(dots) {
            for (quads, dots) in quads.iter_mut().zip(dots) {
                quads[quad_idx] = add_quad::<HEADROOM>(dots);
            }
        }
    }
    quads
}

/// The activations of the columns in each part.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn gather_parts(x: &ActivationPanel, places: &Places) -> [__m512i; 4] {
    let (pieces, _) = x.codes.as_chunks::<16>();
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, places) in vectors.iter_mut().zip(places) {
        let part = |i: usize| load_i8x16(&pieces[places[i]]);
        let joined = _mm512_castsi128_si512(part(0));
        let joined = _mm512_inserti32x4::<1>(joined, part(1));
        let joined = _mm512_inserti32x4::<2>(joined, part(2));
        *vector = _mm512_inserti32x4::<3>(joined, part(3));
    }
    vectors
}

const _: () = assert!(PANEL == 4 * 64 && TILE_ROWS == 16);
