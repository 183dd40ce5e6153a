//! A tensor of a file, or some of its rows, where it lies.

use std::{ops::Range, sync::Arc};

use camelid_gguf::{GgufFile, TensorInfo, TensorType};

/// Weights to be taken into use by a device: `[n_rows, n_cols]` in the file's block format.
///
/// Cheap to clone: the bytes stay where they are.
#[derive(Debug, Clone)]
pub struct TensorSource {
    name: Arc<str>,
    ty: TensorType,
    n_rows: usize,
    n_cols: usize,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    File { file: Arc<GgufFile>, info: Arc<TensorInfo>, bytes: Range<usize> },
    Owned(Arc<[u8]>),
}

impl TensorSource {
    /// A whole tensor: all dimensions but the innermost make rows.
    pub(super) fn new(file: &Arc<GgufFile>, info: &TensorInfo) -> Self {
        Self {
            name: info.name().into(),
            ty: info.ty(),
            n_rows: info.dims().iter().skip(1).product(),
            n_cols: info.dims().first().copied().unwrap_or(0),
            data: Data::File {
                file: Arc::clone(file),
                info: Arc::new(info.clone()),
                bytes: 0..info.n_bytes(),
            },
        }
    }

    /// Weights that were computed from the tensor `name`: `[n_rows, n_cols]` in F32.
    pub(crate) fn computed(name: &str, n_cols: usize, values: &[f32]) -> Self {
        Self {
            name: name.into(),
            ty: TensorType::F32,
            n_rows: values.len() / n_cols,
            n_cols,
            data: Data::Owned(values.iter().flat_map(|x| x.to_ne_bytes()).collect()),
        }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If there are not so many.
    pub(super) fn rows(&self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.n_rows, "rows {rows:?}");
        let row_bytes = self.data().len() / self.n_rows.max(1);
        let part = rows.start * row_bytes..rows.end * row_bytes;
        Self { n_rows: rows.len(), data: self.bytes(part), ..self.clone() }
    }

    /// The first so many rows, then the next so many, and so on.
    ///
    /// # Panics
    /// If there are not so many.
    pub(super) fn split_rows(&self, counts: &[usize]) -> Vec<Self> {
        let mut start = 0;
        let part = |&n: &usize| {
            start += n;
            self.rows(start - n..start)
        };
        counts.iter().map(part).collect()
    }

    /// The elements of a vector, each a row of its own, so that they can be split; `None` where
    /// the number format ties elements together.
    pub(super) fn as_column(&self) -> Option<Self> {
        let is_splittable = self.ty.block_len() == 1;
        let n = self.n_rows * self.n_cols;
        is_splittable.then(|| Self { n_rows: n, n_cols: 1, ..self.clone() })
    }

    fn bytes(&self, part: Range<usize>) -> Data {
        match &self.data {
            Data::File { file, info, bytes } => Data::File {
                file: Arc::clone(file),
                info: Arc::clone(info),
                bytes: bytes.start + part.start..bytes.start + part.end,
            },
            Data::Owned(data) => Data::Owned(data[part].into()),
        }
    }

    /// Number format.
    #[must_use]
    pub fn ty(&self) -> TensorType {
        self.ty
    }

    /// The tensor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows: all dimensions but the innermost, multiplied.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns: the innermost dimension.
    #[must_use]
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// The blocks as the file has them.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match &self.data {
            Data::File { file, info, bytes } => &file.tensor_data(info)[bytes.clone()],
            Data::Owned(data) => data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_parts_lie_where_they_should() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_ne_bytes()).collect();
        let writer = camelid_gguf::GgufWriter::new().tensor("t", TensorType::F32, &[2, 6], bytes);
        let file = Arc::new(GgufFile::from_vec(writer.to_bytes().unwrap()).unwrap());
        let in_file = TensorSource::new(&file, file.tensor("t").unwrap());
        for whole in [in_file, TensorSource::computed("t", 2, &values)] {
            let parts = whole.split_rows(&[1, 3, 2]);
            assert_eq!(parts[1].data(), &whole.data()[8..32]);
            assert_eq!(parts[1].rows(2..3).data(), &whole.data()[24..32]);
            assert_eq!((parts[2].n_rows(), parts[2].n_cols()), (2, 2));
            assert_eq!(whole.as_column().unwrap().rows(3..5).data(), &whole.data()[12..20]);
        }
    }
}
