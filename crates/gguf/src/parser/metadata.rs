//! Metadata entries: keys, and values of all types.

use std::ops::Range;

use crate::encoding::Encoding;
use crate::metadata::Entry;
use crate::name_index::NameIndex;
use crate::parser::cursor::{Cursor, Place};
use crate::source::Source;
use crate::{Error, ValueType, limits};

/// The key that says what tensor data offsets are multiples of.
pub(crate) const ALIGNMENT_KEY: &str = "general.alignment";

/// Passes over all entries.
pub(crate) fn entries<S: Source>(
    cursor: &mut Cursor<'_, S>,
    n_entries: u64,
) -> Result<Vec<Entry>, Error> {
    // Grown as entries come, not by the count: that is only a claim.
    let mut entries = Vec::new();
    for number in 0..n_entries {
        cursor.enter(Place::Entry(number));
        let key = cursor.skip_name("key", limits::MAX_KEY_BYTES)?;
        let key = if number == 0 { detect_terminator(cursor, key)? } else { key };
        cursor.enter(Place::Value(key.clone()));
        let ty = value_type(cursor, "type")?;
        let start = cursor.position();
        skip_value(cursor, ty)?;
        entries.push(Entry { key, ty, value: start..cursor.position() });
    }
    cursor.enter(Place::Header);
    Ok(entries)
}

/// Some writers of version 1 ended strings in NUL; the first key tells.
fn detect_terminator<S: Source>(
    cursor: &mut Cursor<'_, S>,
    key: Range<usize>,
) -> Result<Range<usize>, Error> {
    let is_terminated = cursor.encoding().version == 1 && cursor.bytes(key.clone()).ends_with(&[0]);
    if !is_terminated {
        return Ok(key);
    }
    cursor.expect_nul_terminators();
    let key = key.start..key.end - 1;
    if key.is_empty() {
        return Err(Error::EmptyName { what: cursor.name("key"), offset: key.start as u64 });
    }
    Ok(key)
}

fn value_type<S: Source>(cursor: &mut Cursor<'_, S>, what: &str) -> Result<ValueType, Error> {
    let offset = cursor.position() as u64;
    let found = cursor.u32(what)?;
    ValueType::from_number(found).ok_or_else(|| Error::UnknownValueType {
        what: cursor.name(what),
        offset,
        found,
    })
}

fn skip_value<S: Source>(cursor: &mut Cursor<'_, S>, ty: ValueType) -> Result<(), Error> {
    match ty {
        ValueType::Array => skip_array(cursor),
        _ => skip_elements(cursor, ty, 1),
    }
}

/// Passes over an array and all arrays within it.
fn skip_array<S: Source>(cursor: &mut Cursor<'_, S>) -> Result<(), Error> {
    // For each array of arrays we are in, outermost first: how many are still to come.
    let mut pending = [0_u64; limits::MAX_ARRAY_DEPTH];
    let mut depth = 0;
    loop {
        let offset = cursor.position() as u64;
        let ty = value_type(cursor, "element type")?;
        let len = cursor.count("array length", limits::MAX_ARRAY_LEN)?;
        cursor.expect_room("array", len, min_bytes(cursor.encoding(), ty))?;
        if ty == ValueType::Array {
            let max = limits::MAX_ARRAY_DEPTH;
            if depth + 1 >= max {
                return Err(Error::NestedTooDeep { what: cursor.name("value"), offset, max });
            }
            pending[depth] = len;
            depth += 1;
        } else {
            skip_elements(cursor, ty, len)?;
        }
        while depth > 0 && pending[depth - 1] == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return Ok(());
        }
        pending[depth - 1] -= 1;
    }
}

/// The fewest bytes a value of this type can take.
fn min_bytes(encoding: Encoding, ty: ValueType) -> usize {
    let length_bytes = encoding.length_bytes();
    ty.fixed_bytes().unwrap_or(match ty {
        ValueType::Array => 4 + length_bytes,
        _ => length_bytes,
    })
}

/// Passes over `n` values that are not arrays.
fn skip_elements<S: Source>(
    cursor: &mut Cursor<'_, S>,
    ty: ValueType,
    n: u64,
) -> Result<(), Error> {
    let Some(size) = ty.fixed_bytes() else { return cursor.skip_texts("string", n) };
    // Cannot overflow: `n` is at most `MAX_ARRAY_LEN` and sizes are at most 8.
    let values = cursor.skip(n * size as u64, "value")?;
    if ty != ValueType::Bool {
        return Ok(());
    }
    let wrong = cursor.bytes(values.clone()).iter().position(|&byte| byte > 1);
    wrong.map_or(Ok(()), |at| {
        Err(Error::InvalidBool {
            what: cursor.name("value"),
            offset: (values.start + at) as u64,
            found: cursor.bytes(values)[at],
        })
    })
}

/// Indexes entries by key.
pub(crate) fn index<S: Source>(
    cursor: &Cursor<'_, S>,
    entries: &[Entry],
) -> Result<NameIndex, Error> {
    let key_of = |item: usize| cursor.bytes(entries[item].key.clone());
    NameIndex::new(entries.len(), key_of).map_err(|item| {
        let key = entries[item].key.clone();
        Error::DuplicateKey {
            offset: key.start as u64,
            key: crate::error::printable(cursor.text(key)),
        }
    })
}

/// Refuses an alignment that is not a power of two within limits.
pub(crate) fn check_alignment(found: u32) -> Result<u32, Error> {
    let is_allowed =
        found.is_power_of_two() && (limits::MIN_ALIGNMENT..=limits::MAX_ALIGNMENT).contains(&found);
    if is_allowed { Ok(found) } else { Err(Error::InvalidAlignment { found }) }
}

/// The alignment of tensor data.
pub(crate) fn alignment<S: Source>(
    cursor: &Cursor<'_, S>,
    entries: &[Entry],
    keys: &NameIndex,
) -> Result<u32, Error> {
    let key_of = |item: usize| cursor.bytes(entries[item].key.clone());
    let Some(item) = keys.find(ALIGNMENT_KEY.as_bytes(), key_of) else {
        return Ok(limits::DEFAULT_ALIGNMENT);
    };
    let entry = &entries[item];
    if entry.ty != ValueType::U32 {
        return Err(Error::WrongType {
            what: format!("metadata key `{ALIGNMENT_KEY}`"),
            found: entry.ty,
            expected: ValueType::U32,
        });
    }
    let stored = cursor.bytes(entry.value.clone());
    let found = cursor
        .encoding()
        .u32(stored.try_into().expect("because the value was passed over as four bytes"));
    check_alignment(found)
}
