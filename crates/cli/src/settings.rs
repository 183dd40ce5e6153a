//! The configuration file: what the environment may say too, and what only a server needs.
//!
//! It is TOML, optional, and named by `--config` or `CAMELID_CONFIG`. The environment lies over it,
//! and flags over both. `camelid.sample.toml` beside this crate's manifest shows every key; a key
//! that is not there is a mistake and told as one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use camelid_api_types::duration;
use camelid_server::{ApiKey, ApiKeys, Config, ConnectionLimits, Scope, Tls};
use serde::Deserialize;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    host: Option<String>,
    models: Option<PathBuf>,
    keep_alive: Option<String>,
    context_length: Option<u64>,
    num_parallel: Option<u64>,
    max_queue: Option<u64>,
    max_loaded_models: Option<u64>,
    kv_cache_type: Option<String>,
    keep_unused_blobs: Option<bool>,
    offline: Option<bool>,
    strict: Option<bool>,
    preload: Vec<String>,
    hosts: Vec<String>,
    origins: Vec<String>,
    debug: Option<u8>,
    /// How the log is written.
    pub(crate) log: LogSettings,
    limits: LimitSettings,
    tls: Option<TlsSettings>,
    keys: Vec<KeySettings>,
    /// Where all this was read.
    #[serde(skip)]
    path: Option<PathBuf>,
}

/// How the log is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// As lines for people, or as JSON.
    pub(crate) format: Option<LogFormat>,
    /// With what requests say, prompts and all.
    pub(crate) bodies: Option<bool>,
}

/// A setting that no variable of the environment has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnSetting {
    /// Its name, with the section's before it.
    pub(crate) key: &'static str,
    /// What holds, said or not.
    pub(crate) value: String,
    /// Whether the file, or a flag over it, says so.
    pub(crate) is_said: bool,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitSettings {
    body_bytes: Option<usize>,
    connections: Option<usize>,
    header_timeout: Option<String>,
    shutdown_grace: Option<String>,
}

/// Two PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// The chain of certificates, the server's own first.
    pub(crate) certificate: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySettings {
    name: String,
    sha256: String,
    scopes: Vec<String>,
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or says what no settings file says.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let what = || format!("the configuration file {}", path.display());
        let text = std::fs::read_to_string(path).with_context(what)?;
        let mut settings: Self = toml::from_str(&text).with_context(what)?;
        // Files are named from where the naming file lies.
        let folder = path.parent().unwrap_or(Path::new(""));
        for named in settings.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]) {
            *named = folder.join(&*named);
        }
        settings.models = settings.models.map(|models| folder.join(models));
        settings.path = Some(path.to_owned());
        Ok(settings)
    }

    /// Where the settings were read; `None` where there is no file.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// How a line of the log looks.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.log.format.unwrap_or_default()
    }

    /// Whether the log has what requests say.
    pub(crate) fn logs_bodies(&self) -> bool {
        self.log.bodies.unwrap_or(false)
    }

    /// The store's folder.
    pub(crate) fn models(&self) -> Option<&Path> {
        self.models.as_deref()
    }

    /// What stands for an environment variable that is not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        let list = |items: &[String]| (!items.is_empty()).then(|| items.join(","));
        match name {
            "OLLAMA_HOST" => self.host.clone(),
            "OLLAMA_KEEP_ALIVE" => self.keep_alive.clone(),
            "OLLAMA_CONTEXT_LENGTH" => number(self.context_length),
            "OLLAMA_NUM_PARALLEL" => number(self.num_parallel),
            "OLLAMA_MAX_QUEUE" => number(self.max_queue),
            "OLLAMA_MAX_LOADED_MODELS" => number(self.max_loaded_models),
            "OLLAMA_KV_CACHE_TYPE" => self.kv_cache_type.clone(),
            "OLLAMA_NOPRUNE" => self.keep_unused_blobs.map(|keep| keep.to_string()),
            "CAMELID_OFFLINE" => self.offline.map(|offline| offline.to_string()),
            "CAMELID_STRICT" => self.strict.map(|strict| strict.to_string()),
            "CAMELID_PRELOAD" => list(&self.preload),
            "CAMELID_HOSTS" => list(&self.hosts),
            "OLLAMA_ORIGINS" => list(&self.origins),
            "OLLAMA_DEBUG" => self.debug.map(|level| level.to_string()),
            _ => None,
        }
    }

    /// Puts other files in the place of the certificate's.
    pub(crate) fn set_tls(&mut self, tls: TlsSettings) {
        self.tls = Some(tls);
    }

    /// The certificate, read.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub(crate) fn tls(&self) -> Result<Option<Tls>> {
        let Some(TlsSettings { certificate, key }) = &self.tls else { return Ok(None) };
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        let tls = Tls::from_pem(&read(certificate)?, &read(key)?);
        tls.map(Some).with_context(|| format!("{}, {}", certificate.display(), key.display()))
    }

    /// The API keys.
    ///
    /// # Errors
    /// When a hash is none, or a scope is unknown.
    pub(crate) fn keys(&self) -> Result<ApiKeys> {
        let key = |key: &KeySettings| -> Result<ApiKey> {
            let scopes = key.scopes.iter().map(|scope| scope.parse());
            let scopes: Vec<Scope> = scopes
                .collect::<Result<_, _>>()
                .with_context(|| format!("the API key {:?}", key.name))?;
            Ok(ApiKey::from_sha256(&key.name, &key.sha256, scopes)?)
        };
        self.keys.iter().map(key).collect()
    }

    /// The largest body of a request, in bytes.
    pub(crate) fn max_body_bytes(&self) -> usize {
        self.limits.body_bytes.unwrap_or(Config::DEFAULT_MAX_BODY_BYTES)
    }

    /// What connections may cost.
    ///
    /// # Errors
    /// When a duration is none.
    pub(crate) fn limits(&self) -> Result<ConnectionLimits> {
        let default = ConnectionLimits::default();
        let limits = &self.limits;
        Ok(ConnectionLimits {
            header_timeout: time("header_timeout", limits.header_timeout.as_deref())?
                .unwrap_or(default.header_timeout),
            shutdown_grace: time("shutdown_grace", limits.shutdown_grace.as_deref())?
                .unwrap_or(default.shutdown_grace),
            max_connections: limits.connections.unwrap_or(default.max_connections).max(1),
            ..default
        })
    }

    /// What no variable of the environment has, in the file's order. Of a key there is no hash.
    ///
    /// # Errors
    /// Where something is not what it can be.
    pub(crate) fn own(&self) -> Result<Vec<OwnSetting>> {
        // What is no duration, hash or scope is told here.
        let (limits, _) = (self.limits()?, self.keys()?);
        let said = &self.limits;
        let own = |key, value: String, is_said| OwnSetting { key, value, is_said };
        let file = |path: &PathBuf| path.display().to_string();
        let tls = self.tls.as_ref();
        let format = match self.log_format() {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let time = camelid_api_types::duration::format;
        let mut all = vec![
            own("log.format", format.to_owned(), self.log.format.is_some()),
            own("log.bodies", self.logs_bodies().to_string(), self.log.bodies.is_some()),
            own("limits.body_bytes", self.max_body_bytes().to_string(), said.body_bytes.is_some()),
            own(
                "limits.connections",
                limits.max_connections.to_string(),
                said.connections.is_some(),
            ),
            own(
                "limits.header_timeout",
                time(limits.header_timeout),
                said.header_timeout.is_some(),
            ),
            own(
                "limits.shutdown_grace",
                time(limits.shutdown_grace),
                said.shutdown_grace.is_some(),
            ),
            own(
                "tls.certificate",
                tls.map(|tls| file(&tls.certificate)).unwrap_or_default(),
                tls.is_some(),
            ),
            own("tls.key", tls.map(|tls| file(&tls.key)).unwrap_or_default(), tls.is_some()),
        ];
        let key = |key: &KeySettings| format!("{} ({})", key.name, key.scopes.join(", "));
        all.extend(self.keys.iter().map(|settings| own("keys", key(settings), true)));
        Ok(all)
    }
}

fn time(key: &str, text: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = text else { return Ok(None) };
    let ns = duration::parse_ns(text).with_context(|| format!("limits.{key}"))?;
    let ns = u64::try_from(ns).with_context(|| format!("limits.{key}: {text} is below 0"))?;
    Ok(Some(Duration::from_nanos(ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../camelid.sample.toml");

    /// The sample with every key that it shows as a comment.
    fn uncommented() -> String {
        let line = |line: &str| {
            let setting = line.strip_prefix("#: ").unwrap_or(line);
            format!("{setting}\n")
        };
        SAMPLE.lines().map(line).collect()
    }

    #[test]
    fn the_sample_says_nothing_until_something_is_uncommented() {
        let settings: Settings = toml::from_str(SAMPLE).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn every_key_of_the_sample_is_read() {
        let settings: Settings = toml::from_str(&uncommented()).unwrap();
        for name in [
            "OLLAMA_HOST",
            "OLLAMA_KEEP_ALIVE",
            "OLLAMA_CONTEXT_LENGTH",
            "OLLAMA_NUM_PARALLEL",
            "OLLAMA_MAX_QUEUE",
            "OLLAMA_MAX_LOADED_MODELS",
            "OLLAMA_KV_CACHE_TYPE",
            "OLLAMA_NOPRUNE",
            "CAMELID_OFFLINE",
            "CAMELID_STRICT",
            "CAMELID_PRELOAD",
            "CAMELID_HOSTS",
            "OLLAMA_ORIGINS",
            "OLLAMA_DEBUG",
        ] {
            assert!(settings.variable(name).is_some(), "{name}");
        }
        assert_eq!(settings.log, LogSettings { format: Some(LogFormat::Json), bodies: Some(true) });
        assert!(settings.models().is_some() && settings.tls.is_some());
        assert_eq!(settings.limits().unwrap().shutdown_grace, Duration::from_secs(30));
        assert!(!settings.keys().unwrap().is_empty());
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let error = toml::from_str::<Settings>("hots = \"x\"").unwrap_err().to_string();
        assert!(error.contains("unknown field `hots`"), "{error}");
        let settings: Settings = toml::from_str("[limits]\nshutdown_grace = \"5\"").unwrap();
        let error = format!("{:#}", settings.limits().unwrap_err());
        assert_eq!(error, r#"limits.shutdown_grace: time: missing unit in duration "5""#);
        let key = "[[keys]]\nname = \"a\"\nsha256 = \"\"\nscopes = [\"all\"]";
        let settings: Settings = toml::from_str(key).unwrap();
        let error = format!("{:#}", settings.keys().unwrap_err());
        assert!(error.starts_with(r#"the API key "a": scope "all" is unknown"#), "{error}");
    }
}
