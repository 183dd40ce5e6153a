//! Where the weights of a model are.

use std::path::PathBuf;

use camelid_gguf::GgufFile;
use camelid_registry::{Digest, Layer, Manifest, Store, StoreError, media_type};
use sha2::{Digest as _, Sha256};

/// Where the weights of a model are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Weights {
    /// In files, each a part of the whole.
    Files(Vec<PathBuf>),
    /// In this program.
    #[cfg_attr(not(feature = "bundled-tiny"), expect(dead_code, reason = "nothing is bundled"))]
    Static(&'static [u8]),
    /// On another server.
    Remote,
}

impl Weights {
    /// The weights of a model of a store; `None` where it has none that are here.
    pub(crate) fn of_store(store: &Store, manifest: &Manifest) -> Result<Option<Self>, StoreError> {
        let paths = paths_of(store, manifest, media_type::MODEL)?;
        Ok((!paths.is_empty()).then_some(Self::Files(paths)))
    }

    /// Opens the file anew.
    pub(crate) fn open(&self) -> Result<GgufFile, camelid_gguf::Error> {
        match self {
            Self::Files(paths) => match &paths[..] {
                [path] => GgufFile::open(path),
                parts => GgufFile::open_parts(parts),
            },
            Self::Static(bytes) => GgufFile::from_static(bytes),
            Self::Remote => GgufFile::from_static(&[]),
        }
    }
}

/// The files of all layers of a media type that are in the store.
pub(crate) fn paths_of(
    store: &Store,
    manifest: &Manifest,
    media_type: &str,
) -> Result<Vec<PathBuf>, StoreError> {
    let layers = manifest.layers.iter().filter(|layer| layer.media_type == media_type);
    layers
        .map(|Layer { digest, .. }| {
            store.blob_path(digest)?.ok_or(StoreError::MissingBlob { digest: *digest })
        })
        .collect()
}

/// What tells a model that has no manifest from another: SHA-256 over the shape and place of every
/// tensor and the first bytes of each, which no two models share. Reads a few kilobytes, not the
/// file.
pub(crate) fn identity(file: &GgufFile) -> Digest {
    /// Bytes of each tensor that count.
    const N_BYTES: usize = 64;
    let mut hasher = Sha256::new();
    for info in file.tensors() {
        let data = file.tensor_data(info);
        hasher.update(format!("{} {:?} {}\n", info.name(), info.dims(), info.ty().name()));
        hasher.update(&data[..data.len().min(N_BYTES)]);
    }
    Digest::from_bytes(hasher.finalize().into())
}
