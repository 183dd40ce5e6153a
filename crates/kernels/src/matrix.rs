//! A weight matrix where it lies in the file.

use std::ops::Range;

use crate::block;
use crate::error::Error;
use camelid_gguf::TensorType;

/// A borrowed weight matrix in its file's own block layout.
///
/// Shape: `[n_rows, n_cols]`, row-major; each row is `n_cols / block_len` blocks, end to end.
/// The bytes need no alignment.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    ty: TensorType,
    n_rows: usize,
    n_cols: usize,
    row_bytes: usize,
    data: &'a [u8],
}

impl<'a> Matrix<'a> {
    /// Looks at `data` as a matrix.
    ///
    /// # Errors
    /// If the type has no kernels, rows do not end on block boundaries, or `data` is not exactly
    /// as long as the shape says.
    pub fn new(
        ty: TensorType,
        n_rows: usize,
        n_cols: usize,
        data: &'a [u8],
    ) -> Result<Self, Error> {
        if !block::is_supported(ty) {
            return Err(Error::UnsupportedType { ty });
        }
        let block_len = ty.block_len();
        if !n_cols.is_multiple_of(block_len) {
            return Err(Error::RaggedRow { ty, n_cols, block_len });
        }
        let too_large = Error::TooLarge { ty, n_rows, n_cols };
        let row_bytes =
            (n_cols / block_len).checked_mul(ty.block_bytes()).ok_or(too_large.clone())?;
        let needed = row_bytes.checked_mul(n_rows).ok_or(too_large)?;
        if data.len() != needed {
            return Err(Error::WrongLength { ty, n_rows, n_cols, needed, found: data.len() });
        }
        Ok(Self { ty, n_rows, n_cols, row_bytes, data })
    }

    /// How the elements are stored.
    pub fn tensor_type(&self) -> TensorType {
        self.ty
    }

    /// Number of rows (outputs).
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns (inputs).
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Bytes from one row to the next.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// All rows' bytes.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The bytes of one row.
    ///
    /// # Panics
    /// If `row_idx` is not below `n_rows`.
    pub fn row(&self, row_idx: usize) -> &'a [u8] {
        assert!(row_idx < self.n_rows, "row {row_idx} of {}", self.n_rows);
        &self.data[row_idx * self.row_bytes..][..self.row_bytes]
    }

    /// Writes one row as floats, with the bits of ggml's reference.
    ///
    /// Shapes: `out` is `[n_cols]`.
    ///
    /// # Panics
    /// If `row_idx` is not below `n_rows` or `out` has another length.
    pub fn dequantize_row(&self, row_idx: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.n_cols, "a row of {} columns", self.n_cols);
        block::dequantize(self.ty, self.row(row_idx), out);
    }

    /// The matrix of some of the rows.
    ///
    /// # Panics
    /// If the range is reversed or ends beyond `n_rows`.
    pub fn rows(&self, range: Range<usize>) -> Matrix<'a> {
        assert!(
            range.start <= range.end && range.end <= self.n_rows,
            "rows {range:?} of {}",
            self.n_rows
        );
        let data = &self.data[range.start * self.row_bytes..range.end * self.row_bytes];
        Matrix { n_rows: range.len(), data, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_bytes_must_agree() {
        let data = vec![0u8; 2 * 34];
        let matrix = Matrix::new(TensorType::Q8_0, 2, 32, &data).unwrap();
        assert_eq!(matrix.row(1).len(), 34);
        assert_eq!(matrix.rows(1..2).n_rows(), 1);
        let ragged = Matrix::new(TensorType::Q8_0, 2, 33, &data).unwrap_err();
        assert_eq!(ragged, Error::RaggedRow { ty: TensorType::Q8_0, n_cols: 33, block_len: 32 });
        let short = Matrix::new(TensorType::Q8_0, 3, 32, &data).unwrap_err();
        assert!(matches!(short, Error::WrongLength { needed: 102, found: 68, .. }));
        let huge = Matrix::new(TensorType::F32, usize::MAX / 2, 64, &data).unwrap_err();
        assert!(matches!(huge, Error::TooLarge { .. }));
    }

    #[test]
    fn empty_matrices_are_fine() {
        assert_eq!(Matrix::new(TensorType::F32, 0, 7, &[]).unwrap().n_rows(), 0);
        assert_eq!(Matrix::new(TensorType::F16, 7, 0, &[]).unwrap().row(6).len(), 0);
    }
}
