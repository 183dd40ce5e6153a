//! Models on disk, in Ollama's own layout.
//!
//! A model is a manifest that names blobs; a blob is a file named by its digest, shared by every
//! model that needs it. Both programs can use one store at the same time.
//!
//! Invariants:
//! - A file has its final name only when it is complete, checked and synced. A crash at any
//!   instant leaves the old state or the new, and at most `tmp-*` files that the next
//!   [`Store::open`] removes.
//! - A manifest appears after all of its blobs, and blobs go after all manifests that need them.
//! - Every path is made of a [`Digest`]'s bytes or a [`ModelName`]'s checked parts.

mod atomic;
mod error;
mod import;
mod layout;
mod lock;
mod models;
mod prune;
mod verified;
mod verify;
mod writer;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use atomic::{is_absent, names_in};
use error::io_error;
use layout::{Layout, TMP_BLOB, TMP_MANIFEST};
use lock::Lock;

pub use error::StoreError;
pub use import::{ImportMethod, Imported, Placement};
pub use layout::default_root;
pub use models::{Broken, Health, Listing, Model, Removed};
pub use prune::{PruneOptions, Pruned};
pub use verify::{BlobState, Repair, VerifyReport};
pub use writer::{Blob, Expected, Writer};

use crate::config::{Config, MAX_CONFIG_BYTES};
use crate::digest::Digest;
use crate::manifest::{Layer, Manifest};
#[cfg(doc)]
use crate::name::ModelName;

/// A folder of models, and read-only ones behind it.
///
/// Cheap to clone; clones and other processes may use the same folder at the same time.
///
/// # Examples
/// ```
/// use camelid_registry::{Layer, Manifest, ModelName, Store, media_type};
///
/// # let folder = tempfile::tempdir()?;
/// # let root = folder.path();
/// let store = Store::open(root)?;
/// let name = ModelName::parse("greeter")?;
///
/// let writer = store.writer()?;
/// let system = writer.put_bytes(b"Say hello.")?.into_layer(media_type::SYSTEM);
/// let config = writer.put_bytes(b"{}")?.into_layer(media_type::CONFIG);
/// writer.put_manifest(&name, &Manifest::new(config, vec![system]).to_bytes()?)?;
/// drop(writer);
///
/// assert_eq!(store.list()?.models[0].name, name);
/// store.delete(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    main: Layout,
    behind: Vec<Layout>,
}

impl Store {
    /// Opens the store in `root`, creating what is missing, and removes what interrupted writers
    /// left there, unless someone is writing right now.
    ///
    /// Blobs with a colon in their names, as of 2023, are renamed.
    ///
    /// # Errors
    /// If the folder cannot be created, read or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let main = Layout::new(std::path::absolute(&root).map_err(io_error("finding", &root))?);
        for dir in [main.blobs(), main.manifests(), main.verified()] {
            fs::create_dir_all(&dir).map_err(io_error("creating", &dir))?;
        }
        let store = Self { main, behind: Vec::new() };
        if let Some(_alone) = store.try_exclusive()? {
            store.remove_leftovers()?;
            store.rename_old_blobs()?;
        }
        Ok(store)
    }

    /// Adds a store that is looked into where this one has no such model or blob, and never
    /// written to. Several are asked in the order in which they were added.
    pub fn with_read_only(mut self, root: impl Into<PathBuf>) -> Self {
        self.behind.push(Layout::new(root.into()));
        self
    }

    /// The folder of the store that is written to.
    pub fn root(&self) -> &Path {
        self.main.root()
    }

    /// Begins adding to the store. While the writer lives, nobody deletes blobs; this waits while
    /// somebody does.
    ///
    /// # Errors
    /// If the file system cannot lock.
    pub fn writer(&self) -> Result<Writer<'_>, StoreError> {
        Ok(Writer::new(self, Lock::shared(&self.main.lock())?))
    }

    /// The file of a blob, wherever it is, with nothing said about its bytes.
    ///
    /// # Errors
    /// If the file system refuses; a blob that is not there is `None`.
    pub fn blob_path(&self, digest: &Digest) -> Result<Option<PathBuf>, StoreError> {
        for layout in self.layouts() {
            let path = layout.blob(digest);
            if metadata(&path)?.is_some_and(|m| m.is_file()) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// [`StoreError::MissingBlob`] if it is not there.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.blob_path(digest)?.ok_or(StoreError::MissingBlob { digest: *digest })?;
        File::open(&path).map_err(io_error("opening", &path))
    }

    /// The bytes of a small blob: a template, parameters, a licence.
    ///
    /// # Errors
    /// [`StoreError::MissingBlob`] if it is not there, [`StoreError::BlobTooLarge`] if it has more
    /// than `limit` bytes.
    pub fn read_blob(&self, digest: &Digest, limit: usize) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest)?.ok_or(StoreError::MissingBlob { digest: *digest })?;
        let too_large = |_| StoreError::BlobTooLarge { digest: *digest, limit };
        let bytes = atomic::read_limited(&path, limit, too_large)?;
        bytes.ok_or(StoreError::MissingBlob { digest: *digest })
    }

    /// What a model's configuration says; `None` for very old models, which have none.
    ///
    /// # Errors
    /// If the blob is missing, too large or malformed.
    pub fn config(&self, manifest: &Manifest) -> Result<Option<Config>, StoreError> {
        let Some(Layer { digest, .. }) = &manifest.config else { return Ok(None) };
        let limit = usize::try_from(MAX_CONFIG_BYTES).unwrap_or(usize::MAX);
        let bytes = self.read_blob(digest, limit)?;
        let malformed = |source| StoreError::Config { digest: *digest, source };
        serde_json::from_slice(&bytes).map(Some).map_err(malformed)
    }

    /// How much is known of a blob without reading it; `size` is what its manifest says.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn blob_state(&self, digest: &Digest, size: u64) -> Result<BlobState, StoreError> {
        let mut state = BlobState::Missing;
        for layout in self.layouts() {
            if let Some(metadata) = metadata(&layout.blob(digest))?.filter(Metadata::is_file) {
                state = match metadata.len() {
                    found if found != size => BlobState::WrongSize { expected: size, found },
                    _ if verified::is_recorded(layout, digest, &metadata) => BlobState::Verified,
                    _ => BlobState::Unverified,
                };
                // The first that is there is the one that is used.
                break;
            }
        }
        Ok(state)
    }

    fn layouts(&self) -> impl Iterator<Item = &Layout> {
        std::iter::once(&self.main).chain(&self.behind)
    }

    fn try_exclusive(&self) -> Result<Option<Lock>, StoreError> {
        Lock::try_exclusive(&self.main.lock())
    }

    /// Removes files of writers that are gone. Needs the lock for oneself: then all are.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        for (dir, prefix) in [(self.main.blobs(), TMP_BLOB), (self.main.manifests(), TMP_MANIFEST)]
        {
            for name in names_in(&dir)?.iter().filter(|name| name.starts_with(prefix)) {
                atomic::remove_file(&dir.join(name))?;
            }
        }
        Ok(())
    }

    fn rename_old_blobs(&self) -> Result<(), StoreError> {
        let blobs = self.main.blobs();
        for name in names_in(&blobs)?.iter().filter(|name| name.starts_with("sha256:")) {
            if let Ok(digest) = Digest::parse(name) {
                let from = blobs.join(name);
                fs::rename(&from, self.main.blob(&digest)).map_err(io_error("renaming", &from))?;
            }
        }
        Ok(())
    }
}

/// A file's metadata, following links; `None` if there is no such file.
fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(io_error("looking at", path)(e)),
    }
}

/// Whether an error means that a folder went away under a file being put into it.
fn is_folder_gone(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
