//! Names of models.
//!
//! ```text
//! [[host/]namespace/]model[:tag]
//! ```
//!
//! | part | default | length | first character | others |
//! |---|---|---|---|---|
//! | host | `registry.ollama.ai` | 1..=255 | letter, digit, `_` | and `-` `.` `:` |
//! | namespace | `library` | 1..=80 | same | and `-` |
//! | model | none | 1..=80 | same | and `-` `.` |
//! | tag | `latest` | 1..=80 | same | and `-` `.` |
//!
//! All ASCII. On top of Ollama's grammar a part must be a file name on every system: it does not
//! end with a dot and is no device name of Windows (`con`, `nul`, `com1`, ...), and a host has 255
//! characters at most, not 350. A name that exists as a [`ModelName`] can thus be a path within a
//! store and never leads out of it.
//!
//! Names keep their case; [`Store::resolve_case`](crate::Store::resolve_case) finds the case a
//! store already has.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The host that names without one mean.
pub const DEFAULT_HOST: &str = "registry.ollama.ai";
/// The namespace that names without one mean.
pub const DEFAULT_NAMESPACE: &str = "library";
/// The tag that names without one mean.
pub const DEFAULT_TAG: &str = "latest";

/// A complete and valid name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName {
    host: String,
    namespace: String,
    model: String,
    tag: String,
}

/// A part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the grammar's own words")]
pub enum Part {
    Scheme,
    Host,
    Namespace,
    Model,
    Tag,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Scheme => "scheme",
            Part::Host => "host",
            Part::Namespace => "namespace",
            Part::Model => "model",
            Part::Tag => "tag",
        })
    }
}

/// What is wrong with a part of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// There is nothing where something should be.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("has {found} characters, {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The greatest length allowed.
        limit: usize,
    },
    /// It holds a character that the part may not have there.
    #[error("has {0:?} where that is not allowed")]
    Character(char),
    /// It ends with a dot, which Windows drops.
    #[error("ends with a dot")]
    TrailingDot,
    /// Windows takes it for a device.
    #[error("is the name of a device on Windows")]
    DeviceName,
    /// It is neither `http` nor `https`.
    #[error("is none of http and https")]
    UnknownScheme,
}

/// A text that is no name of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid model name {name:?}: the {part} {fault}")]
pub struct InvalidName {
    name: String,
    part: Part,
    fault: NameFault,
}

impl InvalidName {
    pub(crate) fn new(text: &str, part: Part, fault: NameFault) -> Self {
        Self { name: text.chars().take(120).collect(), part, fault }
    }

    /// The part that is wrong.
    pub fn part(&self) -> Part {
        self.part
    }

    /// What is wrong with it.
    pub fn fault(&self) -> &NameFault {
        &self.fault
    }
}

/// A text cut at its separators; what is missing is `None`, what is empty is not.
pub(crate) struct Split<'a> {
    pub(crate) host: Option<&'a str>,
    namespace: Option<&'a str>,
    model: &'a str,
    tag: Option<&'a str>,
}

impl<'a> Split<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        // A colon left of the last slash belongs to the host's port.
        let (rest, tag) = match text.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
            _ => (text, None),
        };
        let (rest, model) = rsplit(rest, '/');
        let (host, namespace) = rest.map_or((None, None), |rest| {
            let (host, namespace) = rsplit(rest, '/');
            (host, Some(namespace))
        });
        Self { host, namespace, model, tag }
    }
}

fn rsplit(text: &str, at: char) -> (Option<&str>, &str) {
    text.rsplit_once(at).map_or((None, text), |(before, after)| (Some(before), after))
}

impl ModelName {
    /// Reads a name; missing parts take their defaults.
    ///
    /// # Errors
    /// The first part that is wrong, and why.
    ///
    /// # Examples
    /// ```
    /// use camelid_registry::ModelName;
    ///
    /// let name = ModelName::parse("llama3.2:1b")?;
    /// assert_eq!(name.to_string(), "llama3.2:1b");
    /// assert_eq!(name.full(), "registry.ollama.ai/library/llama3.2:1b");
    /// assert!(ModelName::parse("../../etc/passwd").is_err());
    /// # Ok::<(), camelid_registry::InvalidName>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        Self::from_split(text, Split::of(text))
    }

    pub(crate) fn from_split(text: &str, split: Split<'_>) -> Result<Self, InvalidName> {
        Self::from_parts(
            split.host.unwrap_or(DEFAULT_HOST),
            split.namespace.unwrap_or(DEFAULT_NAMESPACE),
            split.model,
            split.tag.unwrap_or(DEFAULT_TAG),
        )
        .map_err(|e| InvalidName::new(text, e.part, e.fault))
    }

    /// Makes a name of its four parts.
    ///
    /// # Errors
    /// The first part that is wrong, and why.
    pub fn from_parts(
        host: &str,
        namespace: &str,
        model: &str,
        tag: &str,
    ) -> Result<Self, InvalidName> {
        let parts = [
            (Part::Host, host),
            (Part::Namespace, namespace),
            (Part::Model, model),
            (Part::Tag, tag),
        ];
        for (part, text) in parts {
            check(part, text).map_err(|fault| InvalidName::new(text, part, fault))?;
        }
        Ok(Self {
            host: host.into(),
            namespace: namespace.into(),
            model: model.into(),
            tag: tag.into(),
        })
    }

    /// The registry's host, with a port if it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The owner, within the registry.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The model, within the namespace.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The variant of the model.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// All four parts: `host/namespace/model:tag`.
    pub fn full(&self) -> String {
        format!("{}/{}/{}:{}", self.host, self.namespace, self.model, self.tag)
    }

    /// Model and tag, with host and namespace where they are not the defaults. This is also what
    /// [`Display`](fmt::Display) gives.
    pub fn short(&self) -> String {
        let has_default_host = self.host.eq_ignore_ascii_case(DEFAULT_HOST);
        if !has_default_host {
            return self.full();
        }
        match self.namespace.eq_ignore_ascii_case(DEFAULT_NAMESPACE) {
            true => format!("{}:{}", self.model, self.tag),
            false => format!("{}/{}:{}", self.namespace, self.model, self.tag),
        }
    }

    /// `namespace/model`, as registries call it.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.namespace, self.model)
    }

    /// The same model under another tag.
    ///
    /// # Errors
    /// If the tag is not valid.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidName> {
        Self::from_parts(&self.host, &self.namespace, &self.model, tag)
    }

    /// The four parts, outermost first.
    pub fn parts(&self) -> [&str; 4] {
        [&self.host, &self.namespace, &self.model, &self.tag]
    }

    /// Whether the names differ in case at most.
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.parts().iter().zip(other.parts()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// The manifest's path within the `manifests` folder: four components, one per part.
    pub fn to_path(&self) -> PathBuf {
        let [host, namespace, model, tag] = self.parts();
        [&*host_to_file_name(host, cfg!(windows)), namespace, model, tag].iter().collect()
    }

    /// The name whose manifest has this path within the `manifests` folder; `None` unless there
    /// are exactly four components, each a valid part.
    pub fn from_path(path: &Path) -> Option<Self> {
        let mut parts = Vec::with_capacity(4);
        for component in path.components() {
            let Component::Normal(part) = component else { return None };
            if parts.len() == 4 {
                return None;
            }
            parts.push(part.to_str()?);
        }
        let [host, namespace, model, tag] = parts[..] else { return None };
        let host = host_from_file_name(host, cfg!(windows));
        Self::from_parts(&host, namespace, model, tag).ok()
    }
}

/// Windows allows no colon in file names; `%` is in no host.
fn host_to_file_name(host: &str, windows: bool) -> String {
    if windows { host.replace(':', "%3A") } else { host.to_owned() }
}

fn host_from_file_name(name: &str, windows: bool) -> String {
    if windows { name.replace("%3A", ":") } else { name.to_owned() }
}

fn check(part: Part, text: &str) -> Result<(), NameFault> {
    let limit = if part == Part::Host { 255 } else { 80 };
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    if text.len() > limit {
        return Err(NameFault::TooLong { found: text.len(), limit });
    }
    let starts_well = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let goes_on_well = |c: char| match c {
        '-' => true,
        '.' => part != Part::Namespace,
        ':' => part == Part::Host,
        c => starts_well(c),
    };
    let mut chars = text.chars();
    let wrong =
        chars.next().filter(|c| !starts_well(*c)).or_else(|| chars.find(|c| !goes_on_well(*c)));
    if let Some(c) = wrong {
        return Err(NameFault::Character(c));
    }
    if text.ends_with('.') {
        return Err(NameFault::TrailingDot);
    }
    match is_device_name(text) {
        true => Err(NameFault::DeviceName),
        false => Ok(()),
    }
}

/// Windows takes these for devices in any case and with any extension.
fn is_device_name(text: &str) -> bool {
    let stem = text.split(['.', ':']).next().unwrap_or(text).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// The short form.
impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl FromStr for ModelName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
