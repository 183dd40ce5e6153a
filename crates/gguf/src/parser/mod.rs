//! Walks over a header once, checks every byte of it, and notes where things are.
//!
//! Nothing is decoded into memory of its own except tensor entries; values stay in the file.
//! Each length is read as `u64`, compared with its cap and with the bytes left, and only then
//! used. Arrays within arrays are walked with a small stack, not by recursion.

mod cursor;
mod metadata;
mod short_texts;
mod tensors;

pub(crate) use metadata::{ALIGNMENT_KEY, check_alignment};

use cursor::Cursor;

use crate::directory::{Directory, index_tensors};
use crate::source::Source;
use crate::tensor::{DataSection, lay_out};
use crate::{Error, limits};

/// The smallest a tensor's entry can be beyond its lengths: number of dimensions, type, offset.
const MIN_TENSOR_BYTES: usize = 4 + 4 + 8;
/// The smallest a metadata entry can be beyond its key's length: type and a one-byte value.
const MIN_ENTRY_BYTES: usize = 4 + 1;

/// Parses a header. Tensor data is checked against the file's length where the source knows it.
pub(crate) fn parse<S: Source>(source: &mut S) -> Result<Directory, Error> {
    let file_len = source.file_len().map(|len| len as u64);
    let mut cursor = Cursor::open(source)?;
    let length_bytes = cursor.encoding().length_bytes();
    let n_tensors = cursor.count("number of tensors", limits::MAX_ENTRIES)?;
    let n_entries = cursor.count("number of metadata entries", limits::MAX_ENTRIES)?;
    cursor.expect_room("metadata entries", n_entries, length_bytes + MIN_ENTRY_BYTES)?;
    cursor.expect_room("tensor entries", n_tensors, length_bytes + MIN_TENSOR_BYTES)?;

    let entries = metadata::entries(&mut cursor, n_entries)?;
    let keys = metadata::index(&cursor, &entries)?;
    let alignment = metadata::alignment(&cursor, &entries, &keys)?;
    let mut tensors = tensors::entries(&mut cursor, n_tensors)?;
    let tensor_names = index_tensors(&tensors)?;

    let header_len = cursor.position();
    let data_start = (header_len as u64).next_multiple_of(u64::from(alignment));
    lay_out(&mut tensors, DataSection { start: data_start, alignment, file_len })?;
    Ok(Directory {
        encoding: cursor.encoding(),
        alignment,
        header_len,
        data_start,
        entries,
        keys,
        tensors,
        tensor_names,
    })
}
