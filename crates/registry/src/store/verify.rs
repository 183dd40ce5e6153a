//! Hashing what is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use super::atomic::names_in;
use super::error::io_error;
use super::models::{manifest_paths, read_manifest};
use super::{Store, StoreError, verified};
use crate::digest::Digest;
use crate::name::ModelName;

/// What is known of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// It was hashed and has not changed since.
    Verified,
    /// It is there with the right size, and was never hashed, or changed since.
    Unverified,
    /// It has another size than its manifest says.
    WrongSize {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// Its bytes are not those it is named for.
    Corrupt {
        /// Their digest.
        found: Digest,
    },
    /// It is not there.
    Missing,
}

/// What to do with blobs whose bytes are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Report them. They do not count as healthy from then on.
    No,
    /// Remove them, so that the next pull fetches them.
    RemoveCorrupt,
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// Blobs that are as they should be.
    pub n_intact: usize,
    /// Blobs that are not, in order of their digests. Missing and wrong-sized ones are those that
    /// some manifest needs.
    pub damaged: Vec<(Digest, BlobState)>,
    /// Models that need one of these.
    pub damaged_models: Vec<ModelName>,
    /// Files that stand where a manifest should and are none.
    pub broken_manifests: Vec<PathBuf>,
}

impl VerifyReport {
    /// Whether everything is as it should be.
    pub fn is_healthy(&self) -> bool {
        self.damaged.is_empty() && self.broken_manifests.is_empty()
    }
}

impl Store {
    /// Hashes every blob of the store, referenced or not, and compares manifests with what is
    /// there.
    ///
    /// `progress` is told each blob before it is read. Others may use and add to the store
    /// meanwhile; nobody deletes.
    ///
    /// # Errors
    /// If the file system refuses; damage is no error.
    pub fn verify(
        &self,
        repair: Repair,
        progress: &mut dyn FnMut(&Digest),
    ) -> Result<VerifyReport, StoreError> {
        let _writer = self.writer()?;
        let mut report = VerifyReport::default();
        let mut damaged = BTreeMap::new();
        let names = names_in(&self.main.blobs())?;
        for digest in names.iter().filter_map(|name| Digest::parse(name).ok()) {
            progress(&digest);
            match self.hash_blob(&digest)? {
                BlobState::Verified => report.n_intact += 1,
                // Another program deleted it while this one was reading the list.
                BlobState::Missing => {}
                state => {
                    damaged.insert(digest, state);
                    if repair == Repair::RemoveCorrupt {
                        self.remove_blob(&digest)?;
                    }
                }
            }
        }
        self.verify_manifests(&mut report, &mut damaged)?;
        report.damaged = damaged.into_iter().collect();
        Ok(report)
    }

    fn verify_manifests(
        &self,
        report: &mut VerifyReport,
        damaged: &mut BTreeMap<Digest, BlobState>,
    ) -> Result<(), StoreError> {
        for (name, path) in manifest_paths(&self.main)? {
            let manifest = match read_manifest(&path) {
                Ok(Some((manifest, _))) => manifest,
                Ok(None) => continue,
                Err(StoreError::Manifest { .. }) => {
                    report.broken_manifests.push(path);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut is_damaged = false;
            for layer in manifest.blobs() {
                let state = self.blob_state(&layer.digest, layer.size)?;
                if matches!(state, BlobState::Missing | BlobState::WrongSize { .. }) {
                    damaged.entry(layer.digest).or_insert(state);
                }
                is_damaged |= damaged.contains_key(&layer.digest);
            }
            if is_damaged {
                report.damaged_models.push(name);
            }
        }
        Ok(())
    }

    /// Hashes a blob and remembers the outcome: [`Verified`](BlobState::Verified),
    /// [`Corrupt`](BlobState::Corrupt) or [`Missing`](BlobState::Missing).
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn hash_blob(&self, digest: &Digest) -> Result<BlobState, StoreError> {
        let Some(path) = self.blob_path(digest)? else { return Ok(BlobState::Missing) };
        let mut file = File::open(&path).map_err(io_error("opening", &path))?;
        let before = file.metadata().map_err(io_error("looking at", &path))?;
        let (found, _) = Digest::of_reader(&mut file).map_err(io_error("reading", &path))?;
        let is_ours = path == self.main.blob(digest);
        if found != *digest {
            if is_ours {
                verified::forget(&self.main, digest)?;
            }
            return Ok(BlobState::Corrupt { found });
        }
        if is_ours {
            // What was hashed may be in memory only, if whoever wrote it did not sync.
            #[cfg(unix)]
            file.sync_all().map_err(io_error("syncing", &path))?;
            // A change while it was being read makes the record worthless, which is as it should be.
            verified::record(&self.main, digest, &before)?;
        }
        Ok(BlobState::Verified)
    }
}
