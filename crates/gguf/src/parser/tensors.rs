//! Tensor entries: name, dimensions, type, offset.

use crate::error::printable;
use crate::parser::cursor::{Cursor, Place};
use crate::source::Source;
use crate::tensor::RawTensor;
use crate::{Error, TensorInfo, TensorProblem, limits};

/// Reads all entries and checks each by itself; where the data lies comes later.
pub(crate) fn entries<S: Source>(
    cursor: &mut Cursor<'_, S>,
    n_tensors: u64,
) -> Result<Vec<TensorInfo>, Error> {
    // Grown as entries come, not by the count: that is only a claim.
    let mut tensors = Vec::new();
    for number in 0..n_tensors {
        cursor.enter(Place::TensorEntry(number));
        tensors.push(entry(cursor)?);
    }
    cursor.enter(Place::Header);
    Ok(tensors)
}

fn entry<S: Source>(cursor: &mut Cursor<'_, S>) -> Result<TensorInfo, Error> {
    let entry_at = cursor.position() as u64;
    let name = cursor.skip_name("name", limits::MAX_TENSOR_NAME_BYTES)?;
    cursor.enter(Place::Tensor(name.clone()));
    let n_dims = cursor.u32("number of dimensions")?;
    let mut dims = [0; limits::MAX_DIMS];
    let Some(dims) = usize::try_from(n_dims).ok().and_then(|n_dims| dims.get_mut(..n_dims)) else {
        return Err(Error::Tensor {
            name: printable(cursor.text(name)),
            offset: entry_at,
            problem: TensorProblem::DimCount { found: n_dims.into() },
        });
    };
    for dim in &mut *dims {
        *dim = cursor.length("dimension")?;
    }
    let type_number = cursor.u32("type")?;
    let offset = cursor.u64("data offset")?;
    TensorInfo::check(&RawTensor { name: cursor.text(name), dims, type_number, offset, entry_at })
}
