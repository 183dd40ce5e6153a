//! The `camelid` command.
#![forbid(unsafe_code)]

fn main() {}
