//! Taking the parts of models.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use camelid_api_types::{ApiError, BlobOutcome, ByteStream};
use camelid_registry::{Digest, Expected, StoreError};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::blocking;
use crate::{error::internal_error, runtime::Runtime};

/// Pieces of an upload that wait for the disk at most.
const N_PIECES: usize = 8;

impl Runtime {
    pub(crate) fn look_for_blob(&self, text: &str) -> Result<(), ApiError> {
        let digest = digest(text)?;
        let path = self.store()?.blob_path(&digest).map_err(|error| internal_error(&error))?;
        path.map(drop).ok_or_else(|| ApiError::not_found(format!("blob {text:?} not found")))
    }

    pub(crate) async fn store_blob(
        &self,
        text: &str,
        mut bytes: ByteStream,
    ) -> Result<BlobOutcome, ApiError> {
        let digest = digest(text)?;
        let store = self.store()?.clone();
        if store.blob_path(&digest).map_err(|error| internal_error(&error))?.is_some() {
            return Ok(BlobOutcome::Present);
        }
        let (sender, receiver) = mpsc::channel(N_PIECES);
        let mut reader = Pieces { receiver, piece: Bytes::new() };
        let asked = text.to_owned();
        let write = blocking(move || {
            let expected = Expected { digest: Some(digest), size: None };
            let writer = store.writer().map_err(|error| internal_error(&error))?;
            let stored = writer.put(&mut reader, expected, &mut |_| {});
            stored.map(drop).map_err(|error| refused(&asked, &error))
        });
        let send = async move {
            while let Some(piece) = bytes.next().await {
                let failed = piece.as_ref().err().cloned();
                let sent = sender.send(piece.map_err(io::Error::other)).await;
                // The other end is gone only if writing failed, which is told by that.
                if sent.is_err() || failed.is_some() {
                    return failed;
                }
            }
            None
        };
        let (failed, written) = futures_util::future::join(send, write).await;
        match failed {
            Some(error) => Err(error),
            None => written.map(|()| BlobOutcome::Created),
        }
    }
}

/// Reads a digest in either spelling and in either case.
pub(super) fn digest(text: &str) -> Result<Digest, ApiError> {
    let parsed = Digest::parse(&text.to_ascii_lowercase());
    parsed.map_err(|_| ApiError::bad_request("invalid digest format"))
}

fn refused(asked: &str, error: &StoreError) -> ApiError {
    match error {
        StoreError::DigestMismatch { found, .. } => ApiError::bad_request(format!(
            "digest mismatch, expected {asked:?}, got {:?}",
            found.to_string()
        )),
        error => internal_error(error),
    }
}

/// The pieces of an upload as a reader, on a thread that may wait.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let n = self.piece.len().min(buf.len());
        self.piece.copy_to_slice(&mut buf[..n]);
        Ok(n)
    }
}
