//! A file's weights as F32, in a file of their own that both sides can load.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use camelid_engine::{
    gguf::{GgufFile, GgufWriter, TensorInfo, TensorType},
    kernels::Matrix,
};

/// Writes `from` with every tensor dequantised to `to`.
pub(crate) fn write_f32(from: &Path, to: &Path) -> Result<()> {
    let file = GgufFile::open(from)?;
    let mut writer = GgufWriter::new();
    for (key, value) in file.metadata().iter() {
        writer = writer.metadata(key, value);
    }
    for tensor in file.tensors() {
        let matrix = matrix(&file, tensor)?;
        writer = writer.tensor_with(
            tensor.name(),
            TensorType::F32,
            tensor.dims(),
            move |out: &mut dyn Write| write_rows(&matrix, out),
        );
    }
    let mut out = BufWriter::new(File::create(to)?);
    writer.write(&mut out)?;
    out.flush().context("writing the F32 file")
}

/// A tensor's rows, whatever its dimensions.
fn matrix<'a>(file: &'a GgufFile, tensor: &TensorInfo) -> Result<Matrix<'a>> {
    let n_cols = tensor.dims().first().copied().unwrap_or(1);
    let n_rows = tensor.dims().iter().skip(1).product();
    Ok(Matrix::new(tensor.ty(), n_rows, n_cols, file.tensor_data(tensor))?)
}

fn write_rows(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut row = vec![0.0; matrix.n_cols()];
    for i in 0..matrix.n_rows() {
        matrix.dequantize_row(i, &mut row);
        let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
        out.write_all(&bytes)?;
    }
    Ok(())
}
