//! SHA-256 digests, the names of blobs.
//!
//! A [`Digest`] is 32 bytes. It is read from text in one place, strictly, and every path is made
//! from the bytes, so that no text from a manifest ever becomes part of a path.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Bytes in a SHA-256 digest.
const N_BYTES: usize = 32;

/// The SHA-256 digest of a blob or manifest.
///
/// Written `sha256:` and 64 lower-case hexadecimal digits; in file names with `-` for `:`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; N_BYTES]);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid digest format: {found:?}, expected `sha256:` and 64 lower-case hexadecimal digits"
)]
pub struct InvalidDigest {
    found: String,
}

impl Digest {
    /// Reads `sha256:<64 digits>` or `sha256-<64 digits>`.
    ///
    /// # Errors
    /// If the text is anything else; upper-case digits too, as the OCI image specification says.
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let hex = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256-"));
        hex.and_then(from_hex)
            .map(Self)
            .ok_or_else(|| InvalidDigest { found: text.chars().take(80).collect() })
    }

    /// The digest made of these bytes.
    pub const fn from_bytes(bytes: [u8; N_BYTES]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; N_BYTES] {
        &self.0
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of everything `reader` yields, and how many bytes that was.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    pub fn of_reader(reader: &mut impl Read) -> io::Result<(Self, u64)> {
        let mut hashing = Hashing::new(io::sink());
        let n_bytes = copy(reader, &mut hashing, &mut |_| {})?;
        Ok((hashing.finish().1, n_bytes))
    }

    /// The 64 digits alone. Ollama shows a manifest's digest, the id of a model, like this.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }

    /// The name of the blob's file: `sha256-<64 digits>`.
    pub fn file_name(&self) -> String {
        format!("sha256-{}", self.hex())
    }
}

fn from_hex(hex: &str) -> Option<[u8; N_BYTES]> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != N_BYTES || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N_BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.hex())
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A writer that hashes what passes through it.
#[derive(Debug)]
pub struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Hashing<W> {
    /// Hashes what is written to `inner` from here on.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new() }
    }

    /// The inner writer, and the digest of what was written.
    pub fn finish(self) -> (W, Digest) {
        (self.inner, Digest(self.hasher.finalize().into()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n_written = self.inner.write(buf)?;
        self.hasher.update(&buf[..n_written]);
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes moved at a time: large enough for the disk, small enough for the second-level cache.
const N_BUFFER: usize = 256 * 1024;

/// Copies until the reader ends and tells `progress` the bytes done so far.
pub(crate) fn copy(
    reader: &mut impl Read,
    writer: &mut impl Write,
    progress: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    let mut buffer = vec![0; N_BUFFER];
    let mut n_done = 0;
    loop {
        let n_read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(n_done),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        writer.write_all(&buffer[..n_read])?;
        n_done += n_read as u64;
        progress(n_done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_those_of_sha_256() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), format!("sha256:{ABC}"));
        assert_eq!(digest.file_name(), format!("sha256-{ABC}"));
        assert_eq!(digest.short(), "ba7816bf8f01");
        assert_eq!(Digest::of_reader(&mut &b"abc"[..]).unwrap(), (digest, 3));
    }

    #[test]
    fn both_spellings_are_read() {
        let digest = Digest::of(b"abc");
        assert_eq!(Digest::parse(&format!("sha256:{ABC}")), Ok(digest));
        assert_eq!(Digest::parse(&format!("sha256-{ABC}")), Ok(digest));
    }

    #[test]
    fn anything_else_is_refused() {
        let upper = format!("sha256:{}", ABC.to_uppercase());
        let long = format!("sha256:{ABC}0");
        let short = format!("sha256:{}", &ABC[1..]);
        let other = format!("sha512:{ABC}");
        let traversal = format!("sha256:../{}", &ABC[3..]);
        let wide = format!("sha256:{}é", &ABC[2..]);
        for text in ["", "sha256:", ABC, "latest", &upper, &long, &short, &other, &traversal, &wide]
        {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_shows_a_part_of_a_long_text_only() {
        let error = Digest::parse(&"x".repeat(1 << 20)).unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
