//! The environment variables that the command reads, all of them, in one place.
//!
//! Values are trimmed of blanks and of the quotes that some shells and service files leave.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use camelid_api_types::{HostAddress, ollama::KeepAlive};
use camelid_runtime::KvType;

use crate::settings::Settings;

/// What the environment says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Environment {
    /// `OLLAMA_HOST`: where to listen, and where to ask.
    pub(crate) host: HostAddress,
    /// `OLLAMA_CONTEXT_LENGTH`: tokens, where neither request nor model says.
    pub(crate) n_ctx: Option<usize>,
    /// `OLLAMA_NUM_PARALLEL`: requests that one model works on at once.
    pub(crate) n_parallel: Option<NonZeroUsize>,
    /// `OLLAMA_MAX_QUEUE`: requests that may wait.
    pub(crate) n_waiting: Option<NonZeroUsize>,
    /// `OLLAMA_MAX_LOADED_MODELS`: models in memory at once.
    pub(crate) max_loaded: Option<NonZeroUsize>,
    /// `OLLAMA_KV_CACHE_TYPE`: number format of cached keys and values.
    pub(crate) kv_type: Option<KvType>,
    /// `OLLAMA_NOPRUNE`: whether to keep blobs that nothing needs.
    pub(crate) keeps_unused: bool,
    /// `CAMELID_OFFLINE`: whether models are neither pulled nor pushed.
    pub(crate) is_offline: bool,
    /// `OLLAMA_KEEP_ALIVE`: how long an idle model stays.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// `CAMELID_HOSTS`: further names and addresses that lead to the server, or `*` for any.
    pub(crate) hosts: Vec<String>,
    /// `CAMELID_STRICT`: whether requests with fields that nobody knows are refused.
    pub(crate) is_strict: bool,
    /// `CAMELID_PRELOAD`: models that a server loads when it starts.
    pub(crate) preload: Vec<String>,
    /// `OLLAMA_ORIGINS`: further web pages that may call the server.
    pub(crate) origins: String,
    /// `OLLAMA_MODELS`: the store's folder.
    pub(crate) models: Option<OsString>,
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// `OLLAMA_DEBUG`: how much to log.
    pub(crate) debug: u8,
    /// What could not be read and is as if it were not there.
    pub(crate) warnings: Vec<String>,
}

impl Environment {
    /// `CAMELID_CONFIG`: the configuration file.
    pub(crate) fn config_file() -> Option<PathBuf> {
        std::env::var_os("CAMELID_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// `CAMELID_API_KEY`: what to show to the server. Not a field, so that nothing that prints the
    /// environment tells it.
    pub(crate) fn api_key() -> Option<OsString> {
        std::env::var_os("CAMELID_API_KEY").filter(|key| !key.is_empty())
    }

    /// `NOTIFY_SOCKET`: where a service manager wants to hear of the server's state.
    #[cfg(unix)]
    pub(crate) fn notify_socket() -> Option<OsString> {
        std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
    }

    /// Whether a variable is set to something.
    pub(crate) fn says(name: &str) -> bool {
        std::env::var_os(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
    }

    /// Reads the process's environment, with `settings` for what it does not say.
    pub(crate) fn read(settings: &Settings) -> Self {
        let environment = Self::from_lookup(|name| {
            #[expect(clippy::disallowed_methods, reason = "this module is where it is allowed")]
            let said = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
            said.or_else(|| settings.variable(name))
        });
        // A path need not be text.
        let models = std::env::var_os("OLLAMA_MODELS").filter(|path| !path.is_empty());
        let models = models.or_else(|| settings.models().map(|models| models.into()));
        Self { models, home: std::env::home_dir(), ..environment }
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut warnings = Vec::new();
        let value = |name: &str| {
            let text = lookup(name).unwrap_or_default();
            text.trim().trim_matches(['"', '\'']).to_owned()
        };
        let (host, warning) = HostAddress::parse(&value("OLLAMA_HOST"));
        warnings.extend(warning.map(|warning| format!("OLLAMA_HOST: {warning}")));
        let mut count = |name: &str| -> Option<usize> {
            let text = value(name);
            if text.is_empty() {
                return None;
            }
            let parsed = text.parse().ok();
            if parsed.is_none() {
                warnings.push(format!("{name}: `{text}` is not a count, using the default"));
            }
            parsed
        };
        let n_ctx = count("OLLAMA_CONTEXT_LENGTH").filter(|&n| n > 0);
        let n_parallel = count("OLLAMA_NUM_PARALLEL").and_then(NonZeroUsize::new);
        let n_waiting = count("OLLAMA_MAX_QUEUE").and_then(NonZeroUsize::new);
        let max_loaded = count("OLLAMA_MAX_LOADED_MODELS").and_then(NonZeroUsize::new);
        let kv_name = value("OLLAMA_KV_CACHE_TYPE");
        let kv_type = KvType::from_name(&kv_name);
        if kv_type.is_none() && !kv_name.is_empty() {
            let known = KvType::ALL.map(KvType::name).join(", ");
            warnings.push(format!(
                "OLLAMA_KV_CACHE_TYPE: `{kv_name}` is none of {known}, using the default"
            ));
        }
        Self {
            host,
            n_ctx,
            n_parallel,
            n_waiting,
            max_loaded,
            kv_type,
            keeps_unused: is_on(&value("OLLAMA_NOPRUNE")),
            is_offline: is_on(&value("CAMELID_OFFLINE")),
            keep_alive: value("OLLAMA_KEEP_ALIVE").parse().ok(),
            hosts: list(&value("CAMELID_HOSTS")),
            is_strict: is_on(&value("CAMELID_STRICT")),
            preload: list(&value("CAMELID_PRELOAD")),
            origins: value("OLLAMA_ORIGINS"),
            models: None,
            home: None,
            debug: debug_level(&value("OLLAMA_DEBUG")),
            warnings,
        }
    }
}

/// What stands between commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Text that is no truth value is taken for "yes".
fn is_on(text: &str) -> bool {
    !matches!(text, "" | "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// 0 for information, 1 for debugging, 2 for everything. Text that is no number counts as 1.
fn debug_level(text: &str) -> u8 {
    if !is_on(text) {
        return 0;
    }
    text.parse().map_or(1, |n: u64| n.min(2) as u8)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_lookup(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_leaves_everything_to_the_defaults() {
        let env = read(&[]);
        assert_eq!(env.host.base_url(), "http://127.0.0.1:11434");
        assert_eq!((env.n_ctx, env.n_parallel, env.n_waiting), (None, None, None));
        assert_eq!((env.keep_alive, env.debug), (None, 0));
        assert!(env.warnings.is_empty());
    }

    #[test]
    fn quotes_and_blanks_around_a_value_do_not_count() {
        let env = read(&[("OLLAMA_HOST", " \"0.0.0.0:8080\" "), ("OLLAMA_KEEP_ALIVE", "'10m'")]);
        assert_eq!(env.host.listen_authorities(), ["0.0.0.0:8080"]);
        assert_eq!(env.keep_alive, Some(KeepAlive::For(Duration::from_secs(600))));
    }

    #[test]
    fn a_count_that_is_none_is_told_and_ignored() {
        let env = read(&[("OLLAMA_NUM_PARALLEL", "many"), ("OLLAMA_CONTEXT_LENGTH", "0")]);
        assert_eq!((env.n_parallel, env.n_ctx), (None, None));
        let want = "OLLAMA_NUM_PARALLEL: `many` is not a count, using the default";
        assert_eq!(env.warnings, [want]);
    }

    #[test]
    fn hosts_are_a_list() {
        assert!(read(&[]).hosts.is_empty());
        let env = read(&[("CAMELID_HOSTS", "llm.example, 203.0.113.8,")]);
        assert_eq!(env.hosts, ["llm.example", "203.0.113.8"]);
    }

    #[test]
    fn the_cache_s_format_is_one_of_those_there_are() {
        assert_eq!(read(&[("OLLAMA_KV_CACHE_TYPE", "Q8_0")]).kv_type, Some(KvType::Q8_0));
        let env = read(&[("OLLAMA_KV_CACHE_TYPE", "q5")]);
        assert_eq!((env.kv_type, env.warnings.len()), (None, 1));
    }

    #[test]
    fn debugging_is_off_only_for_what_means_off() {
        for (text, level) in [("0", 0), ("false", 0), ("1", 1), ("yes", 1), ("2", 2), ("9", 2)] {
            assert_eq!(read(&[("OLLAMA_DEBUG", text)]).debug, level, "{text}");
        }
    }
}
