//! Metadata as an ordered list of keys and values, with typed questions.

use std::ops::Range;

use crate::decode::Payload;
use crate::directory::Directory;
use crate::error::printable;
use crate::{Error, FromMetadata, Value, ValueType};

/// Where one metadata entry stands in the file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: Range<usize>,
    pub(crate) ty: ValueType,
    /// The value, from behind its type number to the next entry.
    pub(crate) value: Range<usize>,
}

/// The metadata of a file, in the file's order: a view that is cheap to copy.
///
/// Absence is not failure: `get*` answer `Ok(None)` for a key that is not there and an error for
/// one that is there with another type; `require*` turn absence into an error, too.
///
/// ```
/// use camelid_gguf::{Gguf, GgufWriter};
///
/// let bytes = GgufWriter::new()
///     .metadata("general.architecture", "llama")
///     .metadata("llama.block_count", 2_u32)
///     .to_bytes()?;
/// let gguf = Gguf::parse(&bytes[..])?;
/// let metadata = gguf.metadata();
/// assert_eq!(metadata.require::<u32>("llama.block_count")?, 2);
/// assert_eq!(metadata.get_as::<f32>("llama.rope.freq_base")?, None);
/// assert_eq!(
///     metadata.get_as::<u64>("llama.block_count").unwrap_err().to_string(),
///     "metadata key `llama.block_count` is u32, expected u64",
/// );
/// assert_eq!(metadata.require_usize("llama.block_count")?, 2);
/// # Ok::<(), camelid_gguf::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    bytes: &'a [u8],
    directory: &'a Directory,
}

impl<'a> Metadata<'a> {
    pub(crate) fn new(bytes: &'a [u8], directory: &'a Directory) -> Self {
        Self { bytes, directory }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.directory.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys and values in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let this = *self;
        this.directory.entries.iter().map(move |entry| {
            let payload = this.payload(entry);
            (payload.key, payload.entry_value(entry.ty))
        })
    }

    /// The value of a key, of whatever type.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let entry = self.directory.entry(self.bytes, key)?;
        Some(self.payload(entry).entry_value(entry.ty))
    }

    /// The value of a key that may be missing, as exactly the type asked for.
    ///
    /// # Errors
    /// [`Error::WrongType`], naming the key and both types.
    pub fn get_as<T: FromMetadata<'a>>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(entry) = self.directory.entry(self.bytes, key) else { return Ok(None) };
        if entry.ty != T::TYPE {
            return Err(Error::WrongType {
                what: format!("metadata key `{}`", printable(key)),
                found: entry.ty,
                expected: T::TYPE,
            });
        }
        Ok(Some(T::of_entry(self.payload(entry))))
    }

    /// The value of a key that must be there, as exactly the type asked for.
    ///
    /// # Errors
    /// [`Error::MissingKey`]; [`Error::WrongType`], naming the key and both types.
    pub fn require<T: FromMetadata<'a>>(&self, key: &str) -> Result<T, Error> {
        self.get_as(key)?.ok_or_else(|| missing(key))
    }

    /// A count or size that may be missing, stored as an integer of any width.
    ///
    /// Files in the wild differ: one writer stores a context length as `u32`, another as `u64`.
    ///
    /// # Errors
    /// [`Error::NotAnInteger`]; [`Error::OutOfRange`] when it is negative or too large.
    pub fn get_usize(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value
            .as_integer()
            .ok_or_else(|| Error::NotAnInteger { key: printable(key), found: value.ty() })?;
        let in_range = usize::try_from(number).map_err(|_| Error::OutOfRange {
            key: printable(key),
            found: number,
            max: usize::MAX as u64,
        })?;
        Ok(Some(in_range))
    }

    /// A count or size that must be there, stored as an integer of any width.
    ///
    /// # Errors
    /// [`Error::MissingKey`], and those of [`get_usize`](Self::get_usize).
    pub fn require_usize(&self, key: &str) -> Result<usize, Error> {
        self.get_usize(key)?.ok_or_else(|| missing(key))
    }

    /// The name of the model's architecture, without which a file is no model.
    ///
    /// # Errors
    /// [`Error::MissingKey`] or [`Error::WrongType`] for `general.architecture`.
    pub fn require_architecture(&self) -> Result<&'a str, Error> {
        self.require("general.architecture")
    }

    /// The bytes of an entry's value, ready for decoding.
    fn payload(&self, entry: &Entry) -> Payload<'a> {
        Payload {
            bytes: &self.bytes[entry.value.clone()],
            encoding: self.directory.encoding,
            key: self.directory.key(self.bytes, entry),
        }
    }
}

fn missing(key: &str) -> Error {
    Error::MissingKey { key: printable(key) }
}
