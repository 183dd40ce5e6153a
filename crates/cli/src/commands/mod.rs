//! One file for each command.

mod archive;
mod bench;
mod config;
mod list;
mod preload;
mod ps;
mod run;
mod serve;
mod stop;
mod version;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use camelid_api_types::{ApiError, ErrorKind, HostAddress};
use tracing_subscriber::EnvFilter;

use crate::{
    args::{Cli, Command, ConfigCommand, ServeArgs},
    environment::Environment,
    settings::{LogFormat, Settings},
};

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<()> {
    let serve = match &cli.command {
        Some(Command::Serve(args) | Command::Config(ConfigCommand::Show(args))) => Some(args),
        _ => None,
    };
    let mut settings = settings(serve)?;
    serve.inspect(|args| args.lay_over(&mut settings));
    let mut environment = Environment::read(&settings);
    if let Some(host) = serve.and_then(|args| args.host.as_deref()) {
        let (host, warning) = HostAddress::parse(host);
        environment.host = host;
        environment.warnings.extend(warning.map(|warning| format!("--host: {warning}")));
    }
    environment.is_offline |= serve.is_some_and(|args| args.offline);
    let is_server = matches!(cli.command, Some(Command::Serve(_)));
    start_log(environment.debug, is_server, settings.log_format());
    for warning in &environment.warnings {
        tracing::warn!("{warning}");
    }
    let tokio = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let done = tokio.block_on(async {
        match cli.command {
            _ if cli.version => version::version(&environment).await,
            Some(Command::Serve(_)) => serve::serve(&environment, &settings).await,
            Some(Command::Run(args)) => run::run(args, &environment).await,
            Some(Command::List { prefix }) => list::list(prefix.as_deref(), &environment).await,
            Some(Command::Save(args)) => archive::save(&args, &environment),
            Some(Command::Load(args)) => archive::load(&args, &environment),
            Some(Command::Config(ConfigCommand::Show(args))) => {
                config::show(&args, &environment, &settings)
            }
            Some(Command::Ps { prefix }) => ps::ps(prefix.as_deref(), &environment).await,
            Some(Command::Stop(args)) => stop::stop(&args, &environment).await,
            Some(Command::Bench(args)) => bench::bench(&args),
            None => Ok(()),
        }
    });
    // A thread that still waits for a key must not keep the program from ending.
    tokio.shutdown_background();
    done
}

/// The configuration file's content, if there is one.
fn settings(serve: Option<&ServeArgs>) -> Result<Settings> {
    let named = serve.and_then(|args| args.config.clone()).or_else(Environment::config_file);
    named.map_or_else(|| Ok(Settings::default()), |path| Settings::read(&path))
}

/// Tells an error, and what to do about it where that is known, and gives the exit code that goes with it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let is_gone = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    };
    // Whoever reads our output has seen enough: that is not a failure.
    if error.chain().any(is_gone) {
        return ExitCode::SUCCESS;
    }
    let hint = hint(error).map(|hint| format!("\n{hint}")).unwrap_or_default();
    drop(writeln!(std::io::stderr(), "Error: {error:#}{hint}"));
    ExitCode::FAILURE
}

/// What to do about an error, where that is not in its text.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let is_about_keys = error.downcast_ref::<ApiError>()?.kind == ErrorKind::Unauthorized;
    is_about_keys.then_some("The server is shown the key in CAMELID_API_KEY; see `camelid help`.")
}

/// Logs to stderr: what a server does, what else goes wrong.
fn start_log(debug: u8, is_server: bool, format: LogFormat) {
    let level = match debug {
        0 if is_server => "info",
        0 => "error",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,camelid={level}"));
    let filter = ["engine", "runtime", "server", "client", "kernels", "template", "cli"]
        .iter()
        .fold(filter, |filter, name| {
            let directive = format!("camelid_{name}={level}").parse();
            filter.add_directive(directive.expect("a constant directive"))
        });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
