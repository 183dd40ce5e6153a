//! The program as a person meets it: what it prints, what it answers, how it ends.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod architecture;
mod archive;
mod error_texts;
mod exchanges;
mod program;
mod serve;
mod server;
mod termination;
