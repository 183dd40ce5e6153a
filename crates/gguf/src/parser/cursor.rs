//! Reads numbers, lengths and text one after another, never past the end.

use std::ops::Range;

use super::short_texts::ShortTexts;
use crate::encoding::Encoding;
use crate::error::printable;
use crate::source::Source;
use crate::{Error, limits};

/// What the cursor stands in; named by errors.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Header,
    /// A metadata entry whose key is not known yet, by its number from 0.
    Entry(u64),
    /// The value of the metadata entry with this key.
    Value(Range<usize>),
    /// A tensor's entry whose name is not known yet, by its number from 0.
    TensorEntry(u64),
    /// The entry of the tensor with this name.
    Tensor(Range<usize>),
}

/// A position in a source, and what stands around it.
#[derive(Debug)]
pub(crate) struct Cursor<'s, S> {
    source: &'s mut S,
    position: usize,
    encoding: Encoding,
    place: Place,
}

impl<'s, S: Source> Cursor<'s, S> {
    /// Checks magic and version, which tell how to read the rest.
    pub(crate) fn open(source: &'s mut S) -> Result<Self, Error> {
        const MAGIC: [u8; 4] = *b"GGUF";
        // Any encoding will do for reading plain bytes.
        let encoding =
            Encoding { version: 3, endianness: Default::default(), nul_terminated: false };
        let mut cursor = Self { source, position: 0, encoding, place: Place::Header };
        let found = cursor.array("magic")?;
        if found != MAGIC {
            return Err(Error::NotGguf { found });
        }
        let version = cursor.array("version")?;
        cursor.encoding =
            Encoding::detect(version).map_err(|found| Error::UnsupportedVersion { found })?;
        Ok(cursor)
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Says what is read from here on.
    pub(crate) fn enter(&mut self, place: Place) {
        self.place = place;
    }

    /// From here on strings end in a NUL, which their length counts.
    pub(crate) fn expect_nul_terminators(&mut self) {
        self.encoding.nul_terminated = true;
    }

    /// Bytes already passed.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.source.bytes()[range]
    }

    /// Text already passed and checked.
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        str::from_utf8(self.bytes(range)).expect("because `skip_text` checked it")
    }

    /// Passes `n` bytes and tells where they are.
    #[inline]
    pub(crate) fn skip(&mut self, n: u64, what: &str) -> Result<Range<usize>, Error> {
        let start = self.position;
        let end = usize::try_from(n).ok().and_then(|n| start.checked_add(n));
        match end {
            Some(end) if self.source.reach(end)? => {
                self.position = end;
                Ok(start..end)
            }
            _ => Err(self.truncated(what, n)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Error> {
        let range = self.skip(N as u64, what)?;
        Ok(self.bytes(range).try_into().expect("because `skip` passes as many bytes as asked"))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Error> {
        Ok(self.encoding.u32(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, Error> {
        Ok(self.encoding.u64(self.array(what)?))
    }

    /// Reads a length, a count or a dimension, as wide as the version has them.
    #[inline]
    pub(crate) fn length(&mut self, what: &str) -> Result<u64, Error> {
        match self.encoding.length_bytes() {
            4 => self.u32(what).map(u64::from),
            _ => self.u64(what),
        }
    }

    /// Reads a length or a count and compares it with its cap.
    #[inline]
    pub(crate) fn count(&mut self, what: &str, max: u64) -> Result<u64, Error> {
        let at = self.position;
        let found = self.length(what)?;
        if found > max { Err(self.too_large(what, at, found, max)) } else { Ok(found) }
    }

    /// Refuses a count of things that cannot fit in what is left of the file.
    pub(crate) fn expect_room(&self, what: &str, n: u64, min_bytes: usize) -> Result<(), Error> {
        let Some(file_len) = self.source.file_len() else { return Ok(()) };
        let available = (file_len - self.position) as u64;
        match n.checked_mul(min_bytes as u64) {
            Some(needed) if needed <= available => Ok(()),
            needed => Err(self.truncated(what, needed.unwrap_or(u64::MAX))),
        }
    }

    /// Passes a string of at most `max` bytes, checks that it is text, and tells where the text
    /// is.
    pub(crate) fn skip_text(&mut self, what: &str, max: u64) -> Result<Range<usize>, Error> {
        let at = self.position;
        let n_bytes = self.length(what)?;
        if n_bytes > max {
            return Err(self.too_large(&format!("length of {what}"), at, n_bytes, max));
        }
        let stored = self.skip(n_bytes, what)?;
        let text = self.encoding.text_of(self.bytes(stored.clone()));
        match text.map(str::from_utf8) {
            Some(Ok(text)) => Ok(stored.start..stored.start + text.len()),
            _ => Err(self.invalid_text(what, stored.start)),
        }
    }

    /// Passes `n` strings and checks that they are text.
    pub(crate) fn skip_texts(&mut self, what: &str, n: u64) -> Result<(), Error> {
        /// Strings tried at once; few enough to stay in the first cache level.
        const GROUP: u64 = 512;
        let mut left = n;
        while left > 0 {
            let rest = &self.source.bytes()[self.position..];
            let passed = ShortTexts::at_start_of(rest, self.encoding, left.min(GROUP));
            self.position += passed.n_bytes;
            left -= passed.n_texts;
            // Something stopped the short way; this finds out whether it is an error.
            if passed.n_texts == 0 {
                self.skip_text(what, limits::MAX_STRING_BYTES)?;
                left -= 1;
            }
        }
        Ok(())
    }

    /// Like [`skip_text`](Self::skip_text), for a key or name, which cannot be empty.
    pub(crate) fn skip_name(&mut self, what: &str, max: u64) -> Result<Range<usize>, Error> {
        let at = self.position;
        let name = self.skip_text(what, max)?;
        if name.is_empty() {
            return Err(Error::EmptyName { what: self.name(what), offset: at as u64 });
        }
        Ok(name)
    }

    /// What `what` belongs to, in words.
    pub(crate) fn name(&self, what: &str) -> String {
        match &self.place {
            Place::Header => what.to_owned(),
            Place::Entry(number) => format!("{what} of metadata entry {number}"),
            Place::Value(key) => {
                format!("{what} of metadata key `{}`", printable(self.text(key.clone())))
            }
            Place::TensorEntry(number) => format!("{what} of tensor entry {number}"),
            Place::Tensor(name) => {
                format!("{what} of tensor `{}`", printable(self.text(name.clone())))
            }
        }
    }

    #[cold]
    fn truncated(&self, what: &str, needed: u64) -> Error {
        let available = self.source.bytes().len() - self.position;
        Error::Truncated {
            what: self.name(what),
            offset: self.position as u64,
            needed,
            available: available as u64,
        }
    }

    #[cold]
    fn too_large(&self, what: &str, at: usize, found: u64, max: u64) -> Error {
        Error::TooLarge { what: self.name(what), offset: at as u64, found, max }
    }

    #[cold]
    pub(crate) fn invalid_text(&self, what: &str, at: usize) -> Error {
        Error::InvalidText { what: self.name(what), offset: at as u64 }
    }
}
