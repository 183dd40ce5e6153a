//! Which routine serves which machine.
//!
//! A [`Kernels`] row is a set of routines for one level of instructions. Rows are constants that
//! start from the scalar one and override what they have; they are handed out only by
//! [`Kernels::detect`] and [`Kernels::available`], so holding one proves that the CPU has every
//! instruction its routines use.

use std::fmt;
use std::sync::OnceLock;

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
use crate::aarch64;
use crate::activation::{ActivationPanel, GROUP, PanelSpec};
use crate::block::{BlockFormat, FloatType};
use crate::matmul::FloatBand;
use crate::row_span::RowSpan;
use crate::scalar::{self, FloatRows, MAX_K, Running, Sigmoid, TileShape};
use crate::tile::{PANEL, RowLanes, Tile};
use crate::wide::{PANEL_BYTES, WidePanel, WideTile};
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::x86_64::{avx2, avx512};

/// The routines for one level of instructions.
///
/// Fields are private and `unsafe` to call: the safe methods check lengths first.
pub struct Kernels {
    name: &'static str,
    dot_f32: unsafe fn(&[f32], &[f32]) -> f32,
    widen: unsafe fn(FloatRows<'_>, &mut [f32]),
    widen_codes: WidenCodesFn,
    exp_sum: unsafe fn(&mut [f32], f32) -> f32,
    soften: unsafe fn(&mut [[f32; MAX_K]], &mut [Running]),
    softcap: unsafe fn(&mut [f32], f32, f32),
    gate: unsafe fn(&mut [f32], Option<&[f32]>, Sigmoid),
    gemm: GemmFn,
    mul_band: unsafe fn(FloatType, &mut FloatBand<'_, '_>),
    quantize: unsafe fn(&[f32], PanelSpec, &mut ActivationPanel),
    prefetch: unsafe fn(*const u8, usize),
    mul_rows: MulRowsFn,
    quantize_wide: unsafe fn(&[f32], &mut WidePanel),
    mul_wide: MulWideFn,
    wide_from: usize,
    mul_tiles: unsafe fn(&[Tile], TileShape, &[ActivationPanel], &mut [RowLanes]),
}

/// `format`, `spans`, `x`, `sums`, `tiles` of [`Kernels::mul_rows`].
type MulRowsFn =
    unsafe fn(&BlockFormat, &[RowSpan<'_>], &[ActivationPanel], &mut [RowLanes], &mut [Tile]);

/// `spans`, `x`, `sums`, `tiles` of [`Kernels::mul_wide`].
type MulWideFn = unsafe fn(&[RowSpan<'_>], &[WidePanel], &mut [RowLanes], &mut [WideTile]);

/// `n`, `a`, `b`, `c` of [`Kernels::gemm`].
type GemmFn = unsafe fn(usize, &[[f32; MAX_K]], FloatRows<'_>, &mut [f32]);
/// `(codes, zero)`, `scales`, `out`, `(width, first_col)` of [`Kernels::widen_codes`].
type WidenCodesFn = unsafe fn((&[[u8; 32]], u8), &[f32], &mut [f32], (usize, usize));

const SCALAR: Kernels = Kernels {
    name: "scalar",
    dot_f32: scalar::dot_f32,
    widen: scalar::widen,
    widen_codes: scalar::widen_codes,
    exp_sum: scalar::exp_sum,
    soften: scalar::soften,
    softcap: scalar::softcap,
    gate: scalar::gate,
    gemm: scalar::gemm,
    mul_band: scalar::mul_band,
    quantize: scalar::quantize,
    prefetch: |_, _| (),
    mul_rows: scalar::mul_rows,
    mul_tiles: scalar::mul_tiles,
    quantize_wide: scalar::quantize_wide,
    mul_wide: scalar::mul_wide,
    wide_from: usize::MAX,
};

#[cfg(all(target_arch = "x86_64", not(miri)))]
const AVX2: Kernels = Kernels {
    name: "avx2",
    dot_f32: avx2::dot_f32,
    widen: avx2::widen,
    widen_codes: avx2::widen_codes,
    exp_sum: avx2::exp_sum,
    soften: avx2::soften,
    softcap: avx2::softcap,
    gate: avx2::gate,
    gemm: avx2::gemm,
    mul_band: avx2::mul_band,
    quantize: avx2::quantize,
    prefetch: crate::x86_64::prefetch,
    mul_rows: avx2::mul_rows,
    mul_tiles: avx2::mul_tiles,
    quantize_wide: avx2::quantize_wide,
    mul_wide: avx2::mul_wide,
    wide_from: 48,
};

#[cfg(all(target_arch = "x86_64", not(miri)))]
const AVX512: Kernels = Kernels {
    name: "avx512",
    dot_f32: avx512::dot_f32,
    widen: avx512::widen,
    widen_codes: avx512::widen_codes,
    exp_sum: avx512::exp_sum,
    soften: avx512::soften,
    softcap: avx512::softcap,
    gate: avx512::gate,
    gemm: avx512::gemm,
    mul_band: avx512::mul_band,
    quantize: avx512::quantize,
    prefetch: crate::x86_64::prefetch,
    mul_rows: avx512::mul_rows,
    mul_tiles: avx512::mul_tiles,
    quantize_wide: avx512::quantize_wide,
    mul_wide: avx512::mul_wide,
    wide_from: 24,
};

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
const NEON: Kernels = Kernels {
    name: "neon",
    dot_f32: aarch64::dot_f32,
    widen: aarch64::widen,
    widen_codes: aarch64::widen_codes,
    exp_sum: aarch64::exp_sum,
    soften: aarch64::soften,
    softcap: aarch64::softcap,
    gate: aarch64::gate,
    gemm: aarch64::gemm,
    mul_band: aarch64::mul_band,
    quantize: aarch64::quantize,
    prefetch: aarch64::prefetch,
    mul_rows: aarch64::neon::mul_rows,
    mul_tiles: aarch64::neon::mul_tiles,
    ..SCALAR
};

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
const DOTPROD: Kernels = Kernels {
    name: "dotprod",
    mul_rows: aarch64::dotprod::mul_rows,
    mul_tiles: aarch64::dotprod::mul_tiles,
    ..NEON
};

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
const I8MM: Kernels = Kernels {
    name: "i8mm",
    mul_rows: aarch64::i8mm::mul_rows,
    mul_tiles: aarch64::i8mm::mul_tiles,
    ..NEON
};

/// The vector rows this CPU can run, slowest first.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn simd_rows() -> Vec<Kernels> {
    let avx2 = avx2::is_available().then_some(AVX2);
    let avx512 = avx512::is_available().then_some(AVX512);
    avx2.into_iter().chain(avx512).collect()
}

/// The vector rows this CPU can run, slowest first.
#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
fn simd_rows() -> Vec<Kernels> {
    let dotprod = aarch64::dotprod::is_available().then_some(DOTPROD);
    let i8mm = aarch64::i8mm::is_available().then_some(I8MM);
    [NEON].into_iter().chain(dotprod).chain(i8mm).collect()
}

/// None for this architecture.
#[cfg(any(
    miri,
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))
))]
fn simd_rows() -> Vec<Kernels> {
    Vec::new()
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({})", self.name)
    }
}

impl Kernels {
    /// The best row for this CPU; scalar under Miri.
    pub fn detect() -> &'static Kernels {
        Self::available().last().expect("because the scalar row is always there")
    }

    /// Every row this CPU can run, slowest (scalar) first.
    pub fn available() -> &'static [Kernels] {
        static AVAILABLE: OnceLock<Vec<Kernels>> = OnceLock::new();
        AVAILABLE.get_or_init(|| {
            let mut rows = vec![SCALAR];
            rows.extend(simd_rows());
            rows
        })
    }

    /// The row of this name, if this CPU can run it.
    pub fn by_name(name: &str) -> Option<&'static Kernels> {
        Self::available().iter().find(|row| row.name == name)
    }

    /// What the row is called: `scalar`; `avx2`, `avx512`; `neon`, `dotprod`, `i8mm`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Dot product.
    ///
    /// # Panics
    /// If the lengths differ.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub fn dot_f32(&self, x: &[f32], y: &[f32]) -> f32 {
        assert_eq!(x.len(), y.len(), "dot product of vectors of different lengths");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.dot_f32)(x, y) }
    }

    /// Widens `x`, exactly.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn widen(&self, x: FloatRows<'_>, out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "conversion between vectors of different lengths");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.widen)(x, out) }
    }

    /// Widens rows of 32 codes to columns of a matrix; see [`scalar::widen_codes`].
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn widen_codes(
        &self,
        (codes, zero): (&[[u8; 32]], u8),
        scales: &[f32],
        out: &mut [f32],
        (width, first_col): (usize, usize),
    ) {
        assert!(codes.len() == scales.len() && out.len() == codes.len() * width);
        assert!(first_col + 32 <= width, "columns {first_col}.. of rows of {width}");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.widen_codes)((codes, zero), scales, out, (width, first_col)) }
    }

    /// Turns the scores of some keys into weights; see [`scalar::soften`].
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn soften(&self, scores: &mut [[f32; MAX_K]], rows: &mut [Running]) {
        assert_eq!(scores.len(), rows.len());
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.soften)(scores, rows) }
    }

    /// `x = factor * cap * tanh(x / cap)`.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn softcap(&self, x: &mut [f32], cap: f32, factor: f32) {
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.softcap)(x, cap, factor) }
    }

    /// `x = exp(x - max)`; returns the sum, added up in some lanes. What is 110 or more below `max`
    /// gives 0.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub fn exp_sum(&self, x: &mut [f32], max: f32) -> f32 {
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.exp_sum)(x, max) }
    }

    /// `x *= sigmoid(slope * (x + cubic * x^3)) * y`.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn gate(&self, x: &mut [f32], y: Option<&[f32]>, sigmoid: Sigmoid) {
        assert!(y.is_none_or(|y| y.len() == x.len()), "gate and values of different lengths");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.gate)(x, y, sigmoid) }
    }

    /// `c += a * b`.
    ///
    /// Shapes: `a` is `[n_steps, m, MAX_K]`, `b` is `[k, n]`, `c` is `[m, n]`; `n` is a multiple of
    /// 16, and `k` of its columns count in the last step.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn gemm(&self, n: usize, a: &[[f32; MAX_K]], b: FloatRows<'_>, c: &mut [f32]) {
        assert!(n > 0 && n.is_multiple_of(16) && c.len().is_multiple_of(n));
        let (n_rows, k) = (c.len() / n, b.len() / n);
        assert!(b.len() == k * n && a.len() == k.div_ceil(MAX_K) * n_rows);
        if !a.is_empty() {
            // SAFETY: rows are handed out only where the CPU has their instructions.
            unsafe { (self.gemm)(n, a, b, c) }
        }
    }

    /// Multiplies a band of float rows with every token's activations.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn mul_band(&self, ty: FloatType, band: &mut FloatBand<'_, '_>) {
        let n_rows = band.weights.n_rows();
        assert!(band.out.iter().all(|out| out.len() == n_rows));
        assert_eq!(band.x.len(), band.out.len() * band.weights.n_cols());
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.mul_band)(ty, band) }
    }

    /// Rounds up to 256 activations, in groups of 32, into a panel.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn quantize(&self, x: &[f32], spec: PanelSpec, panel: &mut ActivationPanel) {
        assert!(x.len() <= PANEL && x.len().is_multiple_of(GROUP));
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.quantize)(x, spec, panel) }
    }

    /// Asks for elements that will be read soon.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn prefetch<T>(&self, x: &[T]) {
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.prefetch)(x.as_ptr().cast(), size_of_val(x)) }
    }

    /// Multiplies spans of 16 rows with each token's activations and adds the products to that
    /// token's sums: the same bits in every row.
    ///
    /// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_spans, n_tokens]`; all spans' rows are
    /// the same number of whole blocks. `tiles` is room to work in, one for each span.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn mul_rows(
        &self,
        format: &BlockFormat,
        spans: &[RowSpan<'_>],
        x: &[ActivationPanel],
        sums: &mut [RowLanes],
        tiles: &mut [Tile],
    ) {
        let Some(n_bytes) = spans.first().map(RowSpan::n_bytes) else { return };
        assert!(n_bytes.is_multiple_of(format.bytes));
        assert!(spans.iter().flat_map(|span| span.rows).all(|row| row.len() == n_bytes));
        assert!(sums.len().is_multiple_of(spans.len()) && tiles.len() == spans.len());
        let n_tokens = sums.len() / spans.len();
        assert_eq!(x.len(), n_bytes.div_ceil(format.panel_bytes()) * n_tokens);
        if n_tokens > 0 {
            // SAFETY: rows are handed out only where the CPU has their instructions.
            unsafe { (self.mul_rows)(format, spans, x, sums, tiles) }
        }
    }

    /// From how many tokens on F16 weights are multiplied by [`mul_wide`](Self::mul_wide).
    pub(crate) fn wide_from(&self) -> usize {
        self.wide_from
    }

    /// Rounds up to 256 activations to 14 bits.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn quantize_wide(&self, x: &[f32], panel: &mut WidePanel) {
        assert!(x.len() <= PANEL);
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.quantize_wide)(x, panel) }
    }

    /// Multiplies spans of 16 rows of F16 weights with each token's activations and adds the
    /// products to that token's sums: the same bits in every row.
    ///
    /// Shapes: `x` is `[n_panels, n_tokens]`, `sums` is `[n_spans, n_tokens]`. `tiles` is room to
    /// work in, one for each span.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn mul_wide(
        &self,
        spans: &[RowSpan<'_>],
        x: &[WidePanel],
        sums: &mut [RowLanes],
        tiles: &mut [WideTile],
    ) {
        let Some(n_bytes) = spans.first().map(RowSpan::n_bytes) else { return };
        assert!(n_bytes.is_multiple_of(2));
        assert!(spans.iter().flat_map(|span| span.rows).all(|row| row.len() == n_bytes));
        assert!(sums.len().is_multiple_of(spans.len()) && tiles.len() == spans.len());
        let n_tokens = sums.len() / spans.len();
        assert_eq!(x.len(), n_bytes.div_ceil(PANEL_BYTES) * n_tokens);
        if n_tokens > 0 {
            // SAFETY: rows are handed out only where the CPU has their instructions.
            unsafe { (self.mul_wide)(spans, x, sums, tiles) }
        }
    }

    /// Adds tiles' products with each token's activations to the token's sums.
    ///
    /// Shapes: `x` is `[n_tokens]`, `sums` is `[n_tiles, n_tokens]`.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn mul_tiles(
        &self,
        tiles: &[Tile],
        shape: TileShape,
        x: &[ActivationPanel],
        sums: &mut [RowLanes],
    ) {
        assert_eq!(tiles.len() * x.len(), sums.len());
        assert!(shape.n_groups * shape.group <= PANEL);
        if !x.is_empty() {
            // SAFETY: rows are handed out only where the CPU has their instructions.
            unsafe { (self.mul_tiles)(tiles, shape, x, sums) }
        }
    }
}

#[cfg(test)]
mod tests;
