//! What is going on, for people.

use crate::digest::Digest;

/// A step of a pull or push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The manifest is being fetched.
    PullingManifest,
    /// A blob is being fetched; the last such event of a blob has `completed == total`.
    Pulling(BlobProgress),
    /// All blobs are here and are being hashed.
    Verifying,
    /// The model is about to appear.
    WritingManifest,
    /// What only the model's former version needed is being removed.
    RemovingUnused,
    /// The manifest is being read from the store.
    RetrievingManifest,
    /// A blob is being sent; the last such event of a blob has `completed == total`.
    Pushing(BlobProgress),
    /// The manifest is being sent.
    PushingManifest,
    /// All is done.
    Success,
}

/// How far a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobProgress {
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub total: u64,
    /// Bytes that are done.
    pub completed: u64,
}

impl Event {
    /// The text that Ollama shows for it.
    pub fn status(&self) -> String {
        match self {
            Self::PullingManifest => "pulling manifest".to_owned(),
            Self::Pulling(blob) => format!("pulling {}", blob.digest.short()),
            Self::Verifying => "verifying sha256 digest".to_owned(),
            Self::WritingManifest => "writing manifest".to_owned(),
            Self::RemovingUnused => "removing unused layers".to_owned(),
            Self::RetrievingManifest => "retrieving manifest".to_owned(),
            Self::Pushing(blob) => format!("pushing {}", blob.digest.short()),
            Self::PushingManifest => "pushing manifest".to_owned(),
            Self::Success => "success".to_owned(),
        }
    }
}

/// Is told every event; called from several tasks.
pub type Progress<'a> = &'a (dyn Fn(Event) + Send + Sync);
