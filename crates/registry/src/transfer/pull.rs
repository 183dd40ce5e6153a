//! From a registry into the store.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::ACCEPT;

use super::TransferError;
use super::download::download;
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
    let (manifest, bytes) = fetch_manifest(&session).await?;

    let writer = store.writer()?;
    let blobs = distinct_blobs(&manifest);
    check_disk(store, &blobs)?;
    let mut fetched = Vec::new();
    for layer in &blobs {
        fetched.extend(fetch_blob(&session, store, &writer, layer, progress).await?);
    }
    progress(Event::Verifying);
    for partial in fetched {
        let meter =
            Meter::new(progress, Direction::Pull, partial.digest, partial.size, partial.size);
        verify_blob(&session, store, partial, &meter).await?;
    }
    progress(Event::WritingManifest);
    let old = writer.put_manifest(&name, &bytes)?;
    drop(writer);
    if let Some(old) = old.filter(|_| options.prune) {
        progress(Event::RemovingUnused);
        store.remove_unreferenced(old.blobs().map(|layer| layer.digest))?;
    }
    progress(Event::Success);
    Ok(name)
}

async fn fetch_manifest(session: &Session) -> Result<(Manifest, Vec<u8>), TransferError> {
    let url = session.url(&format!("manifests/{}", session.name.tag()))?;
    let accept = format!("{}, {}", media_type::MANIFEST, media_type::OCI_MANIFEST);
    let request = Request::new(Method::GET, url.clone()).header(ACCEPT, &accept)?;
    let bytes = session.fetch(&request, MAX_MANIFEST_BYTES as u64).await?;
    let manifest = Manifest::parse(&bytes)
        .map_err(|source| TransferError::Manifest { url: shown(&url), source })?;
    Ok((manifest, bytes))
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
            needed = needed.saturating_add(layer.size);
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

/// Fetches a blob's bytes, if it is not there already; they are not verified yet.
async fn fetch_blob(
    session: &Session,
    store: &Store,
    writer: &Writer<'_>,
    layer: &Layer,
    progress: Progress<'_>,
) -> Result<Option<Partial>, TransferError> {
    let Layer { digest, size, .. } = layer;
    let blobs = store.root().join("blobs");
    loop {
        if is_intact(store, digest, *size).await? {
            // Known to be intact now; this makes it look new.
            writer.reuse(digest, *size)?;
            Meter::new(progress, Direction::Pull, *digest, *size, *size);
            return Ok(None);
        }
        let partial = Partial::open(&blobs, digest, *size, session.options.chunk_size)?;
        let Some(partial) = partial else {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        };
        // Between the look and the lock another download may have ended.
        if is_intact(store, digest, *size).await? {
            partial.remove()?;
            continue;
        }
        let meter = Meter::new(progress, Direction::Pull, *digest, *size, partial.n_done());
        let partial = Mutex::new(partial);
        download(session, &partial, &meter).await?;
        meter.finish();
        return Ok(Some(unlocked(partial)));
    }
}

/// Whether the blob is there and has the right digest, which may take hashing it.
async fn is_intact(store: &Store, digest: &Digest, size: u64) -> Result<bool, TransferError> {
    let (store, digest) = (store.clone(), *digest);
    blocking(move || Ok(store.writer()?.reuse(&digest, size)?.is_some())).await
}

/// Hashes a blob and makes it one. Chunks that went bad on this disk are fetched again, once.
async fn verify_blob(
    session: &Session,
    store: &Store,
    partial: Partial,
    meter: &Meter<'_>,
) -> Result<(), TransferError> {
    let partial = match finish(store, partial, Retry::BadChunks).await? {
        Finished::Stored => return Ok(()),
        Finished::Incomplete(partial) => partial,
    };
    meter.set(partial.n_done());
    let partial = Mutex::new(partial);
    download(session, &partial, meter).await?;
    finish(store, unlocked(partial), Retry::Never).await.map(drop)
}

/// What to do with a blob of the wrong digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// Give back what is good of it, if some is not what came over the network.
    BadChunks,
    /// Remove it.
    Never,
}

enum Finished {
    Stored,
    Incomplete(Partial),
}

async fn finish(store: &Store, partial: Partial, retry: Retry) -> Result<Finished, TransferError> {
    let store = store.clone();
    blocking(move || {
        let mut partial = partial;
        let found = partial.hash()?;
        if found == partial.digest {
            store.writer()?.adopt_partial(&partial.path, &found)?;
            partial.remove()?;
            return Ok(Finished::Stored);
        }
        if retry == Retry::BadChunks && partial.forget_bad_chunks()? {
            return Ok(Finished::Incomplete(partial));
        }
        let expected = partial.digest;
        partial.remove()?;
        Err(TransferError::DigestMismatch { expected, found })
    })
    .await
}

/// A partial download that nobody else has any more.
fn unlocked(partial: Mutex<Partial>) -> Partial {
    partial.into_inner().unwrap_or_else(PoisonError::into_inner)
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
