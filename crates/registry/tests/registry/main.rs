//! The store as its users meet it: other programs' folders, crashes, several processes, archives.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic too")]

mod archive;
mod conformance;
mod crash;
mod distribution;
mod fake_registry;
mod hostile;
mod proxy;
mod transfer;
