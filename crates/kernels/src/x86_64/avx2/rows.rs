//! Products with quantised rows, straight from their bytes.
//!
//! The codes stay where they are, in vectors of one row's neighbouring columns, and only the sums
//! change places:
//!
//! ```text
//! codes   4 vectors, a step of 128 columns of one row; each is two 128-bit parts of 16 columns.
//!         Where groups are 32 long, two neighbouring vectors hold the halves of two groups
//! dots    vpmaddubsw and vpmaddwd with the activations of the same columns: four 32-bit lanes to
//!         a part, which are one group's
//! sums    4 lanes of 4 rows become one lane per row, and lie down beside those of other rows
//! ```
//!
//! A step of four rows is taken apart once and meets four or eight tokens before the next. Nothing is
//! transposed, and where codes are small, products are added in 16 bits before they are widened,
//! which lanes of one row each do not allow. So batches of all sizes go this way.
//!
//! From the dots on, all is as in a tile, in the same order: one lane per row, group after group.

mod any;
mod classic;
mod k_quants;
mod scales;
mod sums;

use std::arch::x86_64::*;

use camelid_gguf::TensorType;

use super::mem::{load_i8x16, load_u8, load_u8x16, store_u8x16};
use super::tile::{add_group, finish, start};
use crate::activation::ActivationPanel;
use crate::block::{BlockFormat, FP4_CODES, IQ4_CODES};
use crate::row_span::RowSpan;
use crate::scalar::TileShape;
use crate::tile::{CodeLanes, PANEL, RowLanes, TILE_ROWS, Tile};
use crate::x86_64::prefetch;
use sums::dot_quad;

/// The same panel of each row of a tile.
type Rows<'a> = [&'a [u8]; TILE_ROWS];
/// A step of a row's codes.
type Codes = [__m256i; 4];
/// Which 16 columns of a step lie in each part of each vector.
type Places = [[usize; 2]; 4];

/// Columns of a step.
const STEP: usize = 128;
/// Tokens times groups that have room for their dots.
const MAX_DOTS: usize = PANEL / 4;

const IN_ORDER: Places = [[0, 1], [2, 3], [4, 5], [6, 7]];
/// Four blocks' first halves and second halves.
const BLOCKS: Places = [[0, 2], [1, 3], [4, 6], [5, 7]];
/// Low halves of the bytes of two quarters, first 16 and last 16; then high halves.
const QUARTERS: Places = [[0, 4], [1, 5], [2, 6], [3, 7]];

/// See [`crate::scalar::mul_rows`]; the same bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn mul_rows(
    format: &BlockFormat,
    spans: &[RowSpan<'_>],
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tiles: &mut [Tile],
) {
    let n_tokens = sums.len() / spans.len();
    for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(n_tokens)) {
        for (panel, x) in span.panels(format.panel_bytes(), x, n_tokens) {
            // In two parts, as the CPU holds a few dozen requests.
            let (ahead, later) = panel.ahead.split_at(panel.ahead.len() / 2);
            prefetch(ahead.as_ptr(), ahead.len());
            mul_panel(format, &panel.rows, x, sums, &mut tiles[0]);
            prefetch(later.as_ptr(), later.len());
        }
    }
}

/// Multiplies a panel.
#[target_feature(enable = "avx2,fma,f16c")]
fn mul_panel(
    format: &BlockFormat,
    rows: &Rows<'_>,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tile: &mut Tile,
) {
    let shape = format.tile_shape(rows[0].len());
    let product = Product { shape, x, sums, tile };
    if !(shape.n_groups * shape.group).is_multiple_of(STEP) {
        return any::multiply(format, rows, product);
    }
    // Length of groups, whether codes have a sign, and the largest of them.
    match format.ty {
        TensorType::Q8_0 => product.multiply::<32, true, 128>(
            &BLOCKS,
            |row, step| classic::q8_0(rows[row], step),
            |tile| scales::halves::<34, 0>(rows, &mut tile.scales),
        ),
        TensorType::Q4_0 => product.multiply::<32, false, 15>(
            &BLOCKS,
            |row, step| classic::nibbles::<18, 2>(rows[row], step),
            |tile| scales::halves::<18, 0>(rows, &mut tile.scales),
        ),
        TensorType::Q4_1 => product.multiply::<32, false, 15>(
            &BLOCKS,
            |row, step| classic::nibbles::<20, 4>(rows[row], step),
            |tile| scales::with_offsets::<20>(rows, tile),
        ),
        TensorType::Q5_0 => product.multiply::<32, false, 31>(
            &BLOCKS,
            |row, step| classic::five_bits::<22, 2, 6>(rows[row], step),
            |tile| scales::halves::<22, 0>(rows, &mut tile.scales),
        ),
        TensorType::Q5_1 => product.multiply::<32, false, 31>(
            &BLOCKS,
            |row, step| classic::five_bits::<24, 4, 8>(rows[row], step),
            |tile| scales::with_offsets::<24>(rows, tile),
        ),
        TensorType::IQ4_NL => {
            let table = iq4_values();
            product.multiply::<32, true, 127>(
                &BLOCKS,
                |row, step| look_up(table, classic::nibbles::<18, 2>(rows[row], step)),
                |tile| scales::halves::<18, 0>(rows, &mut tile.scales),
            );
        }
        TensorType::IQ4_XS => {
            let table = iq4_values();
            product.multiply::<32, true, 127>(
                &BLOCKS,
                |row, step| look_up(table, classic::nibbles::<16, 0>(&rows[row][8..], step)),
                |tile| scales::iq4_xs(rows, tile),
            );
        }
        TensorType::MXFP4 => {
            let table = _mm256_broadcastsi128_si256(load_u8x16(&FP4_CODES));
            product.multiply::<32, false, 28>(
                &BLOCKS,
                |row, step| look_up(table, classic::nibbles::<17, 1>(rows[row], step)),
                |tile| scales::mxfp4(rows, tile),
            );
        }
        TensorType::Q2_K => product.multiply::<16, false, 3>(
            &IN_ORDER,
            |row, step| k_quants::q2_k(rows[row], step),
            |tile| scales::q2_k(rows, tile),
        ),
        TensorType::Q3_K => product.multiply::<16, false, 7>(
            &IN_ORDER,
            |row, step| k_quants::q3_k(rows[row], step),
            |tile| scales::q3_k(rows, tile),
        ),
        TensorType::Q4_K => product.multiply::<32, false, 15>(
            &QUARTERS,
            |row, step| k_quants::quarters::<144, 16>(rows[row], step),
            |tile| scales::q4_k::<144>(rows, tile),
        ),
        TensorType::Q5_K => product.multiply::<32, false, 31>(
            &QUARTERS,
            |row, step| k_quants::q5_k(rows[row], step),
            |tile| scales::q4_k::<176>(rows, tile),
        ),
        TensorType::Q6_K => product.multiply::<16, false, 63>(
            &IN_ORDER,
            |row, step| k_quants::q6_k(rows[row], step),
            |tile| scales::q6_k(rows, tile),
        ),
        _ => any::multiply(format, rows, product),
    }
}

/// What rows are multiplied with, and where the products go.
struct Product<'a> {
    shape: TileShape,
    /// `[n_tokens]`.
    x: &'a [ActivationPanel],
    /// `[n_tokens]`.
    sums: &'a mut [RowLanes],
    /// Scales and minimums, and in place of codes the dots: `[n_tokens][n_groups][row]i32`.
    tile: &'a mut Tile,
}

impl Product<'_> {
    /// Multiplies rows of codes up to `MAX`, with a sign or without, in groups of `GROUP`.
    ///
    /// `codes` takes a step of a row apart; `factors` fills the tile's scales, and its minimums if
    /// there are any, when all rows have passed: so waiting for a row's bytes is part of a loop in
    /// which others are multiplied.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline(never)]
    fn multiply<const GROUP: usize, const SIGNED: bool, const MAX: i32>(
        self,
        places: &Places,
        codes: impl Fn(usize, usize) -> Codes,
        factors: impl FnOnce(&mut Tile),
    ) {
        let Self { shape, x, sums, tile } = self;
        let mut factors = Some(factors);
        let n_groups = PANEL / GROUP;
        let max_tokens = MAX_DOTS / n_groups;
        for (x, sums) in x.chunks(max_tokens).zip(sums.chunks_mut(max_tokens)) {
            for step in 0..(shape.n_groups * GROUP).div_ceil(STEP) {
                for quad in 0..TILE_ROWS / 4 {
                    let row = |i: usize| codes(4 * quad + i, step);
                    let rows = [row(0), row(1), row(2), row(3)];
                    for (dots, x) in tile.codes.chunks_exact_mut(n_groups).zip(x) {
                        let step = Step { rows, places, step, quad };
                        step.multiply::<GROUP, SIGNED, MAX>(x, dots);
                    }
                }
            }
            if let Some(factors) = factors.take() {
                factors(tile);
            }
            for ((dots, x), sums) in tile.codes.chunks_exact(n_groups).zip(x).zip(sums) {
                let dots = &dots[..shape.n_groups];
                add_products::<SIGNED>((tile, dots), shape, x, sums);
            }
        }
    }
}

/// A step of four rows.
struct Step<'a> {
    rows: [Codes; 4],
    places: &'a Places,
    step: usize,
    /// Which four rows.
    quad: usize,
}

impl Step<'_> {
    /// Multiplies with one token: `dots` is `[group][row]i32`.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    fn multiply<const GROUP: usize, const SIGNED: bool, const MAX: i32>(
        &self,
        x: &ActivationPanel,
        dots: &mut [CodeLanes],
    ) {
        let x = &x.codes.as_chunks::<STEP>().0[self.step];
        let dots = &mut dots[self.step * STEP / GROUP..][..STEP / GROUP];
        let mut store = |places: [usize; 2], sums: __m256i| {
            let mut put = |place: usize, sums| {
                store_u8x16(&mut dots[place * 16 / GROUP].0.as_chunks_mut().0[self.quad], sums);
            };
            put(places[0], _mm256_castsi256_si128(sums));
            put(places[1], _mm256_extracti128_si256::<1>(sums));
        };
        let x = |i: usize| {
            let part = |j: usize| load_i8x16(&x.as_chunks().0[self.places[i][j]]);
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(part(0)), part(1))
        };
        let rows = &self.rows;
        if GROUP == 16 {
            for (i, &places) in self.places.iter().enumerate() {
                let codes = [[rows[0][i]], [rows[1][i]], [rows[2][i]], [rows[3][i]]];
                store(places, dot_quad::<1, SIGNED, MAX>(codes, [x(i)]));
            }
        } else {
            for (i, places) in self.places.as_chunks::<2>().0.iter().enumerate() {
                let pair = |row: usize| [rows[row][2 * i], rows[row][2 * i + 1]];
                let codes = [pair(0), pair(1), pair(2), pair(3)];
                let x = [x(2 * i), x(2 * i + 1)];
                store(places[0], dot_quad::<2, SIGNED, MAX>(codes, x));
            }
        }
    }
}

/// Scales one token's dots, `[n_groups][row]i32`, and adds them to its sums.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add_products<const SIGNED: bool>(
    (tile, dots): (&Tile, &[CodeLanes]),
    shape: TileShape,
    x: &ActivationPanel,
    sums: &mut RowLanes,
) {
    for (half, sums) in sums.0.as_chunks_mut().0.iter_mut().enumerate() {
        let mut total = start(shape.steps, sums);
        for (group_idx, dots) in dots.iter().enumerate() {
            let mut dot = load_u8(&dots.0.as_chunks().0[half]);
            if !SIGNED {
                dot = _mm256_add_epi32(dot, _mm256_set1_epi32(x.starts[group_idx]));
            }
            total = add_group((tile, half, group_idx), shape, x, dot, total);
        }
        finish(total, (x, shape.steps), sums);
    }
}

/// Codes by way of a table.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn look_up(table: __m256i, mut codes: Codes) -> Codes {
    for codes in &mut codes {
        *codes = _mm256_shuffle_epi8(table, *codes);
    }
    codes
}

/// What the codes of the IQ4 formats stand for, with their signs.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn iq4_values() -> __m256i {
    let codes = _mm256_broadcastsi128_si256(load_u8x16(&IQ4_CODES));
    _mm256_xor_si256(codes, _mm256_set1_epi8(i8::MIN))
}

/// `N` bytes of a block.
#[inline]
fn part<const N: usize>(block: &[u8], offset: usize) -> &[u8; N] {
    block[offset..].first_chunk().expect("because a block is longer than its parts' offsets")
}

/// Two 16-byte pieces.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn join(low: &[u8; 16], high: &[u8; 16]) -> __m256i {
    let low = _mm256_castsi128_si256(load_u8x16(low));
    _mm256_inserti128_si256::<1>(low, load_u8x16(high))
}

/// The halves of each byte.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn split(bytes: __m256i) -> (__m256i, __m256i) {
    let low_halves = _mm256_set1_epi8(15);
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_halves);
    (_mm256_and_si256(bytes, low_halves), high)
}

/// `x | (y & mask)`, the mask in each byte.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn or_masked(x: __m256i, y: __m256i, mask: i8) -> __m256i {
    _mm256_or_si256(x, _mm256_and_si256(y, _mm256_set1_epi8(mask)))
}

const _: () = assert!(PANEL == 2 * STEP);
