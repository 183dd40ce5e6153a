//! A header read from a stream, without the tensor data that follows it.

use std::io::Read;

use crate::directory::Directory;
use crate::parser::parse;
use crate::source::Stream;
use crate::{Endianness, Error, Metadata, TensorInfo};

/// Metadata and tensor entries of a file whose data is elsewhere: still on its way over the
/// network, or not wanted.
///
/// Everything is checked as for a whole file, except that tensors end within it: its length is
/// not known.
#[derive(Debug, Clone)]
pub struct Header {
    bytes: Vec<u8>,
    directory: Directory,
}

impl Header {
    /// Reads a header, and not one byte of what follows it.
    ///
    /// Reads are small; give a [`BufReader`](std::io::BufReader) where a read is costly.
    ///
    /// # Errors
    /// What makes a file unreadable; [`Error::TooLarge`] when the header is longer than
    /// [`MAX_STREAMED_HEADER_BYTES`](crate::limits::MAX_STREAMED_HEADER_BYTES).
    ///
    /// # Examples
    /// ```
    /// use camelid_gguf::{GgufWriter, Header};
    ///
    /// let bytes = GgufWriter::new().metadata("general.name", "tiny").to_bytes()?;
    /// let file = [&bytes[..], b"weights"].concat();
    /// let mut stream = &file[..];
    /// let header = Header::read(&mut stream)?;
    /// assert_eq!(header.metadata().require::<&str>("general.name")?, "tiny");
    /// assert_eq!(stream, b"weights");
    /// # Ok::<(), camelid_gguf::Error>(())
    /// ```
    pub fn read(reader: impl Read) -> Result<Self, Error> {
        let mut stream = Stream::new(reader);
        let directory = parse(&mut stream)?;
        Ok(Self { bytes: stream.read, directory })
    }

    /// The format's version, 1 to 3.
    pub fn version(&self) -> u32 {
        self.directory.encoding.version
    }

    /// The file's byte order.
    pub fn endianness(&self) -> Endianness {
        self.directory.encoding.endianness
    }

    /// What tensor data offsets are multiples of, in bytes.
    pub fn alignment(&self) -> u32 {
        self.directory.alignment
    }

    /// Where tensor data begins in the file, in bytes.
    pub fn data_start(&self) -> u64 {
        self.directory.data_start
    }

    /// Bytes from the start of the file to the end of the last tensor's data.
    pub fn data_end(&self) -> u64 {
        self.tensors().iter().map(TensorInfo::end).max().unwrap_or(self.directory.data_start)
    }

    /// The metadata.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.bytes, &self.directory)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.directory.tensors
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.directory.tensor(name)
    }
}
