//! The command line's grammar.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::settings::{LogFormat, Settings, TlsSettings};
use camelid_api_types::{
    duration,
    ollama::{KeepAlive, Think, ThinkLevel},
};
use camelid_engine::kernels::{Kernels, KvType};
use clap::{Args, Parser, Subcommand, error::ErrorKind, value_parser};

/// What every command looks for in the environment.
const ENVIRONMENT: &str = "\
Environment:
  OLLAMA_HOST      Where the server listens, and where commands ask [127.0.0.1:11434]
  OLLAMA_MODELS    The folder of the models [~/.ollama/models]
  CAMELID_API_KEY  The key that commands show to a server that asks for one
  CAMELID_CONFIG   A configuration file, for what the rest of the environment does not say
";

/// Language models on this machine
#[derive(Debug, Parser)]
#[command(
    name = "camelid",
    disable_version_flag = true,
    arg_required_else_help = true,
    after_help = ENVIRONMENT
)]
pub(crate) struct Cli {
    /// Show version information
    #[arg(short, long)]
    pub(crate) version: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    #[command(visible_alias = "start")]
    Serve(ServeArgs),
    /// Run a model
    Run(RunArgs),
    /// List models
    #[command(visible_alias = "ls")]
    List {
        /// Only models whose names begin so
        prefix: Option<String>,
    },
    /// List models in memory
    Ps {
        /// Only models whose names begin so
        prefix: Option<String>,
    },
    /// Take a model out of memory
    Stop(StopArgs),
    /// Write models into one file, for a machine without a network
    Save(SaveArgs),
    /// Add the models of such a file to the store
    Load(LoadArgs),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Measure how fast a GGUF file runs
    Bench(BenchArgs),
}

/// What a measurement may ask for of each kind of token; every sum of them fits a position.
const MAX_TOKENS: i64 = 1 << 20;

#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// A configuration file; see camelid.sample.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen, in place of OLLAMA_HOST
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Neither pull nor push models, whoever asks
    #[arg(long)]
    pub(crate) offline: bool,
    /// How the log looks
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Log what requests say, prompts and all
    #[arg(long)]
    pub(crate) log_bodies: bool,
    /// The chain of certificates for TLS, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl ServeArgs {
    /// Lays what was said over the settings.
    pub(crate) fn lay_over(&self, settings: &mut Settings) {
        settings.log.format = self.log_format.or(settings.log.format);
        settings.log.bodies = self.log_bodies.then_some(true).or(settings.log.bodies);
        if let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) {
            settings.set_tls(TlsSettings { certificate: certificate.clone(), key: key.clone() });
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show what `serve` with the same flags would go by, and where each setting is from
    Show(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// The models' names
    #[arg(required = true, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// The file, or - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The file, or - for standard input
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The model's name
    #[arg(required_unless_present = "all")]
    pub(crate) model: Option<String>,
    /// All models that are there
    #[arg(long, conflicts_with = "model")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The model
    pub(crate) file: PathBuf,
    /// Tokens of the prompt
    #[arg(short = 'p', long, default_value_t = 512, value_name = "N", value_parser = value_parser!(u32).range(..=MAX_TOKENS))]
    pub(crate) n_prompt: u32,
    /// Tokens to generate
    #[arg(short, long, default_value_t = 128, value_name = "N", value_parser = value_parser!(u32).range(..=MAX_TOKENS))]
    pub(crate) n_generate: u32,
    /// Tokens that stand before the prompt and before what is generated
    #[arg(short, long, default_value_t = 0, value_name = "N", value_parser = value_parser!(u32).range(..=MAX_TOKENS))]
    pub(crate) depth: u32,
    /// Sequences that generate at once, sharing what stands before
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = value_parser!(u32).range(1..=256))]
    pub(crate) parallel: u32,
    /// How keys and values are stored: f32, f16, bf16, q8_0 or q4_0
    #[arg(long, default_value = "f16", value_name = "TYPE", value_parser = kv_type)]
    pub(crate) cache_type: KvType,
    /// Threads; one for each core by default
    #[arg(short, long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Which instructions to use: scalar, or a level that this CPU has; the best by default
    #[arg(long, value_name = "NAME", value_parser = kernels)]
    pub(crate) kernels: Option<&'static Kernels>,
    /// How often to measure
    #[arg(short, long, default_value_t = 3, value_name = "N")]
    pub(crate) repetitions: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn kernels(name: &str) -> Result<&'static Kernels, String> {
    let known = || Kernels::available().iter().map(Kernels::name).collect::<Vec<_>>().join(", ");
    Kernels::by_name(name).ok_or_else(|| format!("expected one of {}", known()))
}

fn kv_type(name: &str) -> Result<KvType, String> {
    let known = || KvType::ALL.map(KvType::name).join(", ");
    KvType::from_name(name).ok_or_else(|| format!("expected one of {}", known()))
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The model's name, or the path of a GGUF file
    pub(crate) model: String,
    /// What to say to it; without one, a conversation begins
    pub(crate) prompt: Vec<String>,
    /// How long to keep the model in memory (e.g. 5m)
    #[arg(long, value_name = "DURATION", value_parser = keep_alive, allow_hyphen_values = true)]
    pub(crate) keepalive: Option<KeepAlive>,
    /// Show statistics after each answer
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Do not wrap words at the end of a line
    #[arg(long)]
    pub(crate) nowordwrap: bool,
    /// Form of the answer: json, a JSON schema, or a grammar as `format` has it in requests
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Let the model think first: true, false, low, medium, high or max
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = think)]
    pub(crate) think: Option<Think>,
    /// Do not show what the model thinks
    #[arg(long)]
    pub(crate) hidethinking: bool,
}

impl RunArgs {
    /// The file that is meant, if the model is given as the path of a GGUF file.
    pub(crate) fn path(&self) -> Option<&Path> {
        let path = Path::new(&self.model);
        let is_gguf = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
        is_gguf.then_some(path)
    }
}

fn keep_alive(text: &str) -> Result<KeepAlive, String> {
    // Whole seconds without a unit are for environments; here, as everywhere, a unit is needed.
    duration::parse_ns(text).map_err(|error| error.to_string())?;
    text.parse().map_err(|error: duration::DurationError| error.to_string())
}

fn think(text: &str) -> Result<Think, String> {
    Ok(match text {
        "true" => Think::On,
        "false" => Think::Off,
        "low" => Think::Level(ThinkLevel::Low),
        "medium" => Think::Level(ThinkLevel::Medium),
        "high" => Think::Level(ThinkLevel::High),
        "max" => Think::Level(ThinkLevel::Max),
        _ => return Err("must be true, false, high, medium, low, or max".to_owned()),
    })
}

/// Reads the command line. Help goes to stdout and a mistake to stderr, here.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        // Where the terminal is gone there is nobody to tell.
        drop(error.print());
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                ExitCode::SUCCESS
            }
            _ => ExitCode::FAILURE,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_prompt_is_all_words_after_the_model() {
        let cli = Cli::try_parse_from(["camelid", "run", "tiny", "Why", "is", "it?"]).unwrap();
        let Some(Command::Run(run)) = cli.command else { panic!("{cli:?}") };
        assert_eq!((run.model.as_str(), run.prompt.join(" ").as_str()), ("tiny", "Why is it?"));
    }

    #[test]
    fn think_takes_its_level_only_with_an_equals_sign() {
        for (args, think, prompt) in [
            (vec!["--think", "high"], Think::On, vec!["high".to_owned()]),
            (vec!["--think=high"], Think::Level(ThinkLevel::High), vec![]),
        ] {
            let all = [vec!["camelid", "run", "m"], args].concat();
            let Some(Command::Run(run)) = Cli::try_parse_from(all).unwrap().command else {
                panic!("a run")
            };
            assert_eq!((run.think, run.prompt), (Some(think), prompt));
        }
        assert!(Cli::try_parse_from(["camelid", "run", "m", "--think=often"]).is_err());
    }

    #[test]
    fn a_keepalive_needs_a_unit() {
        let parse = |text| Cli::try_parse_from(["camelid", "run", "m", "--keepalive", text]);
        assert!(parse("5m").is_ok() && parse("-1s").is_ok());
        assert!(parse("5").unwrap_err().to_string().contains("missing unit in duration"));
    }
}
