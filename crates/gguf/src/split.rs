//! Files split into parts, as llama.cpp's `gguf-split` makes them.
//!
//! Every part is a GGUF file with tensors of its own. The first has the model's metadata; each
//! has `split.no` (its number, from 0), `split.count` and `split.tensors.count` (tensors in all
//! parts together). Parts are named `model-00001-of-00003.gguf`, counted from 1. What the
//! metadata says is believed; names only serve to find the other parts.

use std::path::{Path, PathBuf};

use crate::directory::index_tensors;
use crate::{Backing, Error, Gguf, GgufFile, SplitProblem};

const NO: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS_COUNT: &str = "split.tensors.count";

/// How the bytes of one part are come by.
type Load = fn(&Path) -> Result<Backing, Error>;

/// Opens a file, and the parts that belong to it if it is the first of several.
pub(crate) fn open(path: &Path, load: Load) -> Result<GgufFile, Error> {
    let first = Gguf::parse(load(path)?)?;
    let count = n_parts(&first)?;
    if count == 1 {
        return Ok(first);
    }
    let number = first.metadata().require_usize(NO)?.saturating_add(1);
    if number != 1 {
        return Err(Error::Split(SplitProblem::NotFirst { number, count }));
    }
    let others = part_names(path, count)?;
    let mut parts = vec![first];
    for (number, path) in (2..).zip(others) {
        parts.push(load(&path).and_then(Gguf::parse).map_err(in_part(number))?);
    }
    join(parts)
}

/// Opens parts wherever they are.
pub(crate) fn open_parts(paths: &[impl AsRef<Path>], load: Load) -> Result<GgufFile, Error> {
    let parts = (1..)
        .zip(paths)
        .map(|(number, path)| load(path.as_ref()).and_then(Gguf::parse).map_err(in_part(number)))
        .collect::<Result<Vec<_>, _>>()?;
    join(parts)
}

fn in_part(number: usize) -> impl FnOnce(Error) -> Error {
    move |source| Error::Part { number, source: Box::new(source) }
}

/// Number of parts by a part's own metadata; a file without that key is whole.
fn n_parts(part: &GgufFile) -> Result<usize, Error> {
    Ok(part.metadata().get_usize(COUNT)?.unwrap_or(1).max(1))
}

/// Paths of the second to last part, by the name of the first.
fn part_names(first: &Path, count: usize) -> Result<Vec<PathBuf>, Error> {
    let name = first.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let ending = |number: usize| format!("-{number:05}-of-{count:05}.gguf");
    let Some(prefix) = name.strip_suffix(&ending(1)) else {
        let found = crate::error::printable(&name);
        return Err(Error::Split(SplitProblem::FileName { found, count }));
    };
    Ok((2..=count)
        .map(|number| first.with_file_name(format!("{prefix}{}", ending(number))))
        .collect())
}

/// Makes one file of all parts.
fn join(parts: Vec<GgufFile>) -> Result<GgufFile, Error> {
    let found = parts.len();
    let Some(first) = parts.first() else {
        return Err(Error::Split(SplitProblem::PartCount { found, expected: 1 }));
    };
    let expected = n_parts(first)?;
    if found != expected {
        return Err(Error::Split(SplitProblem::PartCount { found, expected }));
    }
    if found > 1 {
        check_parts(&parts)?;
    }
    merge(parts)
}

/// Checks that the parts are those of one file, in order and complete.
fn check_parts(parts: &[GgufFile]) -> Result<(), Error> {
    let expected = parts[0].metadata().require_usize(TENSORS_COUNT)?;
    for (part, number) in parts.iter().zip(1..) {
        let wanted = [(NO, number - 1), (COUNT, parts.len()), (TENSORS_COUNT, expected)];
        check_part(part, number, wanted)?;
        if part.endianness() != parts[0].endianness() {
            return Err(Error::Split(SplitProblem::ByteOrder { number }));
        }
    }
    let found = parts.iter().map(|part| part.tensors().len()).sum();
    if found != expected {
        return Err(Error::Split(SplitProblem::TensorCount { found, expected }));
    }
    Ok(())
}

fn check_part(
    part: &GgufFile,
    number: usize,
    wanted: [(&'static str, usize); 3],
) -> Result<(), Error> {
    for (key, expected) in wanted {
        let found = part.metadata().require_usize(key).map_err(in_part(number))?;
        if found != expected {
            return Err(Error::Split(SplitProblem::Mismatch { number, key, found, expected }));
        }
    }
    Ok(())
}

/// Lists the tensors of all parts in the first part's directory.
fn merge(parts: Vec<GgufFile>) -> Result<GgufFile, Error> {
    let mut backings = Vec::with_capacity(parts.len());
    let mut merged = None;
    for (part, gguf) in parts.into_iter().enumerate() {
        let (bytes, mut directory) = gguf.into_parts();
        backings.extend(bytes);
        directory.tensors.iter_mut().for_each(|tensor| tensor.set_part(part));
        match &mut merged {
            None => merged = Some(directory),
            Some(merged) => merged.tensors.append(&mut directory.tensors),
        }
    }
    let mut directory = merged.expect("because `join` refuses an empty list");
    directory.tensor_names = index_tensors(&directory.tensors)?;
    Ok(Gguf::from_parts(backings, directory))
}
