//! The `camelid` command: arguments in, [`commands`] out, errors to an exit code.
#![forbid(unsafe_code)]

mod args;
mod chat_loop;
mod commands;
mod connection;
mod environment;
mod human;
#[cfg(feature = "transfer")]
mod keys;
mod printer;
#[cfg(unix)]
mod service_manager;
mod settings;
mod table;
mod word_wrap;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse().map(commands::run) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => commands::report(&error),
        Err(code) => code,
    }
}
