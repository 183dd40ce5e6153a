//! Removing what no model needs.

use std::time::{Duration, SystemTime};

use super::atomic::{names_in, remove_file};
use super::{Store, StoreError, metadata, verified};
use crate::digest::Digest;

/// How careful to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneOptions {
    /// Files younger than this stay: another program may be about to refer to them.
    pub grace: Duration,
    /// The same for interrupted downloads, which are worth keeping longer.
    pub partial_grace: Duration,
    /// Only say what would be removed.
    pub dry_run: bool,
}

impl Default for PruneOptions {
    /// An hour as in Ollama, and a week.
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { grace: hour, partial_grace: 7 * 24 * hour, dry_run: false }
    }
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// File names within the `blobs` folder, sorted.
    pub files: Vec<String>,
    /// Their bytes.
    pub n_bytes: u64,
}

impl Store {
    /// Removes blobs that no manifest needs, interrupted downloads and leftovers of other
    /// programs, each only after its time of grace.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while anyone writes to the store, this process included. If a manifest
    /// cannot be read nothing is removed, as it is not known what that one needs.
    pub fn prune(&self, options: &PruneOptions) -> Result<Pruned, StoreError> {
        let Some(_alone) = self.try_exclusive()? else { return Err(StoreError::Busy) };
        let referenced = self.referenced()?;
        let now = SystemTime::now();
        let blobs = self.main.blobs();
        let mut pruned = Pruned::default();
        for name in names_in(&blobs)? {
            let path = blobs.join(&name);
            let Some(metadata) = metadata(&path)?.filter(|metadata| metadata.is_file()) else {
                continue;
            };
            let grace = match Digest::parse(&name) {
                Ok(digest) if referenced.contains(&digest) => continue,
                Err(_) if name.contains("partial") => options.partial_grace,
                _ => options.grace,
            };
            // A time in the future is no age.
            let age = metadata.modified().ok().and_then(|time| now.duration_since(time).ok());
            if age.is_none_or(|age| age < grace) {
                continue;
            }
            if !options.dry_run {
                remove_file(&path)?;
            }
            pruned.n_bytes += metadata.len();
            pruned.files.push(name);
        }
        if !options.dry_run {
            self.forget_absent_blobs()?;
        }
        Ok(pruned)
    }

    /// Drops records of blobs that are gone, for example because Ollama removed them.
    fn forget_absent_blobs(&self) -> Result<(), StoreError> {
        for name in names_in(&self.main.verified())? {
            match Digest::parse(&format!("sha256:{name}")) {
                Ok(digest) if metadata(&self.main.blob(&digest))?.is_some() => {}
                Ok(digest) => verified::forget(&self.main, &digest)?,
                Err(_) => remove_file(&self.main.verified().join(name)).map(drop)?,
            }
        }
        Ok(())
    }
}
