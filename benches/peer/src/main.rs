//! The engine beside llama.cpp, in one process on the same file.
//!
//! - `camelid-peer speed FILE.gguf` alternates the two and prints medians and ratios.
//! - `camelid-peer divergence FILE.gguf --text FILE` compares each one's logits with those of
//!   an F32 run on the dequantised weights.
//!
//! See `../README.md` for how it is built, and for figures.

mod divergence;
mod llama;
mod reference;
mod side;
mod speed;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure speeds
    Speed(speed::Args),
    /// Measure how far logits are from those of F32 weights
    Divergence(divergence::Args),
}

fn main() -> Result<()> {
    llama::start();
    match Cli::parse().command {
        Command::Speed(args) => speed::run(&args),
        Command::Divergence(args) => divergence::run(&args),
    }
}
