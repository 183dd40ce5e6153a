//! Why a file was refused, a value could not be had, or a file could not be written.
//!
//! Every error says what was being read, where (a byte offset counted from the start of the
//! file, a metadata key or a tensor name), what was found and what is allowed. Names that come
//! from a file are escaped and cut before they enter a message. No message holds a path: the
//! caller knows which file it asked for, and a server must not tell its clients.

use std::io;

use crate::{TensorType, ValueType};

/// Why a GGUF file could not be read, asked or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system failed to open, lock, map, read or write the file.
    #[error("cannot {action}")]
    Io {
        /// What was tried, as in "cannot ...".
        action: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The path leads to something other than a file: a folder, a pipe, a device.
    #[error("not a regular file")]
    NotRegularFile,
    /// The file does not begin with `GGUF`.
    #[error("not a GGUF file: begins with {found:02x?}, expected the letters `GGUF`")]
    NotGguf {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The version is none of those that exist, in either byte order.
    #[error("GGUF version {found} at byte 4 is unknown, versions 1 to 3 can be read")]
    UnsupportedVersion {
        /// The version, as a little-endian number.
        found: u32,
    },
    /// The file ends before something its header promises.
    #[error("{what} at byte {offset}: needs {needed} bytes, {available} left in the file")]
    Truncated {
        /// What was to be read, and of which key or tensor.
        what: String,
        /// Where it begins.
        offset: u64,
        /// Bytes it needs at the least.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// A length or a count is larger than anything sensible; see [`limits`](crate::limits).
    #[error("{what} at byte {offset} is {found}, at most {max} allowed")]
    TooLarge {
        /// Which length or count, and of which key or tensor.
        what: String,
        /// Where it is stored; for a limit of the writer's, 0.
        offset: u64,
        /// Its value.
        found: u64,
        /// The cap.
        max: u64,
    },
    /// A metadata key or tensor name has no characters.
    #[error("{what} at byte {offset} is empty")]
    EmptyName {
        /// Whose name.
        what: String,
        /// Where it is stored.
        offset: u64,
    },
    /// Text that is not UTF-8, or lacks the terminator that all other text of the file has.
    #[error("{what} at byte {offset} is not valid text (UTF-8)")]
    InvalidText {
        /// Which text, and of which key or tensor.
        what: String,
        /// Where the text begins.
        offset: u64,
    },
    /// A boolean is stored as something other than 0 or 1.
    #[error("{what} at byte {offset} is {found}, a boolean is 0 or 1")]
    InvalidBool {
        /// Which value.
        what: String,
        /// Where it is stored.
        offset: u64,
        /// The byte found.
        found: u8,
    },
    /// A metadata value claims a type that does not exist.
    #[error("{what} at byte {offset} is {found}, types 0 to 12 exist")]
    UnknownValueType {
        /// Which type, and of which key.
        what: String,
        /// Where it is stored.
        offset: u64,
        /// The number found.
        found: u32,
    },
    /// Arrays within arrays, too many levels deep.
    #[error("{what} at byte {offset} nests arrays deeper than {max} levels")]
    NestedTooDeep {
        /// Which value.
        what: String,
        /// Where the offending array begins.
        offset: u64,
        /// Deepest nesting allowed.
        max: usize,
    },
    /// Two metadata entries have the same key.
    #[error("metadata key `{key}` occurs twice, again at byte {offset}")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where the second one is.
        offset: u64,
    },
    /// `general.alignment` is not a power of two within limits.
    #[error(
        "metadata key `general.alignment` is {found}, \
         must be a power of two from {} to {}",
        crate::limits::MIN_ALIGNMENT,
        crate::limits::MAX_ALIGNMENT
    )]
    InvalidAlignment {
        /// The value found.
        found: u32,
    },
    /// A tensor cannot be what its entry says.
    #[error("tensor `{name}` (entry at byte {offset}): {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// Where its entry begins; for a tensor that is being written, where it would.
        offset: u64,
        /// What is wrong.
        problem: TensorProblem,
    },
    /// A key that must be there is not.
    #[error("metadata key `{key}` is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A tensor that must be there is not.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// The tensor's name.
        name: String,
    },
    /// A metadata value, or the elements of an array, have another type than was asked for.
    #[error("{what} is {found}, expected {expected}")]
    WrongType {
        /// The key, or the elements of its array.
        what: String,
        /// The type in the file.
        found: ValueType,
        /// The type asked for.
        expected: ValueType,
    },
    /// A metadata value is not an integer of any width.
    #[error("metadata key `{key}` is {found}, expected an integer")]
    NotAnInteger {
        /// The key.
        key: String,
        /// The type in the file.
        found: ValueType,
    },
    /// An integer does not fit what it is wanted for.
    #[error("metadata key `{key}` is {found}, must be from 0 to {max}")]
    OutOfRange {
        /// The key.
        key: String,
        /// The value in the file.
        found: i128,
        /// The largest that fits.
        max: u64,
    },
    /// Something about a split file's parts.
    #[error("split file: {0}")]
    Split(SplitProblem),
    /// One part of a split file was refused.
    #[error("part {number} of the split file")]
    Part {
        /// Which part, counted from 1.
        number: usize,
        /// Why.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// For `map_err`: the system's error together with what was tried.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

/// What is wrong with a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// The number of dimensions is out of range.
    #[error("has {found} dimensions, from 1 to {} allowed", crate::limits::MAX_DIMS)]
    DimCount {
        /// The number found.
        found: u64,
    },
    /// A dimension is zero.
    #[error("dimension {dim} is zero")]
    ZeroDim {
        /// Which one, innermost (0) first.
        dim: usize,
    },
    /// The number of elements or bytes cannot be counted in 63 bits (31 on small machines).
    #[error("dimensions {dims:?} make more elements than can be counted")]
    TooManyElements {
        /// The dimensions, innermost first.
        dims: Vec<u64>,
    },
    /// The type's number was never given to any format.
    #[error("type {found} is unknown")]
    UnknownType {
        /// The number found.
        found: u32,
    },
    /// The type once existed and was withdrawn.
    #[error("type {found} ({name}) is no longer supported: {advice}")]
    RemovedType {
        /// The number found.
        found: u32,
        /// What it was called.
        name: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Rows cannot be cut into whole blocks.
    #[error("rows of {row_len} elements are not whole blocks of {ty}, which hold {}", ty.block_len())]
    PartialBlock {
        /// Elements in a row.
        row_len: usize,
        /// The tensor's type.
        ty: TensorType,
    },
    /// The data does not begin at a multiple of the alignment.
    #[error("data offset {offset} is not a multiple of the alignment {alignment}")]
    Misaligned {
        /// Where the data begins, from the start of the data section.
        offset: u64,
        /// The file's alignment.
        alignment: u32,
    },
    /// The data would end after the file does.
    #[error("data of {n_bytes} bytes at byte {start} ends after the file, which has {file_len}")]
    PastEnd {
        /// Where the data begins in the file; the largest `u64` where that cannot be counted.
        start: u64,
        /// Bytes of data.
        n_bytes: u64,
        /// Bytes in the file.
        file_len: u64,
    },
    /// The data shares bytes with another tensor's.
    #[error("data overlaps that of tensor `{other}`")]
    Overlap {
        /// The other tensor.
        other: String,
    },
    /// Another tensor has the same name.
    #[error("the name occurs twice")]
    DuplicateName,
    /// The writer was given another number of bytes than shape and type make.
    #[error("{found} bytes of data were given, shape and type make {expected}")]
    DataLength {
        /// Bytes given.
        found: u64,
        /// Bytes wanted.
        expected: u64,
    },
}

/// What is wrong with the parts of a split file, taken together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitProblem {
    /// A part was opened by itself that is not the first.
    #[error("this is part {number} of {count}, open part 1")]
    NotFirst {
        /// Which part it is, counted from 1.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The first part's name does not lead to the others.
    #[error("file name `{found}` does not end in `-00001-of-{count:05}.gguf`")]
    FileName {
        /// The file's name without its folder.
        found: String,
        /// Number of parts by the metadata.
        count: usize,
    },
    /// More or fewer parts were given than the metadata says there are.
    #[error("{found} parts given, `split.count` is {expected}")]
    PartCount {
        /// Parts given.
        found: usize,
        /// Parts there should be.
        expected: usize,
    },
    /// A part belongs elsewhere, or to another file.
    #[error("part {number} has `{key}` {found}, expected {expected}")]
    Mismatch {
        /// Which part, counted from 1.
        number: usize,
        /// The metadata key that differs.
        key: &'static str,
        /// Its value there.
        found: usize,
        /// The value that would fit.
        expected: usize,
    },
    /// A part is written in another byte order than the first.
    #[error("part {number} has another byte order than part 1")]
    ByteOrder {
        /// Which part, counted from 1.
        number: usize,
    },
    /// The parts do not hold as many tensors as the metadata says.
    #[error("the parts hold {found} tensors, `split.tensors.count` is {expected}")]
    TensorCount {
        /// Tensors in all parts together.
        found: usize,
        /// Tensors there should be.
        expected: usize,
    },
}

/// A name from a file made fit for a message: control characters escaped, length bounded.
pub(crate) fn printable(name: &str) -> String {
    const MAX_CHARS: usize = 80;
    let mut shown: String = name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_messages_are_escaped_and_cut() {
        assert_eq!(printable("blk.0.attn_q"), "blk.0.attn_q");
        assert_eq!(printable("a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
        let long = printable(&"x".repeat(60_000));
        assert_eq!(long, format!("{}...", "x".repeat(80)));
    }

    #[test]
    fn messages_name_what_where_found_and_allowed() {
        let alignment = Error::InvalidAlignment { found: 3 };
        assert_eq!(
            alignment.to_string(),
            "metadata key `general.alignment` is 3, must be a power of two from 8 to 1048576"
        );
        let problem = TensorProblem::PartialBlock { row_len: 33, ty: TensorType::Q4_K };
        let tensor = Error::Tensor { name: "x".into(), offset: 24, problem };
        assert_eq!(
            tensor.to_string(),
            "tensor `x` (entry at byte 24): \
             rows of 33 elements are not whole blocks of Q4_K, which hold 256"
        );
    }
}
