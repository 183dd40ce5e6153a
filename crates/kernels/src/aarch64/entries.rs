//! The integer products as the table holds them, once for each way to multiply bytes.

use super::bytes::{Baseline, DotProd, I8mm};
use super::{rows, tile};
use crate::activation::ActivationPanel;
use crate::block::BlockFormat;
use crate::row_span::RowSpan;
use crate::scalar::TileShape;
use crate::tile::{RowLanes, Tile};

macro_rules! integer_products {
    ($features:literal, $dot:expr) => {
        use super::*;

        /// See [`crate::scalar::mul_rows`]; the same bits.
        #[target_feature(enable = $features)]
        pub(crate) fn mul_rows(
            format: &BlockFormat,
            spans: &[RowSpan<'_>],
            x: &[ActivationPanel],
            sums: &mut [RowLanes],
            tiles: &mut [Tile],
        ) {
            let n_tokens = sums.len() / spans.len();
            for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(n_tokens)) {
                rows::mul_rows($dot, (format, span), (x, sums), &mut tiles[0]);
            }
        }

        /// See [`crate::scalar::mul_tiles`]; the same bits.
        #[target_feature(enable = $features)]
        pub(crate) fn mul_tiles(
            tiles: &[Tile],
            shape: TileShape,
            x: &[ActivationPanel],
            sums: &mut [RowLanes],
        ) {
            for (tile, sums) in tiles.iter().zip(sums.chunks_exact_mut(x.len())) {
                tile::mul_tile($dot, (tile, shape), (x, sums));
            }
        }
    };
}

/// For CPUs without instructions of their own for it: ARMv8.0, as the Cortex-A53 and A72.
pub(crate) mod neon {
    integer_products!("neon", Baseline);
}

/// With `sdot`: Apple from the M1, Cortex from the A76, Neoverse.
pub(crate) mod dotprod {
    use std::arch::is_aarch64_feature_detected;

    integer_products!("neon,dotprod", DotProd::new());

    /// Whether this CPU has every instruction that the routines here use.
    pub(crate) fn is_available() -> bool {
        is_aarch64_feature_detected!("dotprod")
    }
}

/// With `smmla` as well: Apple from the M2, Neoverse from the V1 and N2.
pub(crate) mod i8mm {
    use std::arch::is_aarch64_feature_detected;

    integer_products!("neon,dotprod,i8mm", I8mm::new());

    /// Whether this CPU has every instruction that the routines here use.
    pub(crate) fn is_available() -> bool {
        is_aarch64_feature_detected!("dotprod") && is_aarch64_feature_detected!("i8mm")
    }
}
