//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::manifest::ManifestError;

/// Why a store could not do what was asked.
///
/// The texts contain paths of this machine; a server shows them to its operator only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refuses.
    #[error("{action} {}", .path.display())]
    Io {
        /// What was being done: "reading", "renaming", ...
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bytes to store could not be read from where they come from.
    #[error("reading the bytes to store")]
    Source(#[source] io::Error),
    /// No model has this name.
    #[error("model '{name}' not found")]
    UnknownModel {
        /// The name in short form.
        name: String,
    },
    /// A blob is not there.
    #[error("blob {digest} is not in the store")]
    MissingBlob {
        /// The blob.
        digest: Digest,
    },
    /// A blob is larger than its use allows.
    #[error("blob {digest} has more than {limit} bytes")]
    BlobTooLarge {
        /// The blob.
        digest: Digest,
        /// How many are allowed.
        limit: usize,
    },
    /// A model's configuration is malformed.
    #[error("configuration {digest}")]
    Config {
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Bytes are not those that were expected.
    #[error("digest mismatch, expected {expected}, got {found}")]
    DigestMismatch {
        /// The digest they should have.
        expected: Digest,
        /// The digest they have.
        found: Digest,
    },
    /// There are more or fewer bytes than were expected.
    #[error("size mismatch: expected {expected} bytes, got {found}{}", if *more { " and more" } else { "" })]
    SizeMismatch {
        /// How many were expected.
        expected: u64,
        /// How many there are, as far as they were counted.
        found: u64,
        /// Whether counting stopped before the end.
        more: bool,
    },
    /// A manifest cannot be read.
    #[error("manifest {}", .path.display())]
    Manifest {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// Someone else is using the store: a download, another server, another program.
    #[error("the store is in use")]
    Busy,
    /// What should be imported is a folder, device or pipe.
    #[error("{} is not a regular file", .path.display())]
    NotAFile {
        /// Where it is.
        path: PathBuf,
    },
}

/// Turns an [`io::Error`] into a [`StoreError`] that says what was being done to which path.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}
