//! Fetching one blob.
//!
//! The chunks that are missing are fetched by range requests, several at a time. A connection that
//! breaks or stalls is made anew and goes on where it stopped. A server that answers a range with
//! the whole is read from front to back by one connection instead.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::RANGE;
use reqwest::{Method, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::TransferError;
use super::body::{Body, content_range};
use super::meter::Meter;
use super::partial::Partial;
use super::retry::Retries;
use super::session::{Request, Session};
use crate::digest::Digest;
use crate::store::StoreError;

/// Fetches everything that is missing of the blob at `url`.
pub(super) async fn download(
    session: &Session,
    url: &Url,
    partial: &Mutex<Partial>,
    meter: &Meter<'_>,
) -> Result<(), TransferError> {
    let missing = lock(partial).missing();
    let download = Download { session, url, partial, meter };
    let fetched = stream::iter(missing)
        .map(|(chunk, range)| download.chunk(chunk, range))
        .buffer_unordered(session.options.n_connections.max(1))
        .try_collect::<()>()
        .await;
    match fetched {
        Err(Failure::NoRanges) => download.whole().await,
        Err(Failure::Transfer(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

struct Download<'a> {
    session: &'a Session,
    url: &'a Url,
    partial: &'a Mutex<Partial>,
    meter: &'a Meter<'a>,
}

/// Why a chunk did not come.
enum Failure {
    /// The server sends everything, whatever is asked for.
    NoRanges,
    Transfer(TransferError),
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Self::Transfer(error)
    }
}

/// Bytes of a write. What is written in large pieces lies in large pages of the system's cache,
/// from where a model's weights are read faster.
const WRITE_BYTES: usize = 1 << 20;

/// A chunk being written.
struct Chunk {
    file: BufWriter<File>,
    hasher: Sha256,
    /// What is still to come.
    rest: Range<u64>,
}

impl Chunk {
    fn n_left(&self) -> u64 {
        self.rest.end - self.rest.start
    }
}

impl Download<'_> {
    async fn chunk(&self, index: u64, range: Range<u64>) -> Result<(), Failure> {
        let mut chunk = self.begin(range).await?;
        let mut retries = Retries::new(&self.session.options);
        while chunk.n_left() > 0 {
            let before = chunk.n_left();
            match self.attempt(&mut chunk).await {
                Ok(()) => {}
                Err(Failure::NoRanges) => return Err(Failure::NoRanges),
                Err(Failure::Transfer(error)) => {
                    let n_new = before - chunk.n_left();
                    retries.after(error, n_new >= self.session.options.stall_bytes).await?;
                }
            }
        }
        Ok(self.finish(index, chunk).await?)
    }

    async fn begin(&self, range: Range<u64>) -> Result<Chunk, TransferError> {
        let path = lock(self.partial).path.clone();
        let open = async {
            let mut file = File::options().write(true).open(&path).await?;
            file.seek(std::io::SeekFrom::Start(range.start)).await?;
            Ok(file)
        };
        let file = open.await.map_err(|e| self.write_error(e))?;
        let file = BufWriter::with_capacity(WRITE_BYTES, file);
        Ok(Chunk { file, hasher: Sha256::new(), rest: range })
    }

    async fn finish(&self, index: u64, mut chunk: Chunk) -> Result<(), TransferError> {
        chunk.file.flush().await.map_err(|e| self.write_error(e))?;
        let digest = Digest::from_bytes(chunk.hasher.finalize().into());
        Ok(lock(self.partial).mark(index, digest)?)
    }

    /// Asks for what is left of a chunk, and takes what comes.
    async fn attempt(&self, chunk: &mut Chunk) -> Result<(), Failure> {
        let url = self.url;
        let range = format!("bytes={}-{}", chunk.rest.start, chunk.rest.end - 1);
        let request = Request::new(Method::GET, url.clone()).header(RANGE, &range)?;
        let response = match self.session.send(&request).await {
            // The manifest's size is what counts, and what the whole is measured by when it comes
            // in one piece: then it shows who is right.
            Err(TransferError::Status { status: 416, .. }) => return Err(Failure::NoRanges),
            other => other?,
        };
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK => return Err(Failure::NoRanges),
            status => {
                return Err(self.session.protocol(url, format!("{status} for a range")).into());
            }
        }
        let size = lock(self.partial).size;
        let expected = (chunk.rest.start, chunk.rest.end);
        match content_range(response.headers()) {
            Some((first, end, total))
                if (first, end) == expected && total.is_none_or(|t| t == size) => {}
            found => {
                let reason = format!("asked for bytes {range} of {size}, got {found:?}");
                return Err(self.session.protocol(url, reason).into());
            }
        }
        let mut body = Body::new(self.session, response);
        self.receive(&mut body, chunk).await?;
        match body.has_more() {
            true => Err(self.session.protocol(url, "more bytes than asked for").into()),
            false => Ok(()),
        }
    }

    /// Writes what comes into the chunk, until it is complete or the body ends.
    async fn receive(&self, body: &mut Body<'_>, chunk: &mut Chunk) -> Result<(), TransferError> {
        while chunk.n_left() > 0 {
            let bytes = body.next(chunk.n_left()).await?;
            if bytes.is_empty() {
                // Ended too early without an error: the next attempt goes on from here.
                return Err(self.session.stalled(self.url));
            }
            chunk.file.write_all(&bytes).await.map_err(|e| self.write_error(e))?;
            chunk.hasher.update(&bytes);
            chunk.rest.start += bytes.len() as u64;
            self.meter.add(bytes.len() as u64);
        }
        Ok(())
    }

    /// Fetches the blob by one request, from the start after every failure.
    async fn whole(&self) -> Result<(), TransferError> {
        let mut retries = Retries::new(&self.session.options);
        loop {
            lock(self.partial).start_over().map_err(|e| self.write_error(e))?;
            self.meter.restart();
            match self.whole_once().await {
                Err(error) => retries.after(error, false).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn whole_once(&self) -> Result<(), TransferError> {
        let chunks = lock(self.partial).missing();
        let url = self.url;
        let response = self.session.send(&Request::new(Method::GET, url.clone())).await?;
        let mut body = Body::new(self.session, response);
        for (index, range) in chunks {
            let mut chunk = self.begin(range).await?;
            self.receive(&mut body, &mut chunk).await?;
            self.finish(index, chunk).await?;
        }
        match body.has_more() {
            true => Err(self.session.protocol(url, "the blob is longer than the manifest says")),
            false => Ok(()),
        }
    }

    fn write_error(&self, source: std::io::Error) -> TransferError {
        let path = lock(self.partial).path.clone();
        StoreError::Io { action: "writing", path, source }.into()
    }
}

/// The partial download. It is held for a moment at a time, never while waiting.
fn lock(partial: &Mutex<Partial>) -> MutexGuard<'_, Partial> {
    partial.lock().unwrap_or_else(PoisonError::into_inner)
}
