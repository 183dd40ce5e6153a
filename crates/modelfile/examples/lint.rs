//! Checks Modelfiles: `cargo run --example lint -- Modelfile...`
//!
//! Prints every mistake and every finding with the line it is on; exits with 1 if one of them
//! would keep the model from being built, with 2 if a file cannot be read.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::process::ExitCode;

use camelid_modelfile::lint::Severity;
use camelid_modelfile::{Document, decode, lint};

fn main() -> ExitCode {
    let mut worst = 0;
    for path in std::env::args().skip(1) {
        worst = worst.max(match std::fs::read(&path) {
            Ok(bytes) => u8::from(has_errors(&path, &Document::parse(decode(&bytes)))),
            Err(error) => {
                eprintln!("{path}: {error}");
                2
            }
        });
    }
    ExitCode::from(worst)
}

fn has_errors(path: &str, document: &Document) -> bool {
    let mut failed = false;
    for error in document.errors() {
        failed = true;
        println!("{}", error.snippet(document.source(), path));
    }
    for finding in lint(document) {
        failed |= finding.severity() == Severity::Error;
        println!("{}", finding.snippet(document.source(), path));
    }
    failed
}
