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
//!   product, and the 8-bit activations they meet there.
//! - `matmul`: how a product is cut into bands and tiles; `attention`, `rope`, `norm`, ...: the
//!   other operations.
//! - `scalar`: the definition of every kernel; `x86_64`: the same with SIMD; `table`: which
//!   routine serves which machine.
//!
//! # Numbers
//!
//! Results never depend on the number of threads. A token's row of a matrix product has the same
//! bits whatever batch it is computed in. Products with quantised weights have the same bits in
//! every kernel row; products with float weights differ between rows by summation order only.

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
mod rope;
mod scalar;
mod table;
mod team;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use attention::{Attention, Query};
pub use cpu::Cpu;
pub use elementwise::Activation;
pub use error::Error;
pub use kv_pool::{KvPool, KvType};
pub use matrix::Matrix;
pub use rope::{Pairing, Rope, RopeParams, Yarn};
pub use table::Kernels;
pub use team::ThreadTeam;
