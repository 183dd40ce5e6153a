//! What a [`GgufFile`](crate::GgufFile)'s bytes are kept in.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::Error;
use crate::mapped_file::MappedFile;

/// The bytes of a file that its owner keeps: mapped, in memory, or part of the program.
#[derive(Debug)]
pub struct Backing(Kind);

#[derive(Debug)]
enum Kind {
    Mapped(MappedFile),
    Memory(Vec<u8>),
    Static(&'static [u8]),
}

impl Backing {
    /// Maps a file.
    pub(crate) fn map(path: &Path) -> Result<Self, Error> {
        MappedFile::new(open_regular(path)?).map(|mapped| Self(Kind::Mapped(mapped)))
    }

    /// Reads a file into memory.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        open_regular(path)?.read_to_end(&mut bytes).map_err(Error::io("read the file"))?;
        Ok(bytes.into())
    }
}

/// Opens a file for reading, if it is one.
///
/// Asked before opening, since opening a pipe waits for its other end, and again of the opened
/// file, in case the name has meanwhile come to mean another.
fn open_regular(path: &Path) -> Result<File, Error> {
    let is_file = fs::metadata(path).map_err(Error::io("open the file"))?.is_file();
    if !is_file {
        return Err(Error::NotRegularFile);
    }
    let file = File::open(path).map_err(Error::io("open the file"))?;
    let is_file = file.metadata().map_err(Error::io("open the file"))?.is_file();
    if is_file { Ok(file) } else { Err(Error::NotRegularFile) }
}

impl AsRef<[u8]> for Backing {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Kind::Mapped(mapped) => mapped.bytes(),
            Kind::Memory(bytes) => bytes,
            Kind::Static(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Backing {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Memory(bytes))
    }
}

impl From<&'static [u8]> for Backing {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Kind::Static(bytes))
    }
}
