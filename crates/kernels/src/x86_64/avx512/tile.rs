//! The integer dot product of tiles with activations.
//!
//! One 32-bit lane per matrix row. `vpdpbusd` adds four products of unsigned codes with signed
//! activations per lane. Twelve integer and twelve float sums are kept in registers: of six tokens
//! with two tiles, so that a broadcast of activations serves two products.

use std::arch::x86_64::*;
use std::array;

use super::mem::{anchor, load_f32, load_u8, store_f32};
use crate::activation::{ActivationPanel, Steps};
use crate::scalar::TileShape;
use crate::tile::{PANEL, RowLanes, Tile};

/// See [`crate::scalar::mul_tiles`]; the same bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) fn mul_tiles(
    tiles: &[Tile],
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    match (shape.has_mins, shape.steps) {
        (false, Steps::Own) => mul_all::<false, false>(tiles, shape, x, sums),
        (true, Steps::Own) => mul_all::<true, false>(tiles, shape, x, sums),
        (false, Steps::Doubling) => mul_all::<false, true>(tiles, shape, x, sums),
        (true, Steps::Doubling) => mul_all::<true, true>(tiles, shape, x, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn mul_all<const MINS: bool, const DOUBLING: bool>(
    tiles: &[Tile],
    shape: TileShape,
    x: &[ActivationPanel],
    sums: &mut [RowLanes],
) {
    by_blocks!((tiles, x, sums), mul_block::<MINS, DOUBLING, _, _>(tiles, shape, x, sums));
}

/// Multiplies `T` tiles with `N` tokens, whose sums with one tile lie `stride` behind those with the
/// tile before.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline(never)]
fn mul_block<const MINS: bool, const DOUBLING: bool, const T: usize, const N: usize>(
    tiles: &[Tile; T],
    shape: TileShape,
    x: &[ActivationPanel; N],
    (sums, stride): (&mut [RowLanes], usize),
) {
    // A number the compiler does not know: unrolled, the loop would be slower.
    let n_quads = shape.group / 4;
    let mut product = Product::<T, N, MINS, DOUBLING>::new(x, (sums, stride));
    for group_idx in 0..shape.n_groups {
        let mut dots = product.start(group_idx);
        for quad_idx in group_idx * n_quads..(group_idx + 1) * n_quads {
            let mut codes = [_mm512_setzero_si512(); T];
            for (codes, tile) in codes.iter_mut().zip(tiles) {
                *codes = load_u8(&tile.codes[quad_idx].0);
            }
            product.add_quad(&mut dots, codes, quad_idx);
        }
        product.add_group(tiles, dots, group_idx);
    }
    product.finish((sums, stride));
}

/// Runs the body for each number below one the compiler knows, at most 8: the groups of a unit, or
/// the units of a panel.
///
/// The compiler would not unroll a loop of this length, and a unit that is found by an index would
/// have to leave the registers.
macro_rules! each {
    ($n:expr, |$idx:ident| $body:block) => {
        each!($n, $idx, $body, 0 1 2 3 4 5 6 7)
    };
    ($n:expr, $idx:ident, $body:block, $($i:literal)*) => {$(
        if $i < $n {
            let $idx: usize = $i;
            $body
        }
    )*};
}
pub(super) use each;

/// Four columns of 16 rows.
pub(super) struct Codes {
    /// So many times doubled.
    pub(super) codes: __m512i,
    pub(super) doublings: u32,
}

impl Codes {
    pub(super) fn plain(codes: __m512i) -> Self {
        Self { codes, doublings: 0 }
    }
}

/// A group's integer sums.
#[derive(Clone, Copy)]
struct GroupSums<const N: usize> {
    plain: [[__m512i; N]; 1],
    /// Of doubled codes, and how many times.
    doubled: [[__m512i; N]; 1],
    doublings: u32,
}

impl<const N: usize> GroupSums<N> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn new(starts: [[__m512i; N]; 1]) -> Self {
        Self { plain: starts, doubled: [[_mm512_setzero_si512(); N]; 1], doublings: 0 }
    }

    /// Those of codes that are doubled so many times.
    #[inline]
    fn of(&mut self, doublings: u32) -> &mut [[__m512i; N]; 1] {
        self.doublings = self.doublings.max(doublings);
        if doublings == 0 { &mut self.plain } else { &mut self.doubled }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn total(mut self) -> [[__m512i; N]; 1] {
        if self.doublings > 0 {
            let bits = _mm_cvtsi32_si128(self.doublings.cast_signed());
            for (sum, &doubled) in self.plain[0].iter_mut().zip(&self.doubled[0]) {
                *sum = _mm512_add_epi32(*sum, _mm512_sra_epi32(doubled, bits));
            }
        }
        self.plain
    }
}

/// So many sums take turns: they fit the registers.
const MAX_TURNS: usize = 4;

/// Multiplies a tile with `N` tokens, unit by unit: of so many groups each.
///
/// `load` brings a unit, by its number, and fills what is missing of the tile's scales and
/// minimums; `codes` gives four columns of it, by their group within the unit and their place in
/// the group. Doubled codes of a group are doubled equally often.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn mul_units<
    const GROUPS: usize,
    const QUADS: usize,
    const MINS: bool,
    const DOUBLING: bool,
    const N: usize,
    U,
>(
    tile: &mut Tile,
    n_groups: usize,
    (x, sums): (&[ActivationPanel; N], &mut [RowLanes; N]),
    load: impl Fn(&mut Tile, usize) -> U,
    codes: impl Fn(&U, usize, usize) -> Codes,
) {
    // Known to the compiler, this spares a check for each group and token.
    assert!(n_groups * QUADS <= PANEL / 4);
    let mut product = Product::<1, N, MINS, DOUBLING>::new(x, (sums, N));
    each!(PANEL / (4 * QUADS * GROUPS), |unit_idx| {
        if unit_idx * GROUPS < n_groups {
            let unit = load(tile, unit_idx);
            let quad_idx = |group: usize, quad| (unit_idx * GROUPS + group) * QUADS + quad;
            if GROUPS * N <= MAX_TURNS {
                // In turns, the sums wait less for each other.
                let mut all = [GroupSums::new(product.start(unit_idx * GROUPS)); GROUPS];
                each!(GROUPS, |group| {
                    all[group] = GroupSums::new(product.start(unit_idx * GROUPS + group));
                });
                for quad in 0..QUADS {
                    each!(GROUPS, |group| {
                        let Codes { codes, doublings } = codes(&unit, group, quad);
                        let dots = all[group].of(doublings);
                        product.add_quad(dots, [codes], quad_idx(group, quad));
                    });
                }
                each!(GROUPS, |group| {
                    let group_idx = unit_idx * GROUPS + group;
                    product.add_group(array::from_ref(tile), all[group].total(), group_idx);
                });
            } else {
                each!(GROUPS, |group| {
                    let group_idx = unit_idx * GROUPS + group;
                    let mut sums = GroupSums::new(product.start(group_idx));
                    for quad in 0..QUADS {
                        let Codes { codes, doublings } = codes(&unit, group, quad);
                        product.add_quad(sums.of(doublings), [codes], quad_idx(group, quad));
                    }
                    let mut dots = sums.total();
                    // Or the products would be put off until all groups' activations are read.
                    for dot in &mut dots[0] {
                        anchor(dot);
                    }
                    product.add_group(array::from_ref(tile), dots, group_idx);
                });
            }
        }
    });
    product.finish((sums, N));
}

/// A panel's product of `T` tiles with `N` tokens, in registers.
struct Product<'a, const T: usize, const N: usize, const MINS: bool, const DOUBLING: bool> {
    x: &'a [ActivationPanel; N],
    totals: [[__m512; N]; T],
}

impl<'a, const T: usize, const N: usize, const MINS: bool, const DOUBLING: bool>
    Product<'a, T, N, MINS, DOUBLING>
{
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn new(x: &'a [ActivationPanel; N], (sums, stride): (&[RowLanes], usize)) -> Self {
        let mut totals = [[_mm512_setzero_ps(); N]; T];
        for (tile_idx, totals) in totals.iter_mut().enumerate() {
            for (total, sums) in totals.iter_mut().zip(&sums[tile_idx * stride..][..N]) {
                *total = start::<DOUBLING>(sums);
            }
        }
        Self { x, totals }
    }

    /// Where a group's integer sums begin.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn start(&self, group_idx: usize) -> [[__m512i; N]; T] {
        let mut starts = [_mm512_setzero_si512(); N];
        for (start, x) in starts.iter_mut().zip(self.x) {
            *start = _mm512_set1_epi32(x.starts[group_idx]);
        }
        [starts; T]
    }

    /// Adds four columns' products.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn add_quad(&self, dots: &mut [[__m512i; N]; T], codes: [__m512i; T], quad_idx: usize) {
        for (token_idx, x) in self.x.iter().enumerate() {
            let four = _mm512_set1_epi32(x.word(quad_idx));
            for (dots, codes) in dots.iter_mut().zip(codes) {
                dots[token_idx] = _mm512_dpbusd_epi32(dots[token_idx], codes, four);
            }
        }
    }

    /// Adds a group's shares to the totals. The tiles' scales and minimums are used.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn add_group(&mut self, tiles: &[Tile; T], dots: [[__m512i; N]; T], group_idx: usize) {
        for ((totals, dots), tile) in self.totals.iter_mut().zip(&dots).zip(tiles) {
            let factors = (load_f32(&tile.scales[group_idx].0), load_f32(&tile.mins[group_idx].0));
            for ((total, &dot), x) in totals.iter_mut().zip(dots).zip(self.x) {
                *total = add_group::<MINS, DOUBLING>(*total, dot, factors, (x, group_idx));
            }
        }
    }

    /// Puts the totals into the sums.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[inline]
    fn finish(self, (sums, stride): (&mut [RowLanes], usize)) {
        // By reference: an iterator that owns its array would keep the totals in memory.
        for (tile_idx, totals) in self.totals.iter().enumerate() {
            let sums = &mut sums[tile_idx * stride..][..N];
            for ((&total, x), sums) in totals.iter().zip(self.x).zip(sums) {
                finish::<DOUBLING>(total, x, sums);
            }
        }
    }
}

/// Where a panel's total begins.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn start<const DOUBLING: bool>(sums: &RowLanes) -> __m512 {
    if DOUBLING { _mm512_setzero_ps() } else { load_f32(&sums.0) }
}

/// Adds a group's share to the total.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn add_group<const MINS: bool, const DOUBLING: bool>(
    total: __m512,
    dot: __m512i,
    (scales, mins): (__m512, __m512),
    (x, group_idx): (&ActivationPanel, usize),
) -> __m512 {
    let dot = _mm512_cvtepi32_ps(dot);
    let sum = _mm512_set1_ps(x.sums[group_idx]);
    if DOUBLING {
        let exponent = _mm512_set1_epi32(x.exponent(group_idx));
        let dot = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(dot), exponent));
        let total = _mm512_fmadd_ps(dot, scales, total);
        return if MINS { _mm512_fnmadd_ps(mins, sum, total) } else { total };
    }
    let factor = _mm512_mul_ps(scales, _mm512_set1_ps(x.scale(group_idx)));
    let total = _mm512_add_ps(total, _mm512_mul_ps(dot, factor));
    if MINS { _mm512_sub_ps(total, _mm512_mul_ps(mins, sum)) } else { total }
}

/// Puts a panel's total into the sums.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
pub(super) fn finish<const DOUBLING: bool>(
    total: __m512,
    x: &ActivationPanel,
    sums: &mut RowLanes,
) {
    let sum = match DOUBLING {
        true => _mm512_fmadd_ps(total, _mm512_set1_ps(x.step), load_f32(&sums.0)),
        false => total,
    };
    store_f32(&mut sums.0, sum);
}
