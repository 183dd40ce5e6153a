//! Taking in a file of this machine without copying its bytes, where the file system can.
//!
//! First choice is a reflink: a copy that shares its blocks until either side changes. Second is a
//! hard link: the same file under a second name. Should its owner overwrite it in place, the blob
//! changes too, which its times of change give away (see `verified`). Otherwise the bytes are
//! copied. In every case it is the file in the store that is hashed, not its source, which may
//! change at any time.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::atomic::remove_file;
use super::error::io_error;
use super::layout::TMP_BLOB;
use super::writer::{Blob, Expected, Writer};
use super::{StoreError, metadata};
use crate::digest::{self, Hashing};

/// Which ways of taking in a file are allowed; a copy always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Reflink, hard link, copy: whichever works first.
    ShareBytes,
    /// Reflink or copy: the blob never changes with its source.
    OwnBytes,
    /// Copy, even where sharing works.
    Copy,
}

/// How a file was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMethod {
    /// It shares its blocks with the source until either changes.
    Reflink,
    /// It is the source under a second name.
    HardLink,
    /// It is a copy.
    Copy,
}

/// A file that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The blob.
    pub blob: Blob,
    /// How it came to be one. For a blob that was there already this is how it would have.
    pub method: ImportMethod,
}

impl Writer<'_> {
    /// Makes a blob of a file. `progress` is told how many bytes are hashed or copied.
    ///
    /// # Errors
    /// If `source` is no regular file, or the file system refuses.
    pub fn import_file(
        &self,
        source: &Path,
        placement: Placement,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Imported, StoreError> {
        // Looked at before it is opened: opening a pipe waits for its writer.
        match metadata(source)? {
            Some(metadata) if metadata.is_file() => {}
            Some(_) => return Err(StoreError::NotAFile { path: source.to_owned() }),
            None => {
                let missing = io::ErrorKind::NotFound.into();
                return Err(io_error("opening", source)(missing));
            }
        }
        let ways: &[(ImportMethod, Place)] = match placement {
            Placement::ShareBytes => {
                &[(ImportMethod::Reflink, reflink), (ImportMethod::HardLink, hard_link)]
            }
            Placement::OwnBytes => &[(ImportMethod::Reflink, reflink)],
            Placement::Copy => &[],
        };
        for (method, place) in ways {
            // Whatever keeps a file from being shared does not keep it from being copied.
            if let Ok(file) = self.place(source, *place) {
                let blob = self.adopt(file, progress)?;
                return Ok(Imported { blob, method: *method });
            }
        }
        let mut file = File::open(source).map_err(io_error("opening", source))?;
        let blob = self.put(&mut file, Expected::default(), progress)?;
        Ok(Imported { blob, method: ImportMethod::Copy })
    }

    /// Puts `source` beside the blobs under a temporary name.
    fn place(&self, source: &Path, place: Place) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(TMP_BLOB).make_in(self.store.main.blobs(), |path| {
            place(source, path)?;
            // Windows syncs only what may be written.
            File::options().read(true).write(cfg!(windows)).open(path)
        })
    }

    /// Hashes a file that stands beside the blobs, and makes it one.
    fn adopt(
        &self,
        mut file: NamedTempFile,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Blob, StoreError> {
        let path = file.path().to_owned();
        let mut hashing = Hashing::new(io::sink());
        let size = digest::copy(file.as_file_mut(), &mut hashing, progress)
            .map_err(io_error("reading", &path))?;
        let blob = self.publish_blob(file, hashing.finish().1, size)?;
        // Renaming a link onto another link to the same file leaves both.
        remove_file(&path)?;
        Ok(blob)
    }
}

/// Makes the second path show the file at the first.
type Place = fn(&Path, &Path) -> io::Result<()>;

fn reflink(from: &Path, to: &Path) -> io::Result<()> {
    reflink_copy::reflink(from, to)
}

fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    // A link to a symbolic link would be one.
    fs::hard_link(from.canonicalize()?, to)
}
