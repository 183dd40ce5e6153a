//! What a file's header says, as positions in the file: the result of parsing.
//!
//! Positions rather than references, so that a [`Gguf`](crate::Gguf) may own its bytes, move
//! and be shared between threads.

use crate::encoding::Encoding;
use crate::metadata::Entry;
use crate::name_index::NameIndex;
use crate::{Error, TensorInfo, TensorProblem};

#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) encoding: Encoding,
    pub(crate) alignment: u32,
    /// Length of everything before the padding in front of the tensor data.
    pub(crate) header_len: usize,
    /// First byte of the data section.
    pub(crate) data_start: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) keys: NameIndex,
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) tensor_names: NameIndex,
}

impl Directory {
    /// The text of an entry's key.
    pub(crate) fn key<'a>(&self, bytes: &'a [u8], entry: &Entry) -> &'a str {
        str::from_utf8(&bytes[entry.key.clone()])
            .expect("because the parser checked this key when the file was opened")
    }

    pub(crate) fn entry(&self, bytes: &[u8], key: &str) -> Option<&Entry> {
        let key_of = |item: usize| &bytes[self.entries[item].key.clone()];
        self.keys.find(key.as_bytes(), key_of).map(|item| &self.entries[item])
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let name_of = |item: usize| self.tensors[item].name().as_bytes();
        self.tensor_names.find(name.as_bytes(), name_of).map(|item| &self.tensors[item])
    }
}

/// Indexes tensors by name.
///
/// # Errors
/// [`Error::Tensor`] with [`TensorProblem::DuplicateName`].
pub(crate) fn index_tensors(tensors: &[TensorInfo]) -> Result<NameIndex, Error> {
    NameIndex::new(tensors.len(), |item| tensors[item].name().as_bytes())
        .map_err(|item| tensors[item].error(TensorProblem::DuplicateName))
}
