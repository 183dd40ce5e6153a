//! A whole file, parsed: metadata, tensors and their bytes.

use std::path::Path;

use crate::directory::Directory;
use crate::parser::parse;
use crate::{Backing, Endianness, Error, Metadata, TensorInfo, split};

/// A GGUF file over bytes of kind `B`: `&[u8]` borrows them, `Vec<u8>` or `Arc<[u8]>` owns
/// them, [`GgufFile`] maps them.
///
/// Parsing checks everything (see the crate's head); afterwards all that is here are positions
/// in those bytes.
#[derive(Debug, Clone)]
pub struct Gguf<B> {
    /// The file, or the parts it was split into.
    parts: Vec<B>,
    /// Of the first part; its tensors are those of all parts.
    directory: Directory,
}

/// A GGUF file that keeps its own bytes: `Send`, `Sync` and without lifetimes, to be put into an
/// `Arc` and shared.
pub type GgufFile = Gguf<Backing>;

impl GgufFile {
    /// Maps a file into memory. Nothing but its header is read from storage until used, and all
    /// processes that map it share one copy. A split file is opened by its first part,
    /// `...-00001-of-0000N.gguf`; the others are found beside it.
    ///
    /// # If the file changes
    ///
    /// The file must not be written to while it is mapped; a shared advisory lock tells other
    /// programs so. Replacing it by renaming another over it is harmless, as is deleting it.
    /// If a program ignores the lock and writes into the file, values change and getters may
    /// panic; if it cuts the file short, touching what is gone ends the process (`SIGBUS`).
    /// Where that must not happen, use [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error::NotRegularFile`]; [`Error::Io`], also when another process holds an exclusive
    /// lock on the file; what makes a file unreadable; [`Error::Split`] and [`Error::Part`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        split::open(path.as_ref(), Backing::map)
    }

    /// Reads a file into memory: for storage that one does not trust to stay as it is. Takes as
    /// much memory as the file has bytes; otherwise like [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        split::open(path.as_ref(), Backing::read)
    }

    /// Maps the parts of a split file that are named otherwise, as in a store that names files
    /// by digest; the first part first.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_parts(paths: &[impl AsRef<Path>]) -> Result<Self, Error> {
        split::open_parts(paths, Backing::map)
    }

    /// Parses bytes and keeps them.
    ///
    /// # Errors
    /// What makes a file unreadable.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::parse(bytes.into())
    }

    /// Parses bytes that are part of the program (`include_bytes!`).
    ///
    /// # Errors
    /// What makes a file unreadable.
    pub fn from_static(bytes: &'static [u8]) -> Result<Self, Error> {
        Self::parse(bytes.into())
    }
}

impl<B: AsRef<[u8]>> Gguf<B> {
    /// Parses the bytes of a file. A part of a split file may be parsed by itself.
    ///
    /// # Errors
    /// What makes a file unreadable: see [`Error`].
    ///
    /// # Examples
    /// ```
    /// use camelid_gguf::{Gguf, GgufWriter, TensorType};
    ///
    /// let bytes = GgufWriter::new().tensor("x", TensorType::I8, &[3, 2], &[1, 2, 3, 4, 5, 6]).to_bytes()?;
    /// let gguf = Gguf::parse(&bytes[..])?;
    /// let x = gguf.require_tensor("x")?;
    /// assert_eq!((x.dims(), x.shape()), (&[3, 2][..], vec![2, 3]));
    /// assert_eq!(gguf.tensor_data(x), [1, 2, 3, 4, 5, 6]);
    /// # Ok::<(), camelid_gguf::Error>(())
    /// ```
    pub fn parse(bytes: B) -> Result<Self, Error> {
        let directory = parse(&mut bytes.as_ref())?;
        Ok(Self { parts: vec![bytes], directory })
    }

    /// Puts together parsed parts; `directory` is the first's with the tensors of all.
    pub(crate) fn from_parts(parts: Vec<B>, directory: Directory) -> Self {
        Self { parts, directory }
    }

    pub(crate) fn into_parts(self) -> (Vec<B>, Directory) {
        (self.parts, self.directory)
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The format's version, 1 to 3.
    pub fn version(&self) -> u32 {
        self.directory.encoding.version
    }

    /// The byte order of metadata and tensor data. Metadata is handed out in the machine's
    /// order, tensor data as the bytes are.
    pub fn endianness(&self) -> Endianness {
        self.directory.encoding.endianness
    }

    /// What tensor data offsets are multiples of, in bytes.
    pub fn alignment(&self) -> u32 {
        self.directory.alignment
    }

    /// Where tensor data begins in the (first part of the) file, in bytes.
    pub fn data_start(&self) -> u64 {
        self.directory.data_start
    }

    /// Number of parts the file was split into; 1 for a file that is whole.
    pub fn n_parts(&self) -> usize {
        self.parts.len()
    }

    /// Bytes of the file, all parts together.
    pub fn n_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.as_ref().len() as u64).sum()
    }

    /// The metadata; of a split file, the first part's.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(self.parts[0].as_ref(), &self.directory)
    }

    /// The name of the model's architecture, without which a file is no model.
    ///
    /// # Errors
    /// [`Error::MissingKey`] or [`Error::WrongType`] for `general.architecture`.
    pub fn require_architecture(&self) -> Result<&str, Error> {
        self.metadata().require_architecture()
    }

    /// All tensors, in the file's order; those of a split file part by part.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.directory.tensors
    }

    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.directory.tensor(name)
    }

    /// The tensor with this name, which must be there.
    ///
    /// # Errors
    /// [`Error::MissingTensor`].
    pub fn require_tensor(&self, name: &str) -> Result<&TensorInfo, Error> {
        let missing = || Error::MissingTensor { name: crate::error::printable(name) };
        self.tensor(name).ok_or_else(missing)
    }

    /// The data of one of this file's tensors: rows of blocks, outermost dimension first.
    ///
    /// # Panics
    /// If `tensor` is another file's and its place lies outside this one.
    pub fn tensor_data(&self, tensor: &TensorInfo) -> &[u8] {
        let bytes = self.parts[tensor.part()].as_ref();
        let start = usize::try_from(tensor.file_offset())
            .expect("because parsing proved that the tensor lies in the file");
        &bytes[start..start + tensor.n_bytes()]
    }
}
