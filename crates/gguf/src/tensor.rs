//! What the header says about each tensor, and the one place that proves where its bytes lie.
//!
//! [`lay_out`] is the only function that turns offsets and sizes into positions in the file. It
//! checks alignment, arithmetic, the end of the file and overlap; everything later slices by
//! the positions it stored and computes nothing again.

use crate::error::printable;
use crate::{Error, TensorProblem, TensorType, limits};

/// Name, shape, type and place of one tensor.
///
/// Only the parser makes these, so that the place can be trusted.
#[derive(Debug, Clone)]
pub struct TensorInfo {
    name: Box<str>,
    /// The first `n_dims` count, innermost first.
    dims: [usize; limits::MAX_DIMS],
    n_dims: usize,
    ty: TensorType,
    size: TensorSize,
    /// As the file has it: from the start of the data section.
    offset: u64,
    /// From the start of the file; set by `lay_out`.
    start: u64,
    /// Which part of a split file, from 0.
    part: usize,
    /// Where the tensor's entry stands in the header, for messages.
    entry_at: u64,
}

/// A tensor's entry as it stands in the file, before any of it is believed.
#[derive(Debug)]
pub(crate) struct RawTensor<'a> {
    pub(crate) name: &'a str,
    /// Innermost first.
    pub(crate) dims: &'a [u64],
    pub(crate) type_number: u32,
    pub(crate) offset: u64,
    pub(crate) entry_at: u64,
}

/// How much there is of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TensorSize {
    pub(crate) n_elems: usize,
    pub(crate) n_bytes: usize,
}

impl TensorInfo {
    /// The tensor's name, such as `blk.0.attn_q.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dimensions in the file's order: innermost first, so `dims()[0]` is a row's length.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.n_dims]
    }

    /// The dimensions turned round: outermost first, as shapes are written elsewhere.
    pub fn shape(&self) -> Vec<usize> {
        self.dims().iter().rev().copied().collect()
    }

    /// The number format.
    pub fn ty(&self) -> TensorType {
        self.ty
    }

    /// Number of elements.
    pub fn n_elems(&self) -> usize {
        self.size.n_elems
    }

    /// Bytes of data.
    pub fn n_bytes(&self) -> usize {
        self.size.n_bytes
    }

    /// Where the data begins, in bytes from the start of its part's data section.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the data begins, in bytes from the start of its part of the file.
    pub fn file_offset(&self) -> u64 {
        self.start
    }

    /// Which part of a split file holds the data, from 0; always 0 in a file that is whole.
    pub fn part(&self) -> usize {
        self.part
    }

    /// Where the data ends in the file. `lay_out` has proved the sum.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.size.n_bytes as u64
    }

    pub(crate) fn set_part(&mut self, part: usize) {
        self.part = part;
    }

    /// Believes an entry, or says why not. The place is still open.
    pub(crate) fn check(raw: &RawTensor<'_>) -> Result<Self, Error> {
        Self::check_parts(raw).map_err(|problem| Error::Tensor {
            name: printable(raw.name),
            offset: raw.entry_at,
            problem,
        })
    }

    fn check_parts(raw: &RawTensor<'_>) -> Result<Self, TensorProblem> {
        let ty = known_type(raw.type_number)?;
        let (dims, size) = measure(ty, raw.dims)?;
        Ok(Self {
            name: raw.name.into(),
            dims,
            n_dims: raw.dims.len(),
            ty,
            size,
            offset: raw.offset,
            start: 0,
            part: 0,
            entry_at: raw.entry_at,
        })
    }

    /// The error that this tensor has `problem`.
    pub(crate) fn error(&self, problem: TensorProblem) -> Error {
        Error::Tensor { name: printable(&self.name), offset: self.entry_at, problem }
    }
}

fn known_type(number: u32) -> Result<TensorType, TensorProblem> {
    TensorType::from_number(number).ok_or_else(|| match crate::tensor_type::removed(number) {
        Some((name, advice)) => TensorProblem::RemovedType { found: number, name, advice },
        None => TensorProblem::UnknownType { found: number },
    })
}

/// Counts a tensor's elements and bytes, with every product checked.
pub(crate) fn measure(
    ty: TensorType,
    raw_dims: &[u64],
) -> Result<([usize; limits::MAX_DIMS], TensorSize), TensorProblem> {
    let count = || TensorProblem::DimCount { found: raw_dims.len() as u64 };
    let too_many = || TensorProblem::TooManyElements { dims: raw_dims.to_vec() };

    let mut dims = [1; limits::MAX_DIMS];
    if raw_dims.is_empty() {
        return Err(count());
    }
    for (dim, &found) in raw_dims.iter().enumerate() {
        if found == 0 {
            return Err(TensorProblem::ZeroDim { dim });
        }
        *dims.get_mut(dim).ok_or_else(count)? = usize::try_from(found).map_err(|_| too_many())?;
    }
    let row_len = dims[0];
    if !row_len.is_multiple_of(ty.block_len()) {
        return Err(TensorProblem::PartialBlock { row_len, ty });
    }
    // Signed sizes are what pointers can be moved by, in Rust as in C.
    let counted = |product: Option<usize>| {
        product.filter(|&n| isize::try_from(n).is_ok()).ok_or_else(too_many)
    };
    let n_rows = dims[1..].iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
    let n_elems = counted(n_rows.and_then(|n_rows| n_rows.checked_mul(row_len)))?;
    let n_bytes = counted((n_elems / ty.block_len()).checked_mul(ty.block_bytes()))?;
    Ok((dims, TensorSize { n_elems, n_bytes }))
}

/// Where tensor data may lie in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataSection {
    /// First byte after header and padding.
    pub(crate) start: u64,
    pub(crate) alignment: u32,
    /// Length of the whole file, where it is known; a stream's is not.
    pub(crate) file_len: Option<u64>,
}

/// Gives every tensor its place in the file.
///
/// # Errors
/// [`Error::Tensor`] for the first tensor that is misaligned, ends after the file, or shares
/// bytes with another.
pub(crate) fn lay_out(tensors: &mut [TensorInfo], section: DataSection) -> Result<(), Error> {
    for tensor in tensors.iter_mut() {
        tensor.start = start_of(tensor, section).map_err(|problem| tensor.error(problem))?;
    }
    check_overlap(tensors)
}

fn start_of(tensor: &TensorInfo, section: DataSection) -> Result<u64, TensorProblem> {
    let DataSection { start, alignment, file_len } = section;
    let (offset, n_bytes) = (tensor.offset, tensor.size.n_bytes as u64);
    if !offset.is_multiple_of(u64::from(alignment)) {
        return Err(TensorProblem::Misaligned { offset, alignment });
    }
    let file_len = file_len.unwrap_or(u64::MAX);
    let first = start.checked_add(offset);
    match first.and_then(|first| first.checked_add(n_bytes)) {
        Some(end) if end <= file_len => Ok(start + offset),
        _ => {
            let start = first.unwrap_or(u64::MAX);
            Err(TensorProblem::PastEnd { start, n_bytes, file_len })
        }
    }
}

fn check_overlap(tensors: &[TensorInfo]) -> Result<(), Error> {
    let mut by_start: Vec<&TensorInfo> = tensors.iter().collect();
    by_start.sort_by_key(|tensor| tensor.start);
    for pair in by_start.windows(2) {
        if pair[0].end() > pair[1].start {
            let other = printable(pair[0].name());
            return Err(pair[1].error(TensorProblem::Overlap { other }));
        }
    }
    Ok(())
}
