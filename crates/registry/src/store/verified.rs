//! Which blobs were found intact.
//!
//! Hashing a store takes minutes, so a blob whose digest was once computed is trusted while its
//! file is the same: same length, same times of change. One small file per blob says so,
//!
//! ```text
//! .camelid/verified/<64 hex>:  <length> <modified, ns> <changed, ns>
//! ```
//!
//! written after the blob was synced. A blob without such a file, or with another length or time,
//! is not called healthy until it has been hashed again: it may have been written by a program
//! that does not sync, or have lost its bytes since. A torn record reads as none.

use std::fs::{self, Metadata};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::atomic::remove_file;
use super::error::{StoreError, io_error};
use super::layout::Layout;
use crate::digest::Digest;

/// Whether the file of the blob is the one that was found intact.
pub(super) fn is_recorded(layout: &Layout, digest: &Digest, metadata: &Metadata) -> bool {
    // A record that cannot be read is none: the blob will be hashed again.
    fs::read_to_string(path(layout, digest)).is_ok_and(|recorded| recorded == fingerprint(metadata))
}

/// Remembers that the file of the blob, synced and with this metadata, is intact.
pub(super) fn record(
    layout: &Layout,
    digest: &Digest,
    metadata: &Metadata,
) -> Result<(), StoreError> {
    let path = path(layout, digest);
    fs::write(&path, fingerprint(metadata)).map_err(io_error("writing", &path))
}

/// Forgets the blob.
pub(super) fn forget(layout: &Layout, digest: &Digest) -> Result<(), StoreError> {
    remove_file(&path(layout, digest)).map(drop)
}

fn path(layout: &Layout, digest: &Digest) -> PathBuf {
    layout.verified().join(digest.hex())
}

fn fingerprint(metadata: &Metadata) -> String {
    let since_epoch = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH);
    let modified = metadata.modified().ok().and_then(|time| since_epoch(time).ok());
    let modified_ns = modified.map_or(0, |time| time.as_nanos());
    format!("{} {modified_ns} {}\n", metadata.len(), changed_ns(metadata))
}

/// The time of the last change to the file or its metadata, which no program can set.
#[cfg(unix)]
fn changed_ns(metadata: &Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt;
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed_ns(_metadata: &Metadata) -> i128 {
    0
}
