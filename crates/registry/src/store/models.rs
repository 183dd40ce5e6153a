//! Models: listing, finding, copying and deleting them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::atomic::{is_absent, names_in, read_limited, remove_file, sync_dir};
use super::error::io_error;
use super::layout::Layout;
use super::verify::BlobState;
use super::{Store, StoreError, metadata, verified};
use crate::digest::Digest;
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError};
use crate::name::ModelName;

/// A model in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name, in the case the store has it in.
    pub name: ModelName,
    /// What it is made of.
    pub manifest: Manifest,
    /// The digest of the manifest's bytes: the model's identity.
    pub digest: Digest,
    /// When the manifest was written.
    pub modified: SystemTime,
    /// What is known of its blobs.
    pub health: Health,
}

/// What is known of the blobs of a model without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All are there, and were hashed since they last changed.
    Verified,
    /// All are there and have the right size; some were never hashed by this program.
    Unverified,
    /// A blob is missing or damaged; pulling the model again mends it.
    Damaged {
        /// The first such blob.
        digest: Digest,
        /// What is wrong with it.
        state: BlobState,
    },
}

/// A file that stands where a manifest should, and is none.
#[derive(Debug)]
pub struct Broken {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: StoreError,
}

/// Everything that stands in the manifests folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// The models, latest first.
    pub models: Vec<Model>,
    /// What could not be read.
    pub broken: Vec<Broken>,
}

/// What became of blobs that nothing seemed to need any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// The blobs that are gone.
    pub blobs: Vec<Digest>,
    /// Their bytes.
    pub n_bytes: u64,
    /// Whether some were left for a later [`Store::prune`], because someone is writing to the
    /// store or a manifest in it cannot be read.
    pub is_postponed: bool,
}

impl Store {
    /// All models, those of the read-only stores included, latest first.
    ///
    /// # Errors
    /// If a folder cannot be read; a manifest that cannot be is listed as broken.
    pub fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        for layout in self.layouts() {
            for (name, path) in manifest_paths(layout)? {
                if !seen.insert(name.full().to_ascii_lowercase()) {
                    continue;
                }
                match self.read_model(&name, &path) {
                    Ok(model) => listing.models.extend(model),
                    Err(error) => listing.broken.push(Broken { path, error }),
                }
            }
        }
        listing.models.sort_by_key(|model| std::cmp::Reverse(model.modified));
        Ok(listing)
    }

    /// The model with this name in any case.
    ///
    /// # Errors
    /// If its manifest cannot be read; a model that is not there is `None`.
    pub fn find(&self, name: &ModelName) -> Result<Option<Model>, StoreError> {
        for layout in self.layouts() {
            let name = resolve_case(layout, name)?;
            if let Some(model) = self.read_model(&name, &layout.manifest(&name))? {
                return Ok(Some(model));
            }
        }
        Ok(None)
    }

    /// The name in the case that the store already has for it, part by part from the left; parts
    /// that the store does not have stay as they are.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn resolve_case(&self, name: &ModelName) -> Result<ModelName, StoreError> {
        resolve_case(&self.main, name)
    }

    /// The bytes of the manifest with this name in any case.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`] if there is none.
    pub fn manifest_bytes(&self, name: &ModelName) -> Result<Vec<u8>, StoreError> {
        for layout in self.layouts() {
            let path = layout.manifest(&resolve_case(layout, name)?);
            if let Some((_, bytes)) = read_manifest(&path)? {
                return Ok(bytes);
            }
        }
        Err(StoreError::UnknownModel { name: name.short() })
    }

    /// Gives a model a second name, replacing the model that has it. No blob is copied.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`] if there is no such model.
    pub fn copy(&self, from: &ModelName, to: &ModelName) -> Result<Removed, StoreError> {
        let to = self.resolve_case(to)?;
        let writer = self.writer()?;
        let bytes = self.manifest_bytes(from)?;
        let old = writer.put_manifest(&to, &bytes)?;
        drop(writer);
        self.remove_unreferenced(old.iter().flat_map(Manifest::blobs).map(|layer| layer.digest))
    }

    /// Removes a model from the store, and the blobs that no other needs.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`] if there is no such model; one in a read-only store is none.
    pub fn delete(&self, name: &ModelName) -> Result<Removed, StoreError> {
        let name = resolve_case(&self.main, name)?;
        let path = self.main.manifest(&name);
        // A manifest that cannot be read can still be deleted; prune finds its blobs.
        let manifest = read_manifest(&path).ok().flatten().map(|(manifest, _)| manifest);
        if !remove_file(&path)? {
            return Err(StoreError::UnknownModel { name: name.short() });
        }
        if let Some(dir) = path.parent() {
            sync_dir(dir).or_else(|e| if super::is_folder_gone(&e) { Ok(()) } else { Err(e) })?;
        }
        self.remove_empty_folders(&path);
        self.remove_unreferenced(
            manifest.iter().flat_map(Manifest::blobs).map(|layer| layer.digest),
        )
    }

    /// Removes those of the blobs that no manifest needs; puts it off while anyone writes.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn remove_unreferenced(
        &self,
        candidates: impl IntoIterator<Item = Digest>,
    ) -> Result<Removed, StoreError> {
        let candidates: HashSet<Digest> = candidates.into_iter().collect();
        let mut removed = Removed::default();
        if candidates.is_empty() {
            return Ok(removed);
        }
        let Some(_alone) = self.try_exclusive()? else {
            return Ok(Removed { is_postponed: true, ..removed });
        };
        let Ok(referenced) = self.referenced() else {
            return Ok(Removed { is_postponed: true, ..removed });
        };
        for digest in candidates.difference(&referenced) {
            if let Some(n_bytes) = self.remove_blob(digest)? {
                removed.blobs.push(*digest);
                removed.n_bytes += n_bytes;
            }
        }
        removed.blobs.sort();
        Ok(removed)
    }

    /// Removes a blob and what is known of it; its length, if it was there.
    pub(super) fn remove_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.main.blob(digest);
        let size = metadata(&path)?.map(|metadata| metadata.len());
        verified::forget(&self.main, digest)?;
        let is_removed = remove_file(&path)?;
        Ok(size.filter(|_| is_removed))
    }

    /// Every blob that a manifest of this store needs.
    ///
    /// # Errors
    /// If a manifest cannot be read: what it needs is not known then.
    pub(super) fn referenced(&self) -> Result<HashSet<Digest>, StoreError> {
        let mut digests = HashSet::new();
        for (_, path) in manifest_paths(&self.main)? {
            if let Some((manifest, _)) = read_manifest(&path)? {
                digests.extend(manifest.blobs().map(|layer| layer.digest));
            }
        }
        Ok(digests)
    }

    fn read_model(&self, name: &ModelName, path: &Path) -> Result<Option<Model>, StoreError> {
        let Some((manifest, bytes)) = read_manifest(path)? else { return Ok(None) };
        let Some(metadata) = metadata(path)? else { return Ok(None) };
        let modified = metadata.modified().map_err(io_error("looking at", path))?;
        let health = self.health(&manifest)?;
        Ok(Some(Model {
            name: name.clone(),
            manifest,
            digest: Digest::of(&bytes),
            modified,
            health,
        }))
    }

    /// What is known of a manifest's blobs without reading them.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn health(&self, manifest: &Manifest) -> Result<Health, StoreError> {
        let mut health = Health::Verified;
        for layer in manifest.blobs() {
            match self.blob_state(&layer.digest, layer.size)? {
                BlobState::Verified => {}
                BlobState::Unverified => health = Health::Unverified,
                state => return Ok(Health::Damaged { digest: layer.digest, state }),
            }
        }
        Ok(health)
    }

    /// Removes the folders above a manifest as far as they are empty; they are in nobody's way,
    /// so failing to is no error.
    fn remove_empty_folders(&self, manifest: &Path) {
        let manifests = self.main.manifests();
        for dir in manifest.ancestors().skip(1).take_while(|dir| **dir != manifests) {
            if fs::remove_dir(dir).is_err() {
                break;
            }
        }
    }
}

/// A manifest and its bytes; `None` if there is no such file.
pub(super) fn read_manifest(path: &Path) -> Result<Option<(Manifest, Vec<u8>)>, StoreError> {
    let invalid = |source| StoreError::Manifest { path: path.to_owned(), source };
    // A folder where a tag should be is no manifest of anybody's.
    if metadata(path)?.is_none_or(|metadata| !metadata.is_file()) {
        return Ok(None);
    }
    let bytes =
        read_limited(path, MAX_MANIFEST_BYTES, |found| invalid(ManifestError::TooLarge { found }))?;
    let Some(bytes) = bytes else { return Ok(None) };
    Ok(Some((Manifest::parse(&bytes).map_err(invalid)?, bytes)))
}

/// Every file that stands where a manifest can, with its name, sorted. Files whose path is no
/// name, such as those that desktops leave in every folder, are passed over.
pub(super) fn manifest_paths(layout: &Layout) -> Result<Vec<(ModelName, PathBuf)>, StoreError> {
    let manifests = layout.manifests();
    let mut paths = vec![PathBuf::new()];
    for _ in 0..4 {
        let mut below = Vec::new();
        for path in &paths {
            below.extend(names_in(&manifests.join(path))?.iter().map(|name| path.join(name)));
        }
        paths = below;
    }
    let named = |path: &PathBuf| Some((ModelName::from_path(path)?, manifests.join(path)));
    Ok(paths.iter().filter_map(named).filter(|(_, path)| path.is_file()).collect())
}

fn resolve_case(layout: &Layout, name: &ModelName) -> Result<ModelName, StoreError> {
    match fs::metadata(layout.manifest(name)) {
        Ok(metadata) if metadata.is_file() => return Ok(name.clone()),
        Err(e) if !is_absent(&e) => return Err(io_error("looking at", &layout.manifest(name))(e)),
        _ => {}
    }
    let wanted = name.to_path();
    let mut found = PathBuf::new();
    for part in wanted.iter().filter_map(|part| part.to_str()) {
        let present = names_in(&layout.manifests().join(&found))?;
        let same = present.iter().find(|name| *name == part);
        let alike = || present.iter().find(|name| name.eq_ignore_ascii_case(part));
        found.push(same.or_else(alike).map_or(part, String::as_str));
    }
    // What stands there in another case is as valid as the name itself.
    Ok(ModelName::from_path(&found).unwrap_or_else(|| name.clone()))
}
