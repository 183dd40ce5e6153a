//! Makes files: metadata and tensors in the order they are given.
//!
//! # How
//!
//! The header is written into memory, tensors get their offsets, and then the *reader's* parser
//! checks that header before the first byte goes out. So the two sides cannot disagree on what
//! a valid file is, and a mistake is reported with the same words.
//!
//! Tensor data follows in the order of offsets, padding is zeros. Data is borrowed, owned, or
//! produced by a callback while writing, so that a model larger than memory can be written.

mod encode;
mod layout;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use encode::Encoder;
use layout::Draft;

use crate::encoding::Encoding;
use crate::limits::DEFAULT_ALIGNMENT;
use crate::parser::{ALIGNMENT_KEY, check_alignment};
use crate::{Endianness, Error, Gguf, MetadataValue, TensorInfo, TensorType};

/// Builds a GGUF file.
///
/// ```
/// use camelid_gguf::{Gguf, GgufWriter, TensorType};
///
/// let mut file = Vec::new();
/// GgufWriter::new()
///     .metadata("general.architecture", "llama")
///     .metadata("tokenizer.ggml.scores", [0.0_f32, -1.0])
///     .tensor("token_embd.weight", TensorType::F32, &[4, 2], vec![0; 32])
///     .write(&mut file)?;
///
/// let gguf = Gguf::parse(&file[..])?;
/// assert_eq!(gguf.require_architecture()?, "llama");
/// assert_eq!(gguf.require_tensor("token_embd.weight")?.dims(), [4, 2]);
/// # Ok::<(), camelid_gguf::Error>(())
/// ```
#[derive(Debug)]
pub struct GgufWriter<'a> {
    encoding: Encoding,
    metadata: Vec<(String, MetadataValue)>,
    tensors: Vec<Tensor<'a>>,
    /// Bytes after the last tensor, where they are not to be the usual padding.
    trailing: Option<u64>,
}

/// A tensor to be written.
#[derive(Debug)]
struct Tensor<'a> {
    name: String,
    ty: TensorType,
    /// Innermost first.
    dims: Vec<usize>,
    /// From the start of the data section; without one it follows the tensor before it.
    offset: Option<u64>,
    data: TensorData<'a>,
}

/// Produces a tensor's bytes.
type WriteData<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'a>;

/// Where a tensor's bytes come from.
enum TensorData<'a> {
    Bytes(Cow<'a, [u8]>),
    Callback(WriteData<'a>),
}

impl<'a> GgufWriter<'a> {
    /// An empty little-endian file of version 3.
    pub fn new() -> Self {
        let encoding =
            Encoding { version: 3, endianness: Endianness::Little, nul_terminated: false };
        Self { encoding, metadata: Vec::new(), tensors: Vec::new(), trailing: None }
    }

    /// A copy of a file: writing it gives the same bytes, provided that padding is zeros, as it
    /// is in the files of all writers known. A split file is joined into one: its tensors are
    /// laid out anew and its `split.*` keys left out.
    pub fn copy_of<B: AsRef<[u8]>>(gguf: &'a Gguf<B>) -> Self {
        let is_split = gguf.n_parts() > 1;
        let mut writer = Self { encoding: gguf.directory().encoding, ..Self::new() };
        for (key, value) in gguf.metadata().iter() {
            if !(is_split && key.starts_with("split.")) {
                writer = writer.metadata(key, value);
            }
        }
        for tensor in gguf.tensors() {
            let data = TensorData::Bytes(gguf.tensor_data(tensor).into());
            writer.push_tensor(tensor.name(), tensor.ty(), tensor.dims(), data);
            if let (false, Some(last)) = (is_split, writer.tensors.last_mut()) {
                last.offset = Some(tensor.offset());
            }
        }
        if !is_split {
            let ends = gguf.tensors().iter().map(TensorInfo::end);
            let data_end = ends.max().unwrap_or(gguf.directory().header_len as u64);
            writer.trailing = Some(gguf.n_bytes() - data_end);
        }
        writer
    }

    /// The format's version, 1 to 3; 3 unless said otherwise.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.encoding.version = version;
        // Old strings that end in NUL are copied as such only into an old file.
        self.encoding.nul_terminated &= version == 1;
        self
    }

    /// The byte order of the header; little unless said otherwise. Tensor data is written as
    /// given, which must be in the same order.
    #[must_use]
    pub fn endianness(mut self, endianness: Endianness) -> Self {
        self.encoding.endianness = endianness;
        self
    }

    /// What tensor data offsets are multiples of, in bytes; 32 unless said otherwise. The same
    /// as setting the key `general.alignment`.
    #[must_use]
    pub fn alignment(self, alignment: u32) -> Self {
        self.metadata(ALIGNMENT_KEY, alignment)
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Adds a tensor. `dims` are in the file's order: innermost first.
    #[must_use]
    pub fn tensor(
        mut self,
        name: impl Into<String>,
        ty: TensorType,
        dims: &[usize],
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Self {
        self.push_tensor(name, ty, dims, TensorData::Bytes(data.into()));
        self
    }

    /// Adds a tensor whose data `write_data` produces when its turn comes. It must write
    /// exactly the bytes that type and shape make.
    #[must_use]
    pub fn tensor_with(
        mut self,
        name: impl Into<String>,
        ty: TensorType,
        dims: &[usize],
        write_data: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'a,
    ) -> Self {
        self.push_tensor(name, ty, dims, TensorData::Callback(Box::new(write_data)));
        self
    }

    fn push_tensor(
        &mut self,
        name: impl Into<String>,
        ty: TensorType,
        dims: &[usize],
        data: TensorData<'a>,
    ) {
        let (name, dims) = (name.into(), dims.to_vec());
        self.tensors.push(Tensor { name, ty, dims, offset: None, data });
        self.trailing = None;
    }

    /// Writes the file into memory.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn to_bytes(self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes the file. Nothing is written unless header and layout are valid.
    ///
    /// # Errors
    /// Whatever the reader would say of such a file; [`Error::Tensor`] when a tensor's data has
    /// another length than its type and shape make; [`Error::Io`].
    pub fn write(self, out: impl Write) -> Result<(), Error> {
        let draft = self.draft()?;
        for (tensor, info) in self.tensors.iter().zip(&draft.directory.tensors) {
            if let TensorData::Bytes(data) = &tensor.data {
                layout::expect_length(info, data.len())?;
            }
        }
        draft.write(self.tensors, out)
    }

    /// Makes the header and has the reader check it.
    fn draft(&self) -> Result<Draft, Error> {
        let mut encoder = Encoder::new(self.encoding);
        encoder.length(self.tensors.len(), "number of tensors")?;
        encoder.length(self.metadata.len(), "number of metadata entries")?;
        for (key, value) in &self.metadata {
            encoder.text(key)?;
            encoder.typed_value(value)?;
        }
        let alignment = self.data_alignment()?;
        let offsets = layout::offsets(&self.tensors, alignment);
        for (tensor, &offset) in self.tensors.iter().zip(&offsets.starts) {
            encoder.text(&tensor.name)?;
            // Any number of dimensions is written; the reader has the last word on it.
            encoder.u32(u32::try_from(tensor.dims.len()).unwrap_or(u32::MAX));
            for &dim in &tensor.dims {
                encoder.length(dim, "dimension")?;
            }
            encoder.u32(tensor.ty.number());
            encoder.u64(offset);
        }
        Draft::check(encoder.bytes, alignment, &offsets, self.trailing)
    }

    /// The alignment that the metadata sets. A value of the wrong type is the parser's to
    /// refuse.
    fn data_alignment(&self) -> Result<u32, Error> {
        let set = self.metadata.iter().find_map(|(key, value)| match value {
            MetadataValue::U32(alignment) if key == ALIGNMENT_KEY => Some(*alignment),
            _ => None,
        });
        check_alignment(set.unwrap_or(DEFAULT_ALIGNMENT))
    }
}

impl Default for GgufWriter<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TensorData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Callback(_) => f.write_str("written by a callback"),
        }
    }
}
