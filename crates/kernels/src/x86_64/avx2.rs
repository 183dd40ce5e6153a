//! Kernels for AVX2 with FMA and F16C: Intel from Haswell, AMD from Zen.

/// Runs the body for batches of tokens, of whose activations and sums it gets arrays: batches of the
/// same length, or nearly, as a small one leaves the dot products waiting.
macro_rules! by_batches {
    (($x:ident, $sums:ident), $max:ident, $($n:literal)*, $body:expr) => {
        let n_batches = $x.len().div_ceil($max).max(1);
        let batch = $x.len().div_ceil(n_batches).max(1);
        for ($x, $sums) in $x.chunks(batch).zip($sums.chunks_mut(batch)) {
            match $x.len() {
                $($n => {
                    let $x: &[_; $n] = &$x.as_chunks().0[0];
                    let $sums: &mut [_; $n] = &mut $sums.as_chunks_mut().0[0];
                    $body
                })*
                _ => {}
            }
        }
    };
}

mod dot;
mod gemm;
mod mem;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod vector;
mod wide;

pub(crate) use dot::{dot_f32, mul_band};
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use rows::mul_rows;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use tile::mul_tiles;
pub(crate) use vector::{exp_sum, gate, softcap};
pub(crate) use wide::{mul_wide, quantize_wide};

/// Whether this CPU has every instruction that the routines here use.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}
