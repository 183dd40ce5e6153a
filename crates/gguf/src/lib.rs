#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! | To | see |
//! |---|---|
//! | open a model and keep it | [`GgufFile::open`], [`GgufFile::read`], [`GgufFile::from_vec`] |
//! | look into bytes someone else owns | [`Gguf::parse`] |
//! | read metadata from a stream, without the weights | [`Header::read`] |
//! | ask for metadata | [`Metadata`], [`Value`], [`Array`], [`FromMetadata`] |
//! | find tensors and their bytes | [`TensorInfo`], [`TensorType`], [`Gguf::tensor_data`] |
//! | make a file | [`GgufWriter`], [`MetadataValue`], [`MetadataArray`] |
//! | know why a file was refused | [`Error`], [`TensorProblem`], [`SplitProblem`], [`limits`] |
//!
//! # What is on disk
//!
//! ```text
//! magic "GGUF" | version u32 | n_tensors | n_kv            (counts: u32 in version 1, else u64)
//! n_kv      x  key string | value type u32 | value
//! n_tensors x  name string | n_dims u32 | dims... | tensor type u32 | offset u64
//! padding to `general.alignment` (32 where the key is missing)
//! tensor data; each offset counts from here and is a multiple of the alignment
//! ```
//!
//! A string is a length and that many bytes of UTF-8; an array is an element type, a count and
//! the elements. Lengths, counts and dimensions are `u32` in version 1 and `u64` since. A file
//! is little or big endian throughout; the version number, read both ways, tells which.
//!
//! # What is promised
//!
//! A file is checked whole before anything of it is handed out: after a successful parse every
//! key, string, element and tensor lies inside the file, so that no accessor can fail on the
//! file's account. Memory follows the bytes really present, never a count the file claims.

mod array;
mod backing;
mod decode;
mod directory;
mod encoding;
mod error;
mod gguf;
mod header;
pub mod limits;
mod mapped_file;
mod metadata;
mod metadata_value;
mod name_index;
mod parser;
mod source;
mod split;
mod tensor;
mod tensor_type;
mod value;
mod writer;

pub use array::{Array, Elements};
pub use backing::Backing;
pub use decode::{FromMetadata, Payload};
pub use encoding::Endianness;
pub use error::{Error, SplitProblem, TensorProblem};
pub use gguf::{Gguf, GgufFile};
pub use header::Header;
pub use metadata::Metadata;
pub use metadata_value::{MetadataArray, MetadataValue};
pub use tensor::TensorInfo;
pub use tensor_type::TensorType;
pub use value::{Value, ValueType};
pub use writer::GgufWriter;
