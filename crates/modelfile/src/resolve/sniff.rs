//! What a file holds, by its first bytes, as far as model folders need it.
//!
//! ```text
//! PK 03 04                           a zip archive (PyTorch checkpoints)
//! <   after white space              a web page saved instead of a file
//! a control character no text has    binary
//! otherwise, and if empty            text
//! ```
//!
//! The control characters are those of the WHATWG's MIME sniffing standard: 00-08, 0B, 0E-1A and
//! 1C-1F.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How many bytes are looked at.
const N_SNIFFED: u64 = 512;

/// What a file starts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Plain text.
    Text,
    /// A zip archive.
    Zip,
    /// A web page or XML.
    Markup,
    /// Anything else.
    Binary,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Content::Text => "text",
            Content::Zip => "a zip archive",
            Content::Markup => "a web page",
            Content::Binary => "binary data",
        })
    }
}

impl Content {
    /// Judges the first bytes of a file.
    pub fn of(start: &[u8]) -> Content {
        let is_binary = |b: &u8| matches!(b, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
        if start.starts_with(b"PK\x03\x04") {
            Content::Zip
        } else if start.iter().any(is_binary) {
            Content::Binary
        } else if start.trim_ascii_start().starts_with(b"<") {
            Content::Markup
        } else {
            Content::Text
        }
    }

    /// Judges a file, which must be a regular one: opening a pipe would wait for its writer.
    pub(super) fn of_file(path: &Path) -> io::Result<Content> {
        let mut start = Vec::new();
        File::open(path)?.take(N_SNIFFED).read_to_end(&mut start)?;
        Ok(Content::of(&start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        assert_eq!(Content::of(b""), Content::Text);
        assert_eq!(Content::of(b"{\"a\": 1}\r\n\t"), Content::Text);
        assert_eq!(Content::of(b"version https://git-lfs.github.com/spec/v1\n"), Content::Text);
        assert_eq!(Content::of(b"GGUF\x03\0\0\0"), Content::Binary);
        assert_eq!(Content::of(b"PK\x03\x04\0"), Content::Zip);
        assert_eq!(Content::of(b"\n <!DOCTYPE html>"), Content::Markup);
    }
}
