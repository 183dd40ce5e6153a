//! Models as one file, for machines without a network.
//!
//! The file is a tape archive of an OCI image layout:
//!
//! ```text
//! oci-layout               {"imageLayoutVersion":"1.0.0"}
//! index.json               the manifests, each with its model's full name
//! blobs/sha256/<64 hex>    manifests, configurations and layers
//! ```
//!
//! It is written and read as a stream, in constant memory; the same models always give the same
//! bytes. Reading takes no path from the archive: an entry is one of these or it is refused, and a
//! blob is stored only under the digest it has.

mod tar;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::json::to_json_line;
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError};
use crate::media_type;
use crate::name::{InvalidName, ModelName};
use crate::store::{Expected, Store, StoreError, Writer};

pub use tar::TarError;

/// Entries of an archive at most.
pub const MAX_ARCHIVE_ENTRIES: usize = 100_000;

const LAYOUT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";
const BLOB_FOLDER: &str = "blobs/sha256/";

/// Why models could not be put into an archive or taken from one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive cannot be written.
    #[error("writing the archive")]
    Write(#[source] io::Error),
    /// The file is no archive of this kind, or a damaged one.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// There is an entry that an image layout does not have.
    #[error("archive entry {name:?} is no part of an image layout")]
    Entry {
        /// Its name.
        name: String,
    },
    /// There are too many entries.
    #[error("archive has more than {MAX_ARCHIVE_ENTRIES} entries")]
    TooManyEntries,
    /// The index is missing or malformed.
    #[error("archive index: {what}")]
    Index {
        /// What is wrong with it.
        what: String,
    },
    /// The index names a model by something that is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A model's manifest is malformed.
    #[error("manifest of {name}")]
    Manifest {
        /// The model.
        name: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// A blob in the store was damaged since the model was made.
    #[error("blob {digest} of {name} is damaged, pull the model again")]
    Damaged {
        /// The blob.
        digest: Digest,
        /// The model.
        name: String,
    },
}

/// The index of an image layout; what else it holds is not needed.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The annotation that holds a model's full name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

impl Store {
    /// Writes models with everything they need as one archive. `progress` is told how many bytes are written.
    ///
    /// # Errors
    /// If a model or blob is missing or damaged, or the archive cannot be written.
    pub fn export(
        &self,
        names: &[ModelName],
        out: impl Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ArchiveError> {
        // While a writer lives nobody deletes what is being exported.
        let _writer = self.writer()?;
        let mut manifests = Vec::new();
        for name in names {
            let bytes = self.manifest_bytes(name)?;
            let invalid = |source| ArchiveError::Manifest { name: name.short(), source };
            let manifest = Manifest::parse(&bytes).map_err(invalid)?;
            manifests.push((name.clone(), manifest, bytes));
        }
        let mut exporter =
            Exporter { store: self, out, n_written: 0, progress, done: BTreeSet::new() };
        exporter.bytes("oci-layout", LAYOUT.as_bytes())?;
        exporter.bytes("index.json", &index_of(&manifests)?)?;
        for (name, manifest, bytes) in &manifests {
            exporter.model(name, manifest, bytes)?;
        }
        tar::write_end(&mut exporter.out)
            .and_then(|()| exporter.out.flush())
            .map_err(ArchiveError::Write)
    }

    /// Adds the models of an archive to the store and returns their names. `progress` is told how
    /// many bytes of blobs are read.
    ///
    /// Models that are there already are replaced. After an error no model of the archive is
    /// added, or some are and each of these is whole; blobs that were read stay until pruned.
    ///
    /// # Errors
    /// If the archive is malformed, damaged or beyond this module's limits, if blobs of a model
    /// are neither in it nor in the store, or if the store refuses.
    pub fn import(
        &self,
        input: impl Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<ModelName>, ArchiveError> {
        let writer = self.writer()?;
        let index = import_entries(&writer, input, progress)?;
        let mut names = Vec::new();
        let mut replaced = Vec::new();
        for descriptor in &index.manifests {
            let name = name_of(descriptor)?;
            let bytes = read_manifest_blob(self, &name, descriptor)?;
            let name = self.resolve_case(&name)?;
            replaced.extend(writer.put_manifest(&name, &bytes)?);
            names.push(name);
        }
        drop(writer);
        // The manifests' own bytes came as blobs, and are kept elsewhere now.
        let manifests = index.manifests.iter().map(|descriptor| descriptor.digest);
        let old = replaced.iter().flat_map(Manifest::blobs).map(|layer| layer.digest);
        self.remove_unreferenced(manifests.chain(old))?;
        Ok(names)
    }
}

/// An archive being written.
struct Exporter<'a, W> {
    store: &'a Store,
    out: W,
    n_written: u64,
    progress: &'a mut dyn FnMut(u64),
    /// Blobs that are in the archive already.
    done: BTreeSet<Digest>,
}

impl<W: Write> Exporter<'_, W> {
    fn model(
        &mut self,
        name: &ModelName,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<(), ArchiveError> {
        let digest = Digest::of(bytes);
        if self.done.insert(digest) {
            self.bytes(&blob_entry(&digest), bytes)?;
        }
        for layer in manifest.blobs() {
            if self.done.insert(layer.digest) {
                self.blob(name, layer.digest, layer.size)?;
            }
        }
        Ok(())
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.entry(name, bytes.len() as u64, &mut &bytes[..]).map(drop)
    }

    /// Copies a blob, and hashes it on the way: an archive of a damaged model would be of no use.
    fn blob(&mut self, name: &ModelName, digest: Digest, size: u64) -> Result<(), ArchiveError> {
        let file = self.store.open_blob(&digest)?;
        let found = self.entry(&blob_entry(&digest), size, &mut file.take(size))?;
        match found == digest {
            true => Ok(()),
            false => Err(ArchiveError::Damaged { digest, name: name.short() }),
        }
    }

    fn entry(
        &mut self,
        name: &str,
        size: u64,
        content: &mut impl Read,
    ) -> Result<Digest, ArchiveError> {
        tar::write_header(&mut self.out, name, size).map_err(ArchiveError::Write)?;
        let mut hashing = crate::Hashing::new(&mut self.out);
        let before = self.n_written;
        let progress = &mut *self.progress;
        let copied = crate::digest::copy(content, &mut hashing, &mut |n| progress(before + n));
        let n_copied = copied.map_err(ArchiveError::Write)?;
        let found = hashing.finish().1;
        self.n_written += n_copied;
        if n_copied != size {
            // Too short for what its header says now; the archive is given up.
            let source = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(ArchiveError::Write(source));
        }
        tar::write_padding(&mut self.out, size).map_err(ArchiveError::Write)?;
        Ok(found)
    }
}

/// Stores the blobs of an archive and returns its index.
fn import_entries(
    writer: &Writer<'_>,
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<Index, ArchiveError> {
    let mut reader = tar::Reader::new(input);
    let mut index = None;
    let mut n_done: u64 = 0;
    let mut n_entries = 0;
    while let Some(entry) = reader.next_entry()? {
        n_entries += 1;
        if n_entries > MAX_ARCHIVE_ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        match EntryKind::of(&entry) {
            Some(EntryKind::Ignored) => {}
            Some(EntryKind::Index) => index = Some(read_index(reader.content(), entry.size)?),
            Some(EntryKind::Blob(digest)) => {
                let expected = Expected { digest: Some(digest), size: Some(entry.size) };
                let done = |n| progress(n_done.saturating_add(n));
                writer.put(&mut reader.content(), expected, &mut { done })?;
                n_done = n_done.saturating_add(entry.size);
            }
            None => return Err(ArchiveError::Entry { name: entry.name }),
        }
    }
    index.ok_or_else(|| ArchiveError::Index { what: "index.json is missing".into() })
}

/// What an entry of an image layout is, by its name.
enum EntryKind {
    Ignored,
    Index,
    Blob(Digest),
}

impl EntryKind {
    fn of(entry: &tar::Entry) -> Option<Self> {
        match entry.name.strip_prefix("./").unwrap_or(&entry.name) {
            _ if !entry.is_file => Some(Self::Ignored),
            "oci-layout" => Some(Self::Ignored),
            "index.json" => Some(Self::Index),
            name => {
                let hex = name.strip_prefix(BLOB_FOLDER)?;
                Digest::parse(&format!("sha256:{hex}")).ok().map(Self::Blob)
            }
        }
    }
}

fn blob_entry(digest: &Digest) -> String {
    format!("{BLOB_FOLDER}{}", digest.hex())
}

fn index_of(manifests: &[(ModelName, Manifest, Vec<u8>)]) -> Result<Vec<u8>, ArchiveError> {
    let descriptor = |(name, manifest, bytes): &(ModelName, Manifest, Vec<u8>)| Descriptor {
        media_type: manifest
            .media_type
            .clone()
            .unwrap_or_else(|| media_type::OCI_MANIFEST.to_owned()),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        annotations: BTreeMap::from([(REF_NAME.to_owned(), name.full())]),
    };
    let index = Index { schema_version: 2, manifests: manifests.iter().map(descriptor).collect() };
    to_json_line(&index).map_err(|e| ArchiveError::Index { what: e.to_string() })
}

fn read_index(content: impl Read, size: u64) -> Result<Index, ArchiveError> {
    let invalid = |what: String| ArchiveError::Index { what };
    if size > MAX_MANIFEST_BYTES as u64 {
        return Err(invalid(format!("{size} bytes, {MAX_MANIFEST_BYTES} are allowed")));
    }
    let mut bytes = Vec::new();
    content.take(size).read_to_end(&mut bytes).map_err(TarError::Io)?;
    serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))
}

fn name_of(descriptor: &Descriptor) -> Result<ModelName, ArchiveError> {
    match descriptor.annotations.get(REF_NAME) {
        Some(name) => Ok(ModelName::parse(name)?),
        None => Err(ArchiveError::Index { what: format!("{} has no name", descriptor.digest) }),
    }
}

fn read_manifest_blob(
    store: &Store,
    name: &ModelName,
    descriptor: &Descriptor,
) -> Result<Vec<u8>, ArchiveError> {
    let digest = descriptor.digest;
    let mut bytes = Vec::new();
    let file = store.open_blob(&digest)?;
    let path = || store.blob_path(&digest).ok().flatten().unwrap_or_default();
    file.take(MAX_MANIFEST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| StoreError::Io { action: "reading", path: path(), source })?;
    // It may have been in the store before, and damaged there.
    match Digest::of(&bytes) == digest {
        true => Ok(bytes),
        false => Err(ArchiveError::Damaged { digest, name: name.short() }),
    }
}
