#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! - [`ModelName`] and [`Reference`]: names, which can never be a path out of a store.
//! - [`Store`]: models on disk, in Ollama's layout; [`Writer`] adds to it. Start here.
//! - [`Digest`], [`Manifest`], [`Layer`], [`Config`]: what a store holds; [`media_type`] has the
//!   kinds of layers, [`to_json_line`] the spelling of JSON that digests depend on.
//!
//! - `transfer`, behind the feature of that name: pull and push.
//!
//! Nothing here prints, starts threads or reads the environment.
#![forbid(unsafe_code)]

mod archive;
mod config;
mod digest;
mod json;
mod manifest;
pub mod media_type;
mod name;
mod reference;
mod store;
#[cfg(feature = "transfer")]
pub mod transfer;

pub use archive::{ArchiveError, MAX_ARCHIVE_ENTRIES, TarError};
pub use config::{Config, MAX_CONFIG_BYTES};
pub use digest::{Digest, Hashing, InvalidDigest};
pub use json::to_json_line;
pub use manifest::{
    Layer, MAX_LAYER_BYTES, MAX_LAYERS, MAX_MANIFEST_BYTES, Manifest, ManifestError,
};
pub use name::{
    DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, InvalidName, ModelName, NameFault, Part,
};
pub use reference::{Reference, Scheme};
pub use store::{
    Blob, BlobState, Broken, Expected, Health, ImportMethod, Imported, Listing, Model, Placement,
    PruneOptions, Pruned, Removed, Repair, Store, StoreError, VerifyReport, Writer, default_root,
};
