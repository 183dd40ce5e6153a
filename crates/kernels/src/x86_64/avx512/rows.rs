//! Products with rows as they lie in the file.
//!
//! Packed words of 16 rows are transposed first, so that each lane holds one row, and split into
//! codes after: splitting is the same for all lanes. The transposition goes by 16 or 32 bytes of
//! each row: four or two rows' pieces are joined to a vector as they are loaded, which is part of
//! the way, and shuffles go the rest.
//!
//! The codes that come from the same words are a unit: a group of columns, a quarter or half of a
//! panel. Few tokens meet a unit while it is in registers, and whole rows in one call: what is
//! left to do for a panel then is little more than the products, and the CPU begins with the next
//! before they are done. Many tokens' sums do not fit the registers; for them a panel is unpacked
//! to a tile first. Formats without a routine of their own are unpacked row by row in scalar
//! code.
//!
//! Rows lie at equal distances, as a matrix's do. Only a matrix's last rows may not, where there are
//! fewer than 16, and panels that are not whole end too soon: such panels are copied first.

mod classic;
mod halves;
mod k_quants;

use std::arch::x86_64::*;
use std::sync::atomic::{Ordering, compiler_fence};

use camelid_gguf::TensorType;

use super::blocks::Blocks;
use super::mem::{load_u8, load_u8x16, load_u8x32, store_u8};
use super::tile::{Codes, each, mul_tiles, mul_units};
use super::transpose::{transpose_16x4, transpose_16x8, transpose_16x16};
use crate::activation::ActivationPanel;
use crate::block::{BlockFormat, FP4_CODES, IQ4_CODES};
use crate::row_span::{RowSpan, Strided};
use crate::tile::{PANEL, RowLanes, RowPanel, TILE_ROWS, Tile};
use crate::x86_64::{LINE, prefetch, prefetch_line};

/// The longest whole panel of a format with a routine here: eight blocks of Q8_0.
const MAX_PANEL_BYTES: usize = 8 * 34;

/// Groups of the largest units, half a panel. These formats ask for a panel's lines once more, shortly
/// before they are read; others would lose by it.
const MAX_GROUPS_OF_UNIT: usize = 8;

/// See [`crate::scalar::mul_rows`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_rows(
    format: &BlockFormat,
    spans: &[RowSpan<'_>],
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
    tiles: &mut [Tile],
) {
    macro_rules! mul_few {
        ($($n:literal)*) => {
            match sums.len() / spans.len() {
                $($n if has_routine(format.ty) => {
                    for (span, sums) in spans.iter().zip(sums.as_chunks_mut::<$n>().0) {
                        mul_span::<$n>(format, span, (x, sums), &mut tiles[0]);
                    }
                })*
                n_tokens => mul_unpacked(format, (spans, tiles), (x, sums), n_tokens),
            }
        };
    }
    mul_few!(1 2 3 4 5 6 7 8);
}

/// Multiplies with many tokens: the spans' same panels are unpacked together.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_unpacked(
    format: &BlockFormat,
    (spans, tiles): (&[RowSpan<'_>], &mut [Tile]),
    (x, sums): (&[ActivationPanel], &mut [RowLanes]),
    n_tokens: usize,
) {
    let panel_bytes = format.panel_bytes();
    for (panel_idx, x) in x.chunks_exact(n_tokens).enumerate() {
        let mut shape = format.tile_shape(panel_bytes);
        for (span, tile) in spans.iter().zip(tiles.iter_mut()) {
            let panel = span.slice(panel_idx * panel_bytes, (panel_idx + 1) * panel_bytes);
            shape = format.tile_shape(panel.n_bytes());
            unpack(format, &panel, tile);
        }
        mul_tiles(tiles, shape, x, sums);
    }
}

/// Unpacks a panel.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack(format: &BlockFormat, panel: &RowSpan<'_>, tile: &mut Tile) {
    if has_routine(format.ty) {
        mul_span::<0>(format, panel, (&[], &mut []), tile);
    } else {
        prefetch(panel.ahead.as_ptr(), panel.ahead.len());
        unpack_rows(format, &panel.rows, tile);
    }
}

/// Whether [`mul_panels`] knows the format.
fn has_routine(ty: TensorType) -> bool {
    use TensorType as T;
    matches!(ty, T::Q8_0 | T::Q4_0 | T::Q4_1 | T::Q5_0 | T::Q5_1 | T::IQ4_NL | T::MXFP4)
        || matches!(ty, T::IQ4_XS | T::Q2_K | T::Q3_K | T::Q4_K | T::Q5_K | T::Q6_K)
}

/// The activations of few tokens, `[n_panels, N]`, and their sums. With none, panels are only
/// unpacked.
type Tokens<'a, const N: usize> = (&'a [ActivationPanel], &'a mut [RowLanes; N]);

/// Multiplies panels as they lie; those that are not whole, or of rows that lie anywhere, after
/// copying them to rows filled up with zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_span<const N: usize>(
    format: &BlockFormat,
    span: &RowSpan<'_>,
    (x, sums): Tokens<'_, N>,
    tile: &mut Tile,
) {
    let panel_bytes = format.panel_bytes();
    let n_whole = if span.strided.is_some() { span.n_bytes() / panel_bytes } else { 0 };
    if let Some(rows) = span.strided.filter(|_| n_whole > 0) {
        // Of rows that are longer the last bytes are left over.
        let n_groups = format.tile_shape(panel_bytes).n_groups;
        let tokens = (&x[..n_whole * N], &mut *sums);
        let job = Job { rows, n_panels: n_whole, ahead: span.ahead, n_groups, tokens, tile };
        mul_panels::<N>(format.ty, job);
    }
    for panel_idx in n_whole..span.n_bytes().div_ceil(panel_bytes) {
        let panel = span.slice(panel_idx * panel_bytes, (panel_idx + 1) * panel_bytes);
        let mut padded = [[0; MAX_PANEL_BYTES]; TILE_ROWS];
        for (padded, row) in padded.iter_mut().zip(panel.rows) {
            padded[..row.len()].copy_from_slice(row);
        }
        let rows = Strided { bytes: padded.as_flattened(), stride: MAX_PANEL_BYTES };
        let n_groups = format.tile_shape(panel.n_bytes()).n_groups;
        let tokens = (&x[panel_idx * N..][..N], &mut *sums);
        let job = Job { rows, n_panels: 1, ahead: panel.ahead, n_groups, tokens, tile };
        mul_panels::<N>(format.ty, job);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_panels<const N: usize>(ty: TensorType, job: Job<'_, N>) {
    match ty {
        TensorType::Q8_0 => classic::mul_q8_0(job),
        TensorType::Q4_0 => classic::mul_q4_0(job),
        TensorType::Q4_1 => classic::mul_q4_1(job),
        TensorType::Q5_0 => classic::mul_q5_0(job),
        TensorType::Q5_1 => classic::mul_q5_1(job),
        TensorType::IQ4_NL => classic::mul_iq4_nl(job, &IQ4_CODES),
        TensorType::MXFP4 => classic::mul_mxfp4(job, &FP4_CODES),
        TensorType::IQ4_XS => classic::mul_iq4_xs(job, &IQ4_CODES),
        TensorType::Q2_K => k_quants::mul_q2_k(job),
        TensorType::Q3_K => k_quants::mul_q3_k(job),
        TensorType::Q4_K => k_quants::mul_q4_k(job),
        TensorType::Q5_K => k_quants::mul_q5_k(job),
        TensorType::Q6_K => k_quants::mul_q6_k(job),
        _ => unreachable!("because `has_routine` was asked before"),
    }
}

/// Whole panels, and what they are multiplied with.
struct Job<'a, const N: usize> {
    rows: Strided<'a>,
    n_panels: usize,
    /// What will be read after the panels.
    ahead: &'a [u8],
    /// Groups of a panel that count.
    n_groups: usize,
    tokens: Tokens<'a, N>,
    /// For scales and minimums, and without tokens for codes.
    tile: &'a mut Tile,
}

impl<const N: usize> Job<'_, N> {
    /// Walks the panels: `begin` reads what all units need; `load` brings a unit, by its number;
    /// `codes` gives four columns of it, by their group within the unit and their place in the
    /// group. Either of the first two fills the tile's scales, and its minimums if there are
    /// `MINS`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn run<
        const PANEL_BYTES: usize,
        const GROUPS: usize,
        const QUADS: usize,
        const MINS: bool,
        const DOUBLING: bool,
        P,
        U,
    >(
        self,
        begin: impl Fn(&Blocks<'_, PANEL_BYTES>, &mut Tile) -> P,
        load: impl Fn(&Blocks<'_, PANEL_BYTES>, &P, &mut Tile, usize) -> U,
        codes: impl Fn(&U, usize, usize) -> Codes,
    ) {
        let Self { rows, n_panels, ahead, n_groups, tokens: (x, sums), tile } = self;
        for panel_idx in 0..n_panels {
            let blocks = Blocks::new(rows, panel_idx * PANEL_BYTES);
            let ahead = ahead.get(panel_idx * PANEL_BYTES * TILE_ROWS..).unwrap_or_default();
            let panel = begin(&blocks, tile);
            let load = |tile: &mut Tile, unit_idx: usize| {
                (unit_idx, load(&blocks, &panel, tile, unit_idx))
            };
            let codes = |(unit_idx, unit): &(usize, U), group: usize, quad: usize| {
                if quad == 0 {
                    let n_groups = PANEL / (4 * QUADS);
                    let group_idx = unit_idx * GROUPS + group;
                    if GROUPS == MAX_GROUPS_OF_UNIT {
                        let n_rows = TILE_ROWS / n_groups;
                        for row_idx in group_idx * n_rows..(group_idx + 1) * n_rows {
                            bring::<PANEL_BYTES>(blocks.part::<PANEL_BYTES>(row_idx, 0));
                        }
                    }
                    if !ahead.is_empty() {
                        ask::<PANEL_BYTES>(ahead, group_idx, n_groups);
                    }
                }
                codes(unit, group, quad)
            };
            if N > 0 {
                let x = x[panel_idx * N..].first_chunk().expect("because each panel has its x");
                let tokens = (x, &mut *sums);
                mul_units::<GROUPS, QUADS, MINS, DOUBLING, N, _>(
                    tile, n_groups, tokens, load, codes,
                );
            } else {
                for unit_idx in 0..n_groups / GROUPS {
                    let unit = load(tile, unit_idx);
                    let out = &mut tile.codes[unit_idx * GROUPS * QUADS..][..GROUPS * QUADS];
                    each!(GROUPS, |group| {
                        for (quad, out) in out[group * QUADS..][..QUADS].iter_mut().enumerate() {
                            store_u8(&mut out.0, codes(&unit, group, quad).codes);
                        }
                    });
                }
            }
        }
    }
}

/// Asks the first cache level for a row's piece of the panel after this one, or, behind the last
/// one, of what follows. Most of it is in the second level by then; some requests for that have been
/// dropped.
#[inline(always)]
fn bring<const PANEL_BYTES: usize>(piece: &[u8; PANEL_BYTES]) {
    for offset in (0..PANEL_BYTES).step_by(LINE) {
        prefetch_line(piece.as_ptr().wrapping_add(PANEL_BYTES + offset));
    }
}

/// Asks for a group's share of what lies ahead of a panel: the CPU holds a few dozen requests, and
/// with more at a time it stands still until the first are answered.
#[inline(always)]
fn ask<const PANEL_BYTES: usize>(ahead: &[u8], group_idx: usize, n_groups: usize) {
    let n_lines = (PANEL_BYTES * TILE_ROWS).div_ceil(LINE);
    let first = group_idx * n_lines / n_groups;
    let last = (group_idx + 1) * n_lines / n_groups;
    // A number that the compiler knows, and often one more.
    let n_sure = n_lines / n_groups;
    let start = ahead.as_ptr().wrapping_add(first * LINE);
    prefetch(start, n_sure * LINE);
    if first + n_sure < last {
        prefetch(start.wrapping_add(n_sure * LINE), LINE);
    }
    // The compiler would put the requests of several groups together, before their products.
    compiler_fence(Ordering::SeqCst);
}

/// Any format: rows in scalar code, then the transposition.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn unpack_rows(format: &BlockFormat, rows: &[&[u8]; TILE_ROWS], tile: &mut Tile) {
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

/// 16 bytes of each row, as four words per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn words<const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    offset: usize,
) -> [__m512i; 4] {
    let mut quads = [_mm512_setzero_si512(); 4];
    for (i, quad) in quads.iter_mut().enumerate() {
        let piece = |row_idx| blocks.part(row_idx, offset);
        *quad = join([piece(i), piece(4 + i), piece(8 + i), piece(12 + i)]);
    }
    transpose_16x4(quads)
}

/// 32 bytes of each row, as eight words per lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn words_32<const PANEL_BYTES: usize>(
    blocks: &Blocks<'_, PANEL_BYTES>,
    offset: usize,
) -> [__m512i; 8] {
    let piece = |row_idx| load_u8x32(blocks.part(row_idx, offset));
    let mut pairs = [_mm512_setzero_si512(); 8];
    for (i, pair) in pairs.iter_mut().enumerate() {
        let first = i / 4 * 8 + i % 4;
        *pair = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(piece(first)), piece(first + 4));
    }
    transpose_16x8(pairs)
}

/// Loads four 16-byte pieces.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn join(pieces: [&[u8; 16]; 4]) -> __m512i {
    let joined = _mm512_castsi128_si512(load_u8x16(pieces[0]));
    let joined = _mm512_inserti32x4::<1>(joined, load_u8x16(pieces[1]));
    let joined = _mm512_inserti32x4::<2>(joined, load_u8x16(pieces[2]));
    _mm512_inserti32x4::<3>(joined, load_u8x16(pieces[3]))
}

/// The halves of each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn split(bytes: __m512i) -> [__m512i; 2] {
    let low_halves = _mm512_set1_epi8(15);
    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_halves);
    [_mm512_and_si512(bytes, low_halves), high]
}

/// Whether what is done for each token costs less than what is done once for all. With none, panels
/// are only unpacked.
const fn is_few(n_tokens: usize) -> bool {
    matches!(n_tokens, 1 | 2)
}

/// One of the halves of each byte.
///
/// For few tokens the high halves stay where they are: to shift a group's sum once is less than to
/// shift each vector.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn half<const N: usize>(bytes: __m512i, half: usize) -> Codes {
    if half == 1 && is_few(N) {
        let codes = _mm512_and_si512(bytes, _mm512_set1_epi8(0xf0u8.cast_signed()));
        return Codes { codes, doublings: 4 };
    }
    Codes::plain(split(bytes)[half])
}

/// `x | (y & mask)`, the mask in each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
fn or_masked(x: __m512i, y: __m512i, mask: i8) -> __m512i {
    // Truth table of a | (b & c).
    _mm512_ternarylogic_epi32::<0b1111_1000>(x, y, _mm512_set1_epi8(mask))
}
