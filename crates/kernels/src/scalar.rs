//! The definition of every kernel: plain safe Rust, for any machine.
//!
//! The SIMD rows are tested against these. They say what is computed and in which order; they are
//! not meant to be fast.

mod dot;
mod gemm;
mod quantize;
mod softmax;
mod tile;
mod vector;
mod wide;

pub(crate) use dot::mul_band;
pub(crate) use gemm::{FloatRows, MAX_K, gemm, widen};
pub(crate) use quantize::quantize;
pub(crate) use softmax::{Running, soften, widen_codes};
pub(crate) use tile::{TileShape, mul_rows, mul_tiles};
pub(crate) use vector::{Sigmoid, dot_f32, exp_sum, gate, softcap};
pub(crate) use wide::{mul_wide, quantize_wide};
