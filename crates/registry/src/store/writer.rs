//! Adding blobs and manifests.

use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::atomic::{create_dirs, publish, temp_file};
use super::error::io_error;
use super::layout::{TMP_BLOB, TMP_MANIFEST};
use super::lock::Lock;
use super::models::read_manifest;
use super::verify::BlobState;
use super::{Store, StoreError, is_folder_gone, metadata, verified};
use crate::digest::{self, Digest, Hashing};
use crate::manifest::{Layer, MAX_LAYER_BYTES, Manifest};
use crate::name::ModelName;

/// Attempts at putting a manifest into a folder that others may be removing because it is empty.
const N_FOLDER_ATTEMPTS: usize = 16;

/// Adds to a store. While it lives nobody deletes blobs, so what was put stays until a manifest
/// refers to it.
#[derive(Debug)]
pub struct Writer<'s> {
    pub(super) store: &'s Store,
    _lock: Lock,
}

/// A blob in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Blob {
    /// The blob as a layer of a manifest.
    pub fn into_layer(self, media_type: &str) -> Layer {
        Layer::new(media_type, self.digest, self.size)
    }
}

/// What is known beforehand of bytes to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Their digest.
    pub digest: Option<Digest>,
    /// How many there are. Reading stops at the first byte too many.
    pub size: Option<u64>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(store: &'s Store, lock: Lock) -> Self {
        Self { store, _lock: lock }
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Blob, StoreError> {
        self.put(&mut &bytes[..], Expected::default(), &mut |_| {})
    }

    /// Stores what `reader` yields, hashing it on the way, in constant memory.
    ///
    /// `progress` is told how many bytes are done. A blob that is there already is kept if it is
    /// known to be intact, and else replaced.
    ///
    /// # Errors
    /// If the bytes are not the expected ones, if the reader fails, or if the file system refuses;
    /// nothing is left behind then.
    pub fn put(
        &self,
        reader: &mut impl Read,
        expected: Expected,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Blob, StoreError> {
        let file = self.temp_blob()?;
        let limit = expected.size.unwrap_or(MAX_LAYER_BYTES);
        let mut reader = Reading { inner: reader.take(limit.saturating_add(1)), error: None };
        let mut hashing = Hashing::new(file);
        let copied = digest::copy(&mut reader, &mut hashing, progress);
        if let Some(error) = reader.error {
            return Err(StoreError::Source(error));
        }
        let (file, found) = hashing.finish();
        let size = copied.map_err(io_error("writing", file.path()))?;
        if size > limit || expected.size.is_some_and(|expected| expected != size) {
            let more = size > limit;
            return Err(StoreError::SizeMismatch { expected: limit, found: size, more });
        }
        if let Some(expected) = expected.digest.filter(|expected| *expected != found) {
            return Err(StoreError::DigestMismatch { expected, found });
        }
        self.publish_blob(file, found, size)
    }

    pub(super) fn temp_blob(&self) -> Result<NamedTempFile, StoreError> {
        temp_file(&self.store.main.blobs(), TMP_BLOB)
    }

    /// Gives a file whose digest was computed its name, unless an intact one has it.
    pub(super) fn publish_blob(
        &self,
        file: NamedTempFile,
        digest: Digest,
        size: u64,
    ) -> Result<Blob, StoreError> {
        let layout = &self.store.main;
        let path = layout.blob(&digest);
        if let Some(metadata) = metadata(&path)?
            && metadata.len() == size
            && verified::is_recorded(layout, &digest, &metadata)
        {
            self.touch(&digest, &path)?;
            return Ok(Blob { digest, size, is_new: false });
        }
        let is_new = metadata(&path)?.is_none();
        publish(file, &path)?;
        self.record(&digest, &path)?;
        Ok(Blob { digest, size, is_new })
    }

    /// Makes a blob of a file in the `blobs` folder whose bytes were found to have this digest.
    #[cfg(feature = "transfer")]
    pub(crate) fn adopt_partial(&self, path: &Path, digest: &Digest) -> Result<(), StoreError> {
        let file = std::fs::File::options().read(true).write(true).open(path);
        file.and_then(|file| file.sync_all()).map_err(io_error("syncing", path))?;
        let blob = self.store.main.blob(digest);
        std::fs::rename(path, &blob).map_err(io_error("renaming", path))?;
        super::atomic::sync_dir(&self.store.main.blobs())?;
        self.record(digest, &blob)
    }

    /// A blob that is in the store already, if it is known to be intact or hashing it now shows
    /// that it is.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn reuse(&self, digest: &Digest, size: u64) -> Result<Option<Blob>, StoreError> {
        let blob = Blob { digest: *digest, size, is_new: false };
        match self.store.blob_state(digest, size)? {
            BlobState::Missing | BlobState::WrongSize { .. } | BlobState::Corrupt { .. } => {
                Ok(None)
            }
            BlobState::Unverified if self.store.hash_blob(digest)? != BlobState::Verified => {
                Ok(None)
            }
            BlobState::Unverified | BlobState::Verified => {
                let path = self.store.main.blob(digest);
                if metadata(&path)?.is_some() {
                    self.touch(digest, &path)?;
                }
                Ok(Some(blob))
            }
        }
    }

    /// Makes a blob look new, so that Ollama's clean-up leaves it alone for an hour.
    fn touch(&self, digest: &Digest, path: &Path) -> Result<(), StoreError> {
        let now = std::time::SystemTime::now();
        let touched = std::fs::File::open(path).and_then(|file| file.set_modified(now));
        match touched {
            Ok(()) => self.record(digest, path),
            // Another user's file: the clean-up of this user cannot remove it either.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(e) => Err(io_error("touching", path)(e)),
        }
    }

    fn record(&self, digest: &Digest, path: &Path) -> Result<(), StoreError> {
        match metadata(path)? {
            Some(metadata) => verified::record(&self.store.main, digest, &metadata),
            None => Err(StoreError::MissingBlob { digest: *digest }),
        }
    }

    /// Stores a manifest under a name, all of whose blobs are in the store: the model appears, or
    /// changes, at this instant. Returns the manifest that had the name.
    ///
    /// The bytes are stored as they are. Call [`Store::remove_unreferenced`] with the blobs of the
    /// old manifest once this writer is dropped.
    ///
    /// # Errors
    /// If the manifest is malformed, or a blob is missing or has another size.
    pub fn put_manifest(
        &self,
        name: &ModelName,
        bytes: &[u8],
    ) -> Result<Option<Manifest>, StoreError> {
        let layout = &self.store.main;
        let path = layout.manifest(name);
        let manifest = Manifest::parse(bytes)
            .map_err(|source| StoreError::Manifest { path: path.clone(), source })?;
        for layer in manifest.blobs() {
            self.require(layer)?;
        }
        // An old manifest that cannot be read keeps nothing alive, and is replaced.
        let old = read_manifest(&path).ok().flatten().map(|(manifest, _)| manifest);
        let mut attempts = 1;
        while let Err(error) = self.try_put_manifest(&path, bytes) {
            if !is_folder_gone(&error) || attempts == N_FOLDER_ATTEMPTS {
                return Err(error);
            }
            attempts += 1;
        }
        Ok(old)
    }

    fn try_put_manifest(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let manifests = self.store.main.manifests();
        let mut file = temp_file(&manifests, TMP_MANIFEST)?;
        file.write_all(bytes).map_err(io_error("writing", file.path()))?;
        if let Some(dir) = path.parent() {
            create_dirs(&manifests, dir)?;
        }
        publish(file, path)
    }

    fn require(&self, layer: &Layer) -> Result<(), StoreError> {
        match self.store.blob_state(&layer.digest, layer.size)? {
            BlobState::Missing => Err(StoreError::MissingBlob { digest: layer.digest }),
            BlobState::WrongSize { expected, found } => {
                Err(StoreError::SizeMismatch { expected, found, more: false })
            }
            _ => Ok(()),
        }
    }
}

/// A reader that keeps its error, so that it is not taken for one of the writer's.
struct Reading<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Reading<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).or_else(|error| match error.kind() {
            io::ErrorKind::Interrupted => Err(error),
            // The copy ends here; the caller looks at the error before the bytes.
            _ => {
                self.error = Some(error);
                Ok(0)
            }
        })
    }
}
