//! `camelid config show`: what a server would go by, and where each setting is from.
//!
//! Of a key there is its name and what it is good for; its hash is nobody's business.

use std::io::Write;

use anyhow::Result;
use camelid_api_types::{duration, ollama::KeepAlive};

use crate::{
    args::ServeArgs,
    connection::{runtime_config, store_root},
    environment::Environment,
    settings::Settings,
    table,
};

/// Prints all settings as `serve` with the same flags would have them.
///
/// # Errors
/// Where `serve` would refuse them.
pub(crate) fn show(args: &ServeArgs, environment: &Environment, settings: &Settings) -> Result<()> {
    let mut err = std::io::stderr();
    for warning in &environment.warnings {
        writeln!(err, "Warning: {warning}")?;
    }
    let sources = Sources { args, settings };
    let mut rows = of_the_environment(&sources, environment);
    rows.extend(of_the_file(&sources)?);
    let table = table::render(["SETTING", "VALUE", "SOURCE"], &rows);
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

/// A setting's name in the file, its value, its source.
type Row = [String; 3];

fn row(key: &str, value: impl ToString, source: String) -> Row {
    [key.to_owned(), value.to_string(), source]
}

/// Everything that a setting can come from.
struct Sources<'a> {
    args: &'a ServeArgs,
    settings: &'a Settings,
}

impl Sources<'_> {
    /// Of a setting with a variable: the variable, or else the file. A value that could not be
    /// `used` is as if it were not there.
    fn of_variable(&self, name: &str, is_used: bool) -> String {
        match is_used {
            true if Environment::says(name) => name.to_owned(),
            true => self.of_key(self.settings.variable(name).is_some()),
            false => self.of_key(false),
        }
    }

    /// Of a setting that only the file has.
    fn of_key(&self, is_said: bool) -> String {
        match self.settings.path() {
            Some(path) if is_said => path.display().to_string(),
            _ => "default".to_owned(),
        }
    }
}

/// `flag` where it was given, or else `source`.
fn flag_or(flag: &str, is_given: bool, source: String) -> String {
    if is_given { flag.to_owned() } else { source }
}

fn of_the_environment(sources: &Sources<'_>, environment: &Environment) -> Vec<Row> {
    let Sources { args, settings } = sources;
    let config = runtime_config(environment);
    let of = |name, is_used| sources.of_variable(name, is_used);
    let host = flag_or("--host", args.host.is_some(), of("OLLAMA_HOST", true));
    let offline = flag_or("--offline", args.offline, of("CAMELID_OFFLINE", true));
    let models = match Environment::says("OLLAMA_MODELS") {
        true => "OLLAMA_MODELS".to_owned(),
        false => sources.of_key(settings.models().is_some()),
    };
    let store = store_root(environment).map(|root| root.display().to_string());
    let keep_alive = match config.keep_alive {
        KeepAlive::Forever => "forever".to_owned(),
        KeepAlive::For(time) => duration::format(time),
    };
    let (n_parallel, n_waiting) = (environment.n_parallel, environment.n_waiting);
    vec![
        row("host", environment.host.authority(), host),
        row("models", store.unwrap_or_default(), models),
        row("keep_alive", keep_alive, of("OLLAMA_KEEP_ALIVE", environment.keep_alive.is_some())),
        row(
            "context_length",
            config.n_ctx,
            of("OLLAMA_CONTEXT_LENGTH", environment.n_ctx.is_some()),
        ),
        row("num_parallel", config.n_parallel, of("OLLAMA_NUM_PARALLEL", n_parallel.is_some())),
        row("max_queue", config.n_waiting, of("OLLAMA_MAX_QUEUE", n_waiting.is_some())),
        row(
            "max_loaded_models",
            config.max_loaded,
            of("OLLAMA_MAX_LOADED_MODELS", environment.max_loaded.is_some()),
        ),
        row(
            "kv_cache_type",
            config.kv_type.name(),
            of("OLLAMA_KV_CACHE_TYPE", environment.kv_type.is_some()),
        ),
        row("keep_unused_blobs", environment.keeps_unused, of("OLLAMA_NOPRUNE", true)),
        row("offline", environment.is_offline, offline),
        row("strict", environment.is_strict, of("CAMELID_STRICT", true)),
        row("preload", environment.preload.join(","), of("CAMELID_PRELOAD", true)),
        row("hosts", environment.hosts.join(","), of("CAMELID_HOSTS", true)),
        row("origins", &environment.origins, of("OLLAMA_ORIGINS", true)),
        row("debug", environment.debug, of("OLLAMA_DEBUG", true)),
    ]
}

fn of_the_file(sources: &Sources<'_>) -> Result<Vec<Row>> {
    let Sources { args, settings } = sources;
    let own = settings.own()?;
    let rows = own.into_iter().map(|setting| {
        let (flag, is_given) = match setting.key {
            "log.format" => ("--log-format", args.log_format.is_some()),
            "log.bodies" => ("--log-bodies", args.log_bodies),
            "tls.certificate" => ("--tls-certificate", args.tls_certificate.is_some()),
            "tls.key" => ("--tls-key", args.tls_key.is_some()),
            _ => ("", false),
        };
        row(setting.key, setting.value, flag_or(flag, is_given, sources.of_key(setting.is_said)))
    });
    Ok(rows.collect())
}
