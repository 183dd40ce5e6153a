//! Where the parser gets its bytes: a slice that holds the whole file, or a stream.

use std::io::{ErrorKind, Read};

use crate::Error;
use crate::limits::MAX_STREAMED_HEADER_BYTES;

/// Bytes from the start of a file, as many as have been asked for.
pub(crate) trait Source {
    /// All bytes available so far. They never change or go, more may come.
    fn bytes(&self) -> &[u8];

    /// Length of the whole file, where that is known before its end is met.
    fn file_len(&self) -> Option<usize>;

    /// Tries to make `bytes()[..end]` available and tells whether it is. Takes no more memory
    /// than there are bytes, whatever `end` claims.
    fn reach(&mut self, end: usize) -> Result<bool, Error>;
}

impl Source for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn file_len(&self) -> Option<usize> {
        Some(self.len())
    }

    #[inline]
    fn reach(&mut self, end: usize) -> Result<bool, Error> {
        Ok(end <= self.len())
    }
}

/// Reads from a stream exactly as far as the parser needs, and keeps what it has read.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    reader: R,
    pub(crate) read: Vec<u8>,
}

/// Step in which a stream is read, so that a false length costs at most this much memory.
const CHUNK_BYTES: usize = 64 << 10;

impl<R: Read> Stream<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, read: Vec::new() }
    }

    /// Reads up to `n` more bytes and tells how many came.
    fn read_some(&mut self, n: usize) -> Result<usize, Error> {
        let old_len = self.read.len();
        self.read.resize(old_len + n, 0);
        let n_read = loop {
            match self.reader.read(&mut self.read[old_len..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        // A reader that claims more than it was given room for is not believed.
        self.read.truncate(old_len + n_read.as_ref().map_or(0, |&n_read| n_read.min(n)));
        n_read.map_err(Error::io("read the stream"))
    }
}

impl<R: Read> Source for Stream<R> {
    fn bytes(&self) -> &[u8] {
        &self.read
    }

    fn file_len(&self) -> Option<usize> {
        None
    }

    fn reach(&mut self, end: usize) -> Result<bool, Error> {
        while self.read.len() < end {
            let n_read = self.read.len() as u64;
            if n_read >= MAX_STREAMED_HEADER_BYTES {
                return Err(Error::TooLarge {
                    what: "header of the stream".to_owned(),
                    offset: n_read,
                    found: end as u64,
                    max: MAX_STREAMED_HEADER_BYTES,
                });
            }
            let wanted = (end - self.read.len()).min(CHUNK_BYTES);
            if self.read_some(wanted)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_read_no_further_than_asked() {
        let mut reader = &[7_u8; 100][..];
        let mut stream = Stream::new(&mut reader);
        assert!(stream.reach(30).unwrap());
        assert!(stream.reach(10).unwrap());
        assert_eq!(stream.bytes(), [7; 30]);
        assert_eq!(reader.len(), 70);
    }

    #[test]
    fn false_length_takes_no_memory() {
        let mut stream = Stream::new(&[7_u8; 100][..]);
        assert!(!stream.reach(usize::MAX).unwrap());
        assert_eq!(stream.bytes().len(), 100);
        assert!(stream.read.capacity() <= 2 * CHUNK_BYTES);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes too long")]
    fn endless_stream_is_given_up() {
        let mut stream = Stream::new(std::io::repeat(0));
        let end = usize::try_from(MAX_STREAMED_HEADER_BYTES).unwrap() + 1;
        assert!(matches!(stream.reach(end), Err(Error::TooLarge { .. })));
    }
}
