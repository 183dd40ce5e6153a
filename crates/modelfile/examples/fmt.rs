//! Tidies Modelfiles: `cargo run --example fmt -- [--check] Modelfile...`
//!
//! Prints each file in its tidy form, comments included. With `--check` it prints only the names
//! of the files that are not tidy, and exits with 1 if there are any; a file that cannot be read
//! makes it exit with 2.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::process::ExitCode;

use camelid_modelfile::{Document, decode, format};

fn main() -> ExitCode {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg == "--check");
    let check = !flags.is_empty();
    let mut worst = 0;
    for path in paths {
        worst = worst.max(match std::fs::read(&path) {
            Ok(bytes) => show(&path, &bytes, check),
            Err(error) => {
                eprintln!("{path}: {error}");
                2
            }
        });
    }
    ExitCode::from(worst)
}

fn show(path: &str, bytes: &[u8], check: bool) -> u8 {
    let tidy = format(&Document::parse(decode(bytes)));
    if !check {
        print!("{tidy}");
        return 0;
    }
    let is_tidy = tidy.as_bytes() == bytes;
    if !is_tidy {
        println!("{path}");
    }
    u8::from(!is_tidy)
}
