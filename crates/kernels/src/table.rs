//! Which routine serves which machine.
//!
//! A [`Kernels`] row is a set of routines for one level of instructions. Rows are constants that
//! start from the scalar one and override what they have; they are handed out only by
//! [`Kernels::detect`] and [`Kernels::available`], so holding one proves that the CPU has every
//! instruction its routines use.

use std::sync::OnceLock;

use half::f16;

use crate::activation::ActivationPanel;
use crate::block::{BlockFormat, FloatType};
use crate::matmul::FloatBand;
use crate::scalar::{self, TileShape};
use crate::tile::{PANEL, RowLanes, TILE_ROWS, Tile};
#[cfg(target_arch = "x86_64")]
use crate::x86_64::avx512;

/// The routines for one level of instructions.
///
/// Fields are private and `unsafe` to call: the safe methods check lengths first.
pub struct Kernels {
    name: &'static str,
    dot_f32: unsafe fn(&[f32], &[f32]) -> f32,
    axpy: unsafe fn(f32, &[f32], &mut [f32]),
    f16_to_f32: unsafe fn(&[f16], &mut [f32]),
    mul_band: unsafe fn(FloatType, &mut FloatBand<'_, '_>),
    unpack_tile: unsafe fn(&BlockFormat, &[&[u8]; TILE_ROWS], &mut Tile),
    mul_tile: unsafe fn(&Tile, TileShape, &[ActivationPanel], &mut [RowLanes]),
}

const SCALAR: Kernels = Kernels {
    name: "scalar",
    dot_f32: scalar::dot_f32,
    axpy: scalar::axpy,
    f16_to_f32: scalar::f16_to_f32,
    mul_band: scalar::mul_band,
    unpack_tile: scalar::unpack_tile,
    mul_tile: scalar::mul_tile,
};

#[cfg(target_arch = "x86_64")]
const AVX512: Kernels = Kernels {
    name: "avx512",
    dot_f32: avx512::dot_f32,
    axpy: avx512::axpy,
    f16_to_f32: avx512::f16_to_f32,
    mul_band: avx512::mul_band,
    unpack_tile: avx512::unpack_tile,
    mul_tile: avx512::mul_tile,
};

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
            // Miri interprets only some vector instructions.
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            if avx512::is_available() {
                rows.push(AVX512);
            }
            rows
        })
    }

    /// The row of this name, if this CPU can run it.
    pub fn by_name(name: &str) -> Option<&'static Kernels> {
        Self::available().iter().find(|row| row.name == name)
    }

    /// What the row is called: `scalar`, `avx2`, `avx512`.
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

    /// `y += a * x`.
    ///
    /// # Panics
    /// If the lengths differ.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn axpy(&self, a: f32, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len(), y.len(), "axpy of vectors of different lengths");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.axpy)(a, x, y) }
    }

    /// Widens `x`.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn f16_to_f32(&self, x: &[f16], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "conversion between vectors of different lengths");
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.f16_to_f32)(x, out) }
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

    /// Unpacks the same panel of 16 rows.
    ///
    /// Shapes: each of `blocks` is as many whole blocks, a panel's at most.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn unpack_tile(
        &self,
        format: &BlockFormat,
        blocks: &[&[u8]; TILE_ROWS],
        tile: &mut Tile,
    ) {
        let n_bytes = blocks[0].len();
        assert!(n_bytes.is_multiple_of(format.bytes) && n_bytes <= format.panel_bytes());
        assert!(blocks.iter().all(|blocks| blocks.len() == n_bytes));
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.unpack_tile)(format, blocks, tile) }
    }

    /// Adds a tile's products with each token's activations to the token's sums.
    #[expect(unsafe_code, reason = "calls the row's routine")]
    pub(crate) fn mul_tile(
        &self,
        tile: &Tile,
        shape: TileShape,
        x: &[ActivationPanel],
        sums: &mut [RowLanes],
    ) {
        assert_eq!(x.len(), sums.len());
        assert!(shape.n_groups * shape.group <= PANEL);
        // SAFETY: rows are handed out only where the CPU has their instructions.
        unsafe { (self.mul_tile)(tile, shape, x, sums) }
    }
}
