//! The store as its users meet it: other programs' folders, crashes, several processes, archives.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers may panic and print"
)]

mod archive;
mod conformance;
mod crash;
mod distribution;
mod fake_registry;
mod hostile;
mod proxy;
mod tls;
mod transfer;
