//! What can go wrong between here and a registry.

use std::net::IpAddr;
use std::time::Duration;

use crate::digest::Digest;
use crate::manifest::ManifestError;
use crate::store::StoreError;

/// Why a model could not be pulled or pushed.
///
/// Addresses are shown without their query, which may hold a signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry's manifest is none.
    #[error("pull model manifest: {url}")]
    Manifest {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The registry has no such thing.
    #[error("file does not exist: {url}")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// The registry does not let this user do that.
    #[error("unauthorized: access denied: {url}")]
    Unauthorized {
        /// What was asked for.
        url: String,
    },
    /// The registry answers with an error.
    #[error("{status} from {url}: {body}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        url: String,
        /// The first bytes of the answer.
        body: String,
    },
    /// The name asks for `http`, which was not allowed.
    #[error("insecure protocol http")]
    InsecureProtocol,
    /// The connection fails.
    #[error("connecting to {url}")]
    Connection {
        /// What was asked for.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Nothing, or next to nothing, arrives.
    #[error("{url}: less than {n_bytes} bytes in {within:?}")]
    Stalled {
        /// What was asked for.
        url: String,
        /// How many bytes should have come at least.
        n_bytes: u64,
        /// In which time.
        within: Duration,
    },
    /// A redirect leads where it must not.
    #[error("redirect from {from} to {to} refused: {reason}")]
    Redirect {
        /// Who redirects.
        from: String,
        /// Where to.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// A host is somewhere in this network where neither a registry is expected, nor a redirect
    /// from outside may lead.
    #[error("{host} is at {address}, where registries and redirects may not lead")]
    Address {
        /// The host's name.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// The registry asks for a login in a way that is not understood, or not safe.
    #[error("login at {url}: {reason}")]
    Login {
        /// Who asks.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// An answer is longer than it may be.
    #[error("answer from {url} has more than {limit} bytes")]
    TooLong {
        /// What was asked for.
        url: String,
        /// How many are allowed.
        limit: u64,
    },
    /// An answer breaks the rules of the protocol.
    #[error("answer from {url}: {reason}")]
    Protocol {
        /// What was asked for.
        url: String,
        /// Which.
        reason: String,
    },
    /// The bytes are not those that were asked for.
    #[error("digest mismatch, file must be downloaded again: want {expected}, got {found}")]
    DigestMismatch {
        /// The digest they should have.
        expected: Digest,
        /// The digest they have.
        found: Digest,
    },
    /// The disk has too little room.
    #[error("the model needs {needed} bytes of disk, {available} are free")]
    DiskFull {
        /// Bytes still to be downloaded.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// A private key cannot be used.
    #[error("the private key cannot be used: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// It failed every time it was tried.
    #[error("max retries exceeded: {attempts} attempts")]
    GaveUp {
        /// How often.
        attempts: u32,
        /// Why it failed the last time.
        source: Box<TransferError>,
    },
}

impl TransferError {
    /// Whether the same request may succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Stalled { .. } => true,
            Self::Status { status, .. } => *status >= 500 || matches!(status, 408 | 425 | 429),
            _ => false,
        }
    }
}
