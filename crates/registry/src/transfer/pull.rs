//! From a registry into the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Method, Url};

use super::TransferError;
use super::download::download;
use super::hub;
use super::meter::{Direction, Meter};
use super::options::Options;
use super::partial::Partial;
use super::progress::{Event, Progress};
use super::session::{Request, Session, shown};
use crate::digest::Digest;
use crate::manifest::{Layer, MAX_MANIFEST_BYTES, Manifest};
use crate::media_type;
use crate::name::ModelName;
use crate::reference::Reference;
use crate::store::{Store, StoreError, Writer};

/// How often to look whether another download of the same blob has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Fetches a model and returns the name it has in the store.
///
/// Blobs that are there and intact are not fetched; what an interrupted pull, of this process or
/// an earlier one, has fetched is not fetched again. A blob that another task or process is
/// fetching is waited for. Dropping the future stops the pull; the next one goes on from there.
///
/// # Errors
/// If the registry refuses, breaks the protocol or cannot be reached, or the store refuses. The
/// model, if it was there before, is then as it was.
pub async fn pull(
    store: &Store,
    reference: &Reference,
    options: &Options,
    progress: Progress<'_>,
) -> Result<ModelName, TransferError> {
    let session = Session::new(reference, options).await?;
    let name = store.resolve_case(&reference.name)?;
    progress(Event::PullingManifest);
    let remote = Remote::find(&session).await?;

    let writer = store.writer()?;
    for bytes in &remote.made_here {
        writer.put_bytes(bytes)?;
    }
    let blobs = distinct_blobs(&remote.manifest);
    check_disk(store, &blobs)?;
    let mut fetched = Vec::new();
    for layer in &blobs {
        let url = remote.url(&session, &layer.digest)?;
        let blob = Fetch { session: &session, store, writer: &writer, layer, url };
        if blob.fetch(progress).await? {
            fetched.push(blob);
        }
    }
    progress(Event::Verifying);
    for blob in &fetched {
        blob.verify(progress).await?;
    }
    progress(Event::WritingManifest);
    let old = writer.put_manifest(&name, &remote.bytes)?;
    drop(writer);
    if let Some(old) = old.filter(|_| options.prune) {
        progress(Event::RemovingUnused);
        store.remove_unreferenced(old.blobs().map(|layer| layer.digest))?;
    }
    progress(Event::Success);
    Ok(name)
}

/// A model as a registry has it.
pub(super) struct Remote {
    pub(super) manifest: Manifest,
    /// The manifest as it is stored.
    pub(super) bytes: Vec<u8>,
    /// Where blobs are that are not where registries have them.
    pub(super) urls: HashMap<Digest, Url>,
    /// Blobs that the registry does not have.
    pub(super) made_here: Vec<Vec<u8>>,
}

impl Remote {
    async fn find(session: &Session) -> Result<Self, TransferError> {
        match Self::from_registry(session).await {
            Err(error) if hub::may_have_it(session, &error) => hub::find(session, error).await,
            other => other,
        }
    }

    async fn from_registry(session: &Session) -> Result<Self, TransferError> {
        let url = session.url(&format!("manifests/{}", session.name.tag()))?;
        let accept = format!("{}, {}", media_type::MANIFEST, media_type::OCI_MANIFEST);
        let request = Request::new(Method::GET, url.clone()).header(ACCEPT, &accept)?;
        let bytes = session.fetch(&request, MAX_MANIFEST_BYTES as u64).await?;
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| TransferError::Manifest { url: shown(&url), source })?;
        Ok(Self { manifest, bytes, urls: HashMap::new(), made_here: Vec::new() })
    }

    fn url(&self, session: &Session, digest: &Digest) -> Result<Url, TransferError> {
        match self.urls.get(digest) {
            Some(url) => Ok(url.clone()),
            None => session.url(&format!("blobs/{digest}")),
        }
    }
}

/// Every blob once, in the manifest's order.
fn distinct_blobs(manifest: &Manifest) -> Vec<Layer> {
    let mut seen = HashSet::new();
    manifest.blobs().filter(|layer| seen.insert(layer.digest)).cloned().collect()
}

fn check_disk(store: &Store, blobs: &[Layer]) -> Result<(), TransferError> {
    let mut needed: u64 = 0;
    for layer in blobs {
        if store.blob_path(&layer.digest)?.is_none() {
            let here = Partial::bytes_on_disk(&store.root().join("blobs"), &layer.digest);
            needed = needed.saturating_add(layer.size.saturating_sub(here));
        }
    }
    let root = store.root();
    let available = fs4::available_space(root).map_err(|source| StoreError::Io {
        action: "looking at the disk of",
        path: root.to_owned(),
        source,
    })?;
    match needed > available {
        true => Err(TransferError::DiskFull { needed, available }),
        false => Ok(()),
    }
}

/// A blob to be fetched.
///
/// The download of one blob at most is held locked at a time: two pulls that held one each, and
/// waited for the other's, would wait for ever.
struct Fetch<'a> {
    session: &'a Session,
    store: &'a Store,
    writer: &'a Writer<'a>,
    layer: &'a Layer,
    url: Url,
}

impl Fetch<'_> {
    /// Fetches the bytes, if they are not there already; whether they are still to be verified.
    async fn fetch(&self, progress: Progress<'_>) -> Result<bool, TransferError> {
        let Layer { digest, size, .. } = self.layer;
        let Some(partial) = self.begin().await? else {
            // Known to be intact now; this makes it look new.
            self.writer.reuse(digest, *size)?;
            Meter::new(progress, Direction::Pull, *digest, *size, *size).report();
            return Ok(false);
        };
        let meter = Meter::new(progress, Direction::Pull, *digest, *size, partial.n_done());
        meter.report();
        self.complete(partial, &meter).await?;
        meter.finish();
        Ok(true)
    }

    /// Hashes what was fetched and makes it a blob. Chunks that went bad on this disk are fetched
    /// again, once.
    async fn verify(&self, progress: Progress<'_>) -> Result<(), TransferError> {
        let Layer { digest, size, .. } = self.layer;
        let meter = Meter::new(progress, Direction::Pull, *digest, *size, *size);
        let mut retry = Retry::BadChunks;
        // Another pull of the same blob may have been quicker; then there is nothing to begin.
        let mut begun = self.begin().await?;
        while let Some(partial) = begun {
            let partial = self.complete(partial, &meter).await?;
            begun = finish(self.store, partial, retry).await?;
            retry = Retry::Never;
        }
        Ok(())
    }

    /// The blob's download, for this task alone; `None` if the blob is there. Waits while others
    /// are at it.
    async fn begin(&self) -> Result<Option<Partial>, TransferError> {
        let Layer { digest, size, .. } = self.layer;
        let blobs = self.store.root().join("blobs");
        while !is_intact(self.store, digest, *size).await? {
            let partial = Partial::open(&blobs, digest, *size, self.session.options.chunk_size)?;
            let Some(partial) = partial else {
                tokio::time::sleep(POLL_INTERVAL).await;
                continue;
            };
            // Between the look and the lock another download may have ended.
            if !is_intact(self.store, digest, *size).await? {
                return Ok(Some(partial));
            }
            partial.remove()?;
        }
        Ok(None)
    }

    async fn complete(
        &self,
        partial: Partial,
        meter: &Meter<'_>,
    ) -> Result<Partial, TransferError> {
        let partial = Mutex::new(partial);
        download(self.session, &self.url, &partial, meter).await?;
        Ok(partial.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the blob is there and has the right digest, which may take hashing it.
async fn is_intact(store: &Store, digest: &Digest, size: u64) -> Result<bool, TransferError> {
    let (store, digest) = (store.clone(), *digest);
    blocking(move || Ok(store.writer()?.reuse(&digest, size)?.is_some())).await
}

/// What to do with a blob of the wrong digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// Give back what is good of it, if some is not what came over the network.
    BadChunks,
    /// Remove it.
    Never,
}

/// Makes a download that is complete a blob, or gives back what is good of it.
async fn finish(
    store: &Store,
    mut partial: Partial,
    retry: Retry,
) -> Result<Option<Partial>, TransferError> {
    let store = store.clone();
    blocking(move || {
        let found = partial.hash()?;
        if found == partial.digest {
            store.writer()?.adopt_partial(&partial.path, &found)?;
            partial.remove()?;
            return Ok(None);
        }
        if retry == Retry::BadChunks && partial.forget_bad_chunks()? {
            return Ok(Some(partial));
        }
        let expected = partial.digest;
        partial.remove()?;
        Err(TransferError::DigestMismatch { expected, found })
    })
    .await
}

/// Does what takes long, or waits for the disk, where that keeps nobody else from working.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
