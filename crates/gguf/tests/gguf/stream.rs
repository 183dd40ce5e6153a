//! Headers from streams agree with those of whole files and stop where the header does.

use std::fs;

use camelid_gguf::{Gguf, Header};

use crate::testdata;

#[test]
fn stream_gives_what_the_file_gives() {
    for name in ["version-1.gguf", "version-3.gguf", "version-3-big-endian.gguf"] {
        let bytes = fs::read(testdata(name)).unwrap();
        let gguf = Gguf::parse(&bytes[..]).unwrap();
        let header = Header::read(&bytes[..]).unwrap();
        assert_eq!(header.version(), gguf.version());
        assert_eq!(header.endianness(), gguf.endianness());
        assert_eq!(header.alignment(), gguf.alignment());
        assert_eq!(header.data_start(), gguf.data_start());
        let entries = |metadata: camelid_gguf::Metadata<'_>| {
            metadata.iter().map(|(key, value)| format!("{key} {value:?}")).collect::<Vec<_>>()
        };
        assert_eq!(entries(header.metadata()).len(), entries(gguf.metadata()).len());
        for (read, parsed) in header.tensors().iter().zip(gguf.tensors()) {
            assert_eq!(read.name(), parsed.name());
            assert_eq!(read.shape(), parsed.shape());
            assert_eq!(read.file_offset(), parsed.file_offset());
        }
        assert_eq!(header.tensors().len(), gguf.tensors().len());
        let last = header.tensors().last().unwrap();
        assert_eq!(header.data_end(), last.file_offset() + last.n_bytes() as u64);
        assert!(header.tensor(last.name()).is_some() && header.tensor("none").is_none());
    }
}

#[test]
fn not_a_byte_after_the_header_is_read() {
    let bytes = fs::read(testdata("version-3.gguf")).unwrap();
    let mut stream = &bytes[..];
    let header = Header::read(&mut stream).unwrap();
    let n_read = bytes.len() - stream.len();
    assert!(n_read as u64 <= header.data_start());
    assert!(header.data_start() - (n_read as u64) < u64::from(header.alignment()));
    Header::read(&bytes[..n_read]).unwrap();
    assert!(Header::read(&bytes[..n_read - 1]).is_err());
}

/// Hands out bytes one at a time, with interruptions, as a slow connection might.
struct Trickle<'a>(&'a [u8], bool);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = into.len().min(1);
        self.0.read(&mut into[..n])
    }
}

#[test]
fn slow_streams_are_read_to_the_end() {
    let bytes = fs::read(testdata("version-2.gguf")).unwrap();
    let header = Header::read(Trickle(&bytes, false)).unwrap();
    assert_eq!(header.metadata().require::<u8>("golden.u8").unwrap(), 200);
}

#[test]
fn error_of_the_stream_is_passed_on() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let error = Header::read(Broken).unwrap_err();
    let camelid_gguf::Error::Io { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionReset);
}
