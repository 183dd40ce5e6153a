//! Where tensors go in a file that is being written, and the writing of them.

use std::io::{self, Write};

use super::{Tensor, TensorData, WriteData};
use crate::directory::Directory;
use crate::parser::parse;
use crate::source::Source;
use crate::tensor::measure;
use crate::{Error, TensorInfo, TensorProblem};

/// A finished header that the parser has accepted.
pub(super) struct Draft {
    header: Vec<u8>,
    pub(super) directory: Directory,
    file_len: u64,
}

/// A header, as the start of a file of which no more exists yet.
struct Announced<'a> {
    header: &'a [u8],
    file_len: usize,
}

impl Source for Announced<'_> {
    fn bytes(&self) -> &[u8] {
        self.header
    }

    fn file_len(&self) -> Option<usize> {
        Some(self.file_len)
    }

    fn reach(&mut self, end: usize) -> Result<bool, Error> {
        Ok(end <= self.header.len())
    }
}

/// Where each tensor begins and all of them end, in bytes from the start of the data section.
pub(super) struct Offsets {
    pub(super) starts: Vec<u64>,
    end: u64,
}

/// Gives each tensor an offset: the one it asks for, or the first aligned one after the tensor
/// before it.
///
/// Sizes that cannot be counted are taken as nothing and sums that overflow stick at the top:
/// the parser, which sees the same numbers next, refuses them with the tensor's name.
pub(super) fn offsets(tensors: &[Tensor<'_>], alignment: u32) -> Offsets {
    let mut starts = Vec::with_capacity(tensors.len());
    let mut end = 0_u64;
    for tensor in tensors {
        let dims: Vec<u64> = tensor.dims.iter().map(|&dim| dim as u64).collect();
        let n_bytes = measure(tensor.ty, &dims).map_or(0, |(_, size)| size.n_bytes as u64);
        let start = tensor.offset.unwrap_or_else(|| align(end, alignment));
        starts.push(start);
        end = end.max(start.saturating_add(n_bytes));
    }
    Offsets { starts, end }
}

fn align(position: u64, alignment: u32) -> u64 {
    position.checked_next_multiple_of(u64::from(alignment)).unwrap_or(u64::MAX)
}

impl Draft {
    /// Has the parser check a header. `trailing` is how many bytes follow the last tensor; if
    /// not given, the last tensor is padded like all others.
    pub(super) fn check(
        header: Vec<u8>,
        alignment: u32,
        offsets: &Offsets,
        trailing: Option<u64>,
    ) -> Result<Self, Error> {
        let header_len = header.len() as u64;
        let data_end = match offsets.starts.len() {
            0 => header_len,
            _ => align(header_len, alignment).saturating_add(offsets.end),
        };
        let file_len = match trailing {
            Some(n_bytes) => data_end.saturating_add(n_bytes),
            None if offsets.starts.is_empty() => header_len,
            None => align(data_end, alignment),
        };
        let announced_len = usize::try_from(file_len).unwrap_or(usize::MAX);
        let directory = parse(&mut Announced { header: &header, file_len: announced_len })?;
        Ok(Self { header, directory, file_len })
    }

    /// Writes header and tensors.
    pub(super) fn write(self, tensors: Vec<Tensor<'_>>, mut out: impl Write) -> Result<(), Error> {
        out.write_all(&self.header).map_err(io_error)?;
        let mut position = self.header.len() as u64;
        let mut in_order: Vec<_> = self.directory.tensors.iter().zip(tensors).collect();
        in_order.sort_by_key(|(info, _)| info.file_offset());
        for (info, tensor) in in_order {
            write_zeros(&mut out, info.file_offset() - position)?;
            write_data(&mut out, info, tensor.data)?;
            position = info.end();
        }
        write_zeros(&mut out, self.file_len - position)?;
        out.flush().map_err(io_error)
    }
}

fn io_error(source: io::Error) -> Error {
    Error::Io { action: "write the file", source }
}

fn write_zeros(out: &mut impl Write, n_bytes: u64) -> Result<(), Error> {
    io::copy(&mut io::Read::take(io::repeat(0), n_bytes), out).map(|_| ()).map_err(io_error)
}

fn write_data(out: &mut impl Write, info: &TensorInfo, data: TensorData<'_>) -> Result<(), Error> {
    match data {
        // The length has been compared before anything was written.
        TensorData::Bytes(bytes) => out.write_all(&bytes).map_err(io_error),
        TensorData::Callback(write_data) => run_callback(out, info, write_data),
    }
}

/// Lets a callback write a tensor's data, exactly as much as there should be.
fn run_callback(
    out: &mut dyn Write,
    info: &TensorInfo,
    write_data: WriteData<'_>,
) -> Result<(), Error> {
    let mut counted = Counted { out, left: info.n_bytes(), found: 0 };
    let result = write_data(&mut counted);
    let (left, found) = (counted.left, counted.found);
    // Told first: a callback that writes too much sees an error, which is not the cause.
    if found > info.n_bytes() as u64 {
        return Err(wrong_length(info, found));
    }
    result.map_err(io_error)?;
    if left > 0 {
        return Err(wrong_length(info, found));
    }
    Ok(())
}

/// Refuses data of another length than type and shape make.
pub(super) fn expect_length(info: &TensorInfo, found: usize) -> Result<(), Error> {
    if found == info.n_bytes() { Ok(()) } else { Err(wrong_length(info, found as u64)) }
}

fn wrong_length(info: &TensorInfo, found: u64) -> Error {
    info.error(TensorProblem::DataLength { found, expected: info.n_bytes() as u64 })
}

/// Passes on as many bytes as are expected and refuses more.
struct Counted<'w> {
    out: &'w mut dyn Write,
    left: usize,
    /// Bytes that were to be written, the refused ones included.
    found: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            self.found = self.found.saturating_add(bytes.len() as u64);
            return Err(io::ErrorKind::WriteZero.into());
        }
        let n_written = self.out.write(bytes)?;
        self.left -= n_written;
        self.found += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
