//! What the benchmarks share: test data, and the limits of the machine.
//!
//! - `cargo bench -p camelid-benches` runs criterion over every kernel and over
//!   the writing of every format.
//! - `cargo run --release -p camelid-benches --bin kernel-shares` measures the machine's limits
//!   and the main kernels in one run and prints which share of its limit each reaches.
//! - `cargo run --release -p camelid-benches --bin serving` measures what HTTP and JSON cost.

pub mod data;
pub mod limits;
