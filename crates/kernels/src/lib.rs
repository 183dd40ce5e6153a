#![doc = include_str!("../README.md")]
//!
//! Start at [`Cpu`]: it joins a [`Kernels`] row (which instructions) with a [`ThreadTeam`] (how
//! many threads) and offers the operations a transformer is made of. Weights are a [`Matrix`]
//! over the bytes of a GGUF file, used where they lie; keys and values live in a [`KvPool`].
//!
//! # Inside
//!
//! - `block`: every block format, described once: layout, integer codes, scales.
//! - `tile`, `activation`: the common form all formats are unpacked to for the integer dot
//!   product, and the 8-bit activations they meet there; `wide`: the same for F16, in 14 bits.
//! - `matmul`: how a product is cut into bands and tiles; `row_span`: what a kernel gets of one.
//! - `attention`, `rope`, `norm`, ...: the other operations.
//! - `recurrent`: layers whose past is a state.
//! - `quantize`: from floats to blocks.
//! - `scalar`: the definition of every kernel; `x86_64`, `aarch64`: the same with SIMD; `table`:
//!   which routine serves which machine.
//!
//! # Machines
//!
//! On x86-64 there are rows for AVX-512 with VNNI and for AVX2 with FMA and F16C, on 64-bit ARM for
//! NEON alone, with `dotprod` and with `i8mm`, chosen at run time; everywhere else the scalar row
//! runs. The ARM rows are tested under emulation, where they do what the scalar row does; they have
//! not run on hardware yet, so nothing is known of their speed.
//!
//! Formats that a vector row has no routine for (the IQ formats but IQ4, ternary, NVFP4) are taken
//! apart in scalar code there, and are several times slower.
//!
//! Under Miri only the scalar row is there; its tests have sizes of their own for it. They have been begun
//! under Miri and not run to their end: what has been passed are the tests of matrix products, of 14-bit codes, on the thread
//! team, of activations, of codes in caches, and of element by element operations. `RUST_BACKTRACE=0` saves seconds for each panic.
//!
//! # Numbers
//!
//! Results never depend on the number of threads. Products with quantised weights have the same bits
//! in every kernel row; products with float weights, attention and activation functions differ between
//! rows by rounding (fused multiply-adds, another exponential), within 2e-6 of the largest value.
//!
//! F16 weights that meet many tokens are multiplied as integers (with AVX-512 from 24 tokens
//! on, with AVX2 from 48): weights and activations are rounded to 14 bits, each group of 32 columns by
//! its largest magnitude. A weight then errs by 1/8192 of its group's largest at most, and mostly not
//! at all, an activation by 1/8191; F16 activations would err by up to 1/2048 of themselves.
//! Elsewhere, and with fewer tokens, their products are of f32, as those of F32 weights always are.
//!
//! A token's row of a matrix product has the same bits whatever batch it is computed in, but for
//! that: of F16 weights batches of few tokens and of many have bits of their own.

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
mod aarch64;
mod activation;
mod attention;
mod block;
mod cpu;
mod cpu_count;
mod elementwise;
mod error;
mod kv_pool;
mod matmul;
mod matrix;
mod norm;
mod quantize;
mod recurrent;
mod rope;
mod row_span;
mod scalar;
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod series;
mod table;
mod team;
mod tile;
mod wide;
// Miri interprets only some vector instructions.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64;

pub use attention::{Attention, Query};
pub use cpu::Cpu;
pub use elementwise::Activation;
pub use error::Error;
pub use kv_pool::{KvPool, KvType, PAGE_LEN};
pub use matrix::Matrix;
pub use quantize::{can_quantize, needs_importance, quantize};
pub use recurrent::{HeadOrder, Run, Scan, ScanInput, StatePool};
pub use rope::{Pairing, Rope, RopeParams, Sections, Yarn};
pub use table::Kernels;
pub use team::ThreadTeam;
