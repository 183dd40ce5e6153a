//! Where things are in a store.
//!
//! ```text
//! manifests/<host>/<namespace>/<model>/<tag>   manifests, JSON
//! blobs/sha256-<64 hex>                        blobs
//! blobs/tmp-*                                  blobs being written; dead without a writer
//! blobs/partial-<64 hex>[.journal]             interrupted downloads, see `transfer::partial`
//! manifests/.tmp-*                             manifests being written; the same
//! .camelid/lock                                the lock, see `lock`
//! .camelid/verified/<64 hex>                   which blobs were found intact, see `verified`
//! ```
//!
//! The first two are Ollama's, which passes over the others.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::name::ModelName;

/// Prefix of files in `blobs` that are being written.
pub(super) const TMP_BLOB: &str = "tmp-";
/// Prefix of files in `manifests` that are being written. They stand four levels above where
/// manifests are looked for.
pub(super) const TMP_MANIFEST: &str = ".tmp-";

/// The folder that Ollama uses: the value of `OLLAMA_MODELS`, without blanks and quotes around
/// it, or `.ollama/models` in the user's home folder where that is unset or empty.
pub fn default_root(ollama_models: Option<&OsStr>, home: &Path) -> PathBuf {
    let set = ollama_models.map(|value| match value.to_str() {
        Some(text) => {
            PathBuf::from(text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')))
        }
        None => PathBuf::from(value),
    });
    set.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| home.join(".ollama/models"))
}

/// The paths of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.file_name())
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    pub(crate) fn manifest(&self, name: &ModelName) -> PathBuf {
        self.manifests().join(name.to_path())
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join(".camelid/lock")
    }

    pub(crate) fn verified(&self) -> PathBuf {
        self.root.join(".camelid/verified")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_root() {
        let home = Path::new("/home/ann");
        let root = |value: Option<&str>| default_root(value.map(OsStr::new), home);
        assert_eq!(root(None), Path::new("/home/ann/.ollama/models"));
        assert_eq!(root(Some("")), Path::new("/home/ann/.ollama/models"));
        assert_eq!(root(Some(" \"/data/my models\" ")), Path::new("/data/my models"));
    }
}
