//! Products with rows as they lie in the file.
//!
//! Packed words of 16 rows are transposed first, so that each lane holds one row, and split into
//! codes after: splitting is the same for all lanes. The transposition goes by 16 bytes of each
//! row: four rows' pieces, four rows apart, are joined to a vector as they are loaded, and eight
//! shuffles turn four such vectors into four words of all rows.
//!
//! The codes that come from the same words are a unit: a group of columns, a quarter or half of a
//! panel. With few tokens a unit is multiplied while the next is unpacked: multiplying and
//! shuffling are done by different parts of the CPU, and the next unit's instructions are near
//! enough to start before the products are done. With many the whole tile is unpacked first, as
//! the sums of all tokens do not fit the registers. A single token is left to
//! [`few`](super::few), which does not transpose. Formats without a routine of their own are
//! unpacked row by row in scalar code.

pub(super) mod classic;
mod halves;
pub(super) mod k_quants;

use std::arch::x86_64::*;

use camelid_gguf::TensorType;

use super::few::mul_few;
use super::mem::{load_u8, load_u8x16, store_u8};
use super::tile::{mul_tile, mul_units};
use super::transpose::{transpose_16x4, transpose_16x16};
use crate::activation::ActivationPanel;
use crate::block::{BlockFormat, FP4_CODES, IQ4_CODES};
use crate::scalar::TileShape;
use crate::tile::{CodeLanes, PANEL, RowLanes, RowPanel, TILE_ROWS, Tile};

/// The same panel of each row of a tile.
pub(super) type Rows<'a> = [&'a [u8]; TILE_ROWS];

/// The longest whole panel of a format with a routine here: eight blocks of Q8_0.
const MAX_PANEL_BYTES: usize = 8 * 34;

/// See [`crate::scalar::mul_rows`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_rows(
    format: &BlockFormat,
    rows: &Rows<'_>,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tile: &mut Tile,
) {
    let n_bytes = rows[0].len();
    let shape = format.tile_shape(n_bytes);
    let panel_bytes = format.panel_bytes();
    if !has_routine(format.ty) {
        unpack_rows(format, rows, tile);
        mul_tile(tile, shape, x, sums);
    } else if n_bytes == panel_bytes {
        mul_panels(format.ty, rows, shape, x, sums, tile);
    } else {
        // The row's last panel, with zeros for what is missing.
        let mut padded = [[0; MAX_PANEL_BYTES]; TILE_ROWS];
        let mut whole: Rows<'_> = [&[]; TILE_ROWS];
        for ((whole, padded), row) in whole.iter_mut().zip(&mut padded).zip(rows) {
            padded[..n_bytes].copy_from_slice(row);
            *whole = &padded[..panel_bytes];
        }
        mul_panels(format.ty, &whole, shape, x, sums, tile);
    }
}

/// Multiplies panels; where they are padded, the groups of `shape` count.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_panels(
    ty: TensorType,
    rows: &Rows<'_>,
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tile: &mut Tile,
) {
    let whole = shape.n_groups * shape.group == PANEL;
    macro_rules! mul_some {
        ($($n:literal)*) => {
            match x.len() {
                1 if whole => {
                    let (x, sums) = (x.as_chunks().0, sums.as_chunks_mut().0);
                    mul_few::<1>(ty, rows, &x[0], &mut sums[0], tile);
                }
                $($n => {
                    let (x, _) = x.as_chunks::<$n>();
                    let (sums, _) = sums.as_chunks_mut::<$n>();
                    mul_whole::<$n>((ty, shape.n_groups), rows, (&x[0], &mut sums[0]), tile);
                })*
                _ => {
                    mul_whole::<0>((ty, shape.n_groups), rows, (&[], &mut []), tile);
                    mul_tile(tile, shape, x, sums);
                }
            }
        };
    }
    mul_some!(1 2 3 4 5 6 7 8);
}

/// What a panel of rows is multiplied with: the activations of few tokens. With none it is only
/// unpacked.
type Tokens<'a, const N: usize> = (&'a [ActivationPanel; N], &'a mut [RowLanes; N]);

/// Whether [`mul_whole`] knows the format.
fn has_routine(ty: TensorType) -> bool {
    use TensorType as T;
    matches!(ty, T::Q8_0 | T::Q4_0 | T::Q4_1 | T::Q5_0 | T::Q5_1 | T::IQ4_NL | T::MXFP4)
        || matches!(ty, T::IQ4_XS | T::Q2_K | T::Q3_K | T::Q4_K | T::Q5_K | T::Q6_K)
}

/// Unpacks whole panels and multiplies them with `N` tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_whole<const N: usize>(
    (ty, n_groups): (TensorType, usize),
    rows: &Rows<'_>,
    tokens: Tokens<'_, N>,
    tile: &mut Tile,
) {
    match ty {
        TensorType::Q8_0 => classic::mul_q8_0(rows, (tokens, n_groups), tile),
        TensorType::Q4_0 => classic::mul_q4_0(rows, (tokens, n_groups), tile),
        TensorType::Q4_1 => classic::mul_q4_1(rows, (tokens, n_groups), tile),
        TensorType::Q5_0 => classic::mul_q5_0(rows, (tokens, n_groups), tile),
        TensorType::Q5_1 => classic::mul_q5_1(rows, (tokens, n_groups), tile),
        TensorType::IQ4_NL => classic::mul_iq4_nl(rows, (tokens, n_groups), tile, &IQ4_CODES),
        TensorType::MXFP4 => classic::mul_mxfp4(rows, (tokens, n_groups), tile, &FP4_CODES),
        TensorType::IQ4_XS => classic::mul_iq4_xs(rows, tokens, tile, &IQ4_CODES),
        TensorType::Q2_K => k_quants::mul_q2_k(rows, tokens, tile),
        TensorType::Q3_K => k_quants::mul_q3_k(rows, tokens, tile),
        TensorType::Q4_K => k_quants::mul_q4_k(rows, tokens, tile),
        TensorType::Q5_K => k_quants::mul_q5_k(rows, tokens, tile),
        TensorType::Q6_K => k_quants::mul_q6_k(rows, tokens, tile),
        _ => unreachable!("because `has_routine` was asked before"),
    }
}

/// Any format: rows in scalar code, then the transposition.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_rows(format: &BlockFormat, rows: &Rows<'_>, tile: &mut Tile) {
    let mut panels = [const { RowPanel::EMPTY }; TILE_ROWS];
    for (row_idx, (panel, blocks)) in panels.iter_mut().zip(rows).enumerate() {
        (format.unpack_panel)(blocks, panel);
        tile.set_scales(row_idx, panel);
    }
    for (part_idx, columns) in tile.codes.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let mut words = [_mm512_setzero_si512(); TILE_ROWS];
        for (word, panel) in words.iter_mut().zip(&panels) {
            *word = load_u8(&panel.codes.as_chunks::<64>().0[part_idx]);
        }
        for (out, column) in columns.iter_mut().zip(transpose_16x16(words)) {
            store_u8(&mut out.0, column);
        }
    }
}

/// Each row's panel, now of a length the compiler knows: offsets into it need no check.
#[inline]
pub(super) fn panels<'a, const PANEL_BYTES: usize>(
    rows: &Rows<'a>,
) -> [&'a [u8; PANEL_BYTES]; TILE_ROWS] {
    let mut panels = [&[0; PANEL_BYTES]; TILE_ROWS];
    for (panel, row) in panels.iter_mut().zip(rows) {
        *panel = part(row, 0);
    }
    panels
}

/// `N` bytes of a block.
#[inline]
pub(super) fn part<const N: usize>(block: &[u8], offset: usize) -> &[u8; N] {
    block[offset..].first_chunk().expect("because a block is longer than its parts' offsets")
}

/// 16 bytes of each row, as four words per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn words<const PANEL_BYTES: usize>(
    rows: &[&[u8; PANEL_BYTES]; TILE_ROWS],
    offset: usize,
) -> [__m512i; 4] {
    let mut quads = [_mm512_setzero_si512(); 4];
    for (i, quad) in quads.iter_mut().enumerate() {
        let piece = |row_idx: usize| part(rows[row_idx], offset);
        *quad = join([piece(i), piece(4 + i), piece(8 + i), piece(12 + i)]);
    }
    transpose_16x4(quads)
}

/// Loads four 16-byte pieces.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn join(pieces: [&[u8; 16]; 4]) -> __m512i {
    let joined = _mm512_castsi128_si512(load_u8x16(pieces[0]));
    let joined = _mm512_inserti32x4::<1>(joined, load_u8x16(pieces[1]));
    let joined = _mm512_inserti32x4::<2>(joined, load_u8x16(pieces[2]));
    _mm512_inserti32x4::<3>(joined, load_u8x16(pieces[3]))
}

/// Where a unit's codes go.
#[inline]
fn unit<const UNIT: usize>(tile: &mut Tile, unit_idx: usize) -> &mut [CodeLanes; UNIT] {
    &mut tile.codes.as_chunks_mut().0[unit_idx]
}

/// The halves of each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn split(bytes: __m512i) -> (__m512i, __m512i) {
    let low_halves = _mm512_set1_epi8(15);
    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_halves);
    (_mm512_and_si512(bytes, low_halves), high)
}

/// `x | (y & mask)`, the mask in each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn or_masked(x: __m512i, y: __m512i, mask: i8) -> __m512i {
    // Truth table of a | (b & c).
    _mm512_ternarylogic_epi32::<0b1111_1000>(x, y, _mm512_set1_epi8(mask))
}
