//! From the store to a registry.

use std::collections::HashSet;
use std::io::SeekFrom;

use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, LOCATION,
};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::TransferError;
use super::meter::{Direction, Meter};
use super::options::Options;
use super::progress::{Event, Progress};
use super::retry::Retries;
use super::session::{Request, Session};
use crate::manifest::{Layer, Manifest};
use crate::media_type;
use crate::name::ModelName;
use crate::reference::Reference;
use crate::store::{Store, StoreError};

/// Bytes that an upload is cut into at least, however often it fails.
const MIN_UPLOAD_CHUNK: usize = 64 * 1024;

/// Sends the model that `reference` names to the registry it names.
///
/// Blobs that the registry has are not sent; those that it has in another repository, from which
/// the layer came, are mounted. An upload that is cut goes on from what the registry has received.
///
/// # Errors
/// If there is no such model, if the registry refuses, breaks the protocol or cannot be reached,
/// or the store refuses.
pub async fn push(
    store: &Store,
    reference: &Reference,
    options: &Options,
    progress: Progress<'_>,
) -> Result<(), TransferError> {
    progress(Event::RetrievingManifest);
    let bytes = store.manifest_bytes(&reference.name)?;
    let invalid = |source| TransferError::Manifest { url: reference.name.short(), source };
    let manifest = Manifest::parse(&bytes).map_err(invalid)?;
    let session = Session::new(reference, options).await?;
    let mut seen = HashSet::new();
    for layer in manifest.blobs().filter(|layer| seen.insert(layer.digest)) {
        Upload { session: &session, store, layer }.run(progress).await?;
    }
    progress(Event::PushingManifest);
    let url = session.url(&format!("manifests/{}", reference.name.tag()))?;
    let kind = manifest.media_type.as_deref().unwrap_or(media_type::OCI_MANIFEST);
    let mut request = Request::new(Method::PUT, url).header(CONTENT_TYPE, kind)?;
    request.body = bytes;
    session.send_retrying(&request).await?;
    progress(Event::Success);
    Ok(())
}

struct Upload<'a> {
    session: &'a Session,
    store: &'a Store,
    layer: &'a Layer,
}

/// Where the next bytes go.
struct Place {
    url: Url,
    /// How many bytes the registry has.
    offset: u64,
}

/// How an upload is cut up.
#[derive(Clone, Copy)]
struct Pieces {
    /// Bytes of each.
    size: usize,
    own_connections: bool,
}

impl Upload<'_> {
    async fn run(&self, progress: Progress<'_>) -> Result<(), TransferError> {
        let Layer { digest, size, .. } = self.layer;
        let meter = Meter::new(progress, Direction::Push, *digest, *size, 0);
        meter.report();
        if !self.exists().await?
            && let Some(place) = self.start().await?
        {
            self.send_bytes(place, &meter).await?;
        }
        meter.finish();
        Ok(())
    }

    async fn exists(&self) -> Result<bool, TransferError> {
        let url = self.session.url(&format!("blobs/{}", self.layer.digest))?;
        match self.session.send_retrying(&Request::new(Method::HEAD, url)).await {
            Ok(_) => Ok(true),
            Err(TransferError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins an upload; `None` if the registry could mount the blob from where it came.
    async fn start(&self) -> Result<Option<Place>, TransferError> {
        let mut url = self.session.url("blobs/uploads/")?;
        // What a layer came from may be the name of a file.
        let from = self.layer.from.as_deref().and_then(|from| ModelName::parse(from).ok());
        if let Some(from) = from.filter(|from| from.host() == self.session.name.host()) {
            let digest = self.layer.digest.to_string();
            url.query_pairs_mut()
                .append_pair("from", &from.repository())
                .append_pair("mount", &digest);
        }
        let request = Request::new(Method::POST, url.clone()).header(CONTENT_LENGTH, "0")?;
        let response = self.session.send_retrying(&request).await?;
        match response.status() {
            StatusCode::CREATED => Ok(None),
            _ => Ok(Some(Place { url: self.location(&url, &response)?, offset: 0 })),
        }
    }

    fn location(&self, url: &Url, response: &Response) -> Result<Url, TransferError> {
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let location = header("Docker-Upload-Location").or_else(|| header(LOCATION.as_str()));
        let Some(location) = location else {
            return Err(self.session.protocol(url, "an upload without a readable Location"));
        };
        let to =
            url.join(location).map_err(|e| self.session.protocol(url, format!("Location: {e}")))?;
        self.session.check_target(url, &to)?;
        Ok(to)
    }

    async fn send_bytes(&self, mut place: Place, meter: &Meter<'_>) -> Result<(), TransferError> {
        let mut retries = Retries::new(&self.session.options);
        let mut pieces = Pieces {
            size: self.session.options.upload_chunk_size.max(MIN_UPLOAD_CHUNK),
            own_connections: false,
        };
        loop {
            let before = place.offset;
            let sent = match place.offset < self.layer.size {
                true => self.send_piece(&mut place, pieces).await,
                false => match self.finish(&place).await {
                    Ok(()) => return Ok(()),
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = sent {
                // Smaller pieces get through where large ones are cut, and each on a connection of
                // its own: registries drop an upload of which half a piece arrived.
                pieces.size = (pieces.size / 2).max(MIN_UPLOAD_CHUNK);
                pieces.own_connections = true;
                let Some(resumed) = self.resume(place).await? else { return Ok(()) };
                place = resumed;
                let made_progress = place.offset > before;
                match is_misplaced(&error) {
                    true => retries.after_remedy(error, made_progress).await?,
                    false => retries.after(error, made_progress).await?,
                }
            }
            meter.set(place.offset);
            meter.add(0);
        }
    }

    async fn send_piece(&self, place: &mut Place, pieces: Pieces) -> Result<(), TransferError> {
        let bytes = self.read(place.offset, pieces.size).await?;
        let end = place.offset + bytes.len() as u64;
        let mut request = Request::new(Method::PATCH, place.url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")?
            .header(CONTENT_RANGE, &format!("{}-{}", place.offset, end - 1))?;
        if pieces.own_connections {
            request = request.header(CONNECTION, "close")?;
        }
        request.body = bytes;
        let response = self.session.send(&request).await?;
        *place = Place { url: self.location(&place.url, &response)?, offset: end };
        Ok(())
    }

    async fn read(&self, offset: u64, n_bytes: usize) -> Result<Vec<u8>, TransferError> {
        let digest = self.layer.digest;
        let path = self.store.blob_path(&digest)?.ok_or(StoreError::MissingBlob { digest })?;
        let n_bytes = (n_bytes as u64).min(self.layer.size - offset);
        let read = async {
            let mut file = File::open(&path).await?;
            file.seek(SeekFrom::Start(offset)).await?;
            let mut bytes = Vec::new();
            file.take(n_bytes).read_to_end(&mut bytes).await?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes =
            read.await.map_err(|source| StoreError::Io { action: "reading", path, source })?;
        match bytes.len() as u64 == n_bytes {
            true => Ok(bytes),
            false => Err(StoreError::SizeMismatch {
                expected: self.layer.size,
                found: offset + bytes.len() as u64,
                more: false,
            }
            .into()),
        }
    }

    /// Finds out how much the registry has; a registry that has forgotten gets it all again, unless
    /// it has the blob by now, which is `None`.
    async fn resume(&self, place: Place) -> Result<Option<Place>, TransferError> {
        let request = Request::new(Method::GET, place.url.clone());
        match self.session.send(&request).await {
            Ok(response) => {
                let offset = received(response.headers()).unwrap_or(0).min(self.layer.size);
                let url = self.location(&place.url, &response).unwrap_or(place.url);
                Ok(Some(Place { url, offset }))
            }
            Err(TransferError::NotFound { .. } | TransferError::Status { .. }) => {
                match self.exists().await? {
                    true => Ok(None),
                    false => self.start().await,
                }
            }
            // The pause before the next attempt comes from the caller.
            Err(error) if error.is_transient() => Ok(Some(place)),
            Err(error) => Err(error),
        }
    }

    /// Ends an upload, of which every byte has been sent.
    async fn finish(&self, place: &Place) -> Result<(), TransferError> {
        let mut url = place.url.clone();
        url.query_pairs_mut().append_pair("digest", &self.layer.digest.to_string());
        let mut request = Request::new(Method::PUT, url)
            .header(CONTENT_TYPE, "application/octet-stream")?
            .header(CONTENT_LENGTH, "0")?;
        request.is_slow = true;
        match self.session.send(&request).await {
            // Only the answer may have got lost.
            Err(error) if error.is_transient() && self.exists().await? => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// Whether the registry has forgotten an upload, or has another part of it than was thought.
fn is_misplaced(error: &TransferError) -> bool {
    matches!(
        error,
        TransferError::NotFound { .. } | TransferError::Status { status: 400 | 416, .. }
    )
}

/// `Range: 0-<last>`: how many bytes of an upload have arrived.
fn received(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get("Range")?.to_str().ok()?;
    let range = text.trim().trim_start_matches("bytes=");
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.parse().ok()?;
    // Nothing yet is `0-0`, as is one byte; sending one byte again would be refused, so is `0-0`
    // taken for nothing, and the registry's offset for what it says.
    (first == "0").then(|| if last == 0 { 0 } else { last.saturating_add(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrived_is_read_from_the_range() {
        let range = |text: &str| {
            received(&HeaderMap::from_iter([("Range".parse().unwrap(), text.parse().unwrap())]))
        };
        assert_eq!(range("0-0"), Some(0));
        assert_eq!(range("0-99"), Some(100));
        assert_eq!(range("bytes=0-99"), Some(100));
        assert_eq!(range("5-99"), None);
        assert_eq!(range("x"), None);
    }
}
