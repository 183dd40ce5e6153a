//! How much of anything a file may hold.
//!
//! Counts and lengths are compared with these caps and with the bytes that are really left in
//! the file; the second rule is what bounds memory, the first keeps a single value sensible.
//! The string and array caps are the ones Ollama's reader uses, so that no file it accepts is
//! refused for its size here.

/// Longest string value, in bytes.
pub const MAX_STRING_BYTES: u64 = 16 << 20;

/// Longest metadata key, in bytes.
pub const MAX_KEY_BYTES: u64 = 65_535;

/// Most metadata entries, and most tensors, in one file.
pub const MAX_ENTRIES: u64 = 1 << 24;

/// Longest tensor name, in bytes.
pub const MAX_TENSOR_NAME_BYTES: u64 = 64;

/// Most elements in one metadata array.
pub const MAX_ARRAY_LEN: u64 = 64 << 20;

/// Deepest nesting of metadata arrays; an array of numbers has depth 1.
pub const MAX_ARRAY_DEPTH: usize = 4;

/// Most dimensions a tensor may have.
pub const MAX_DIMS: usize = 4;

/// Smallest value `general.alignment` may take.
pub const MIN_ALIGNMENT: u32 = 8;

/// Largest value `general.alignment` may take.
pub const MAX_ALIGNMENT: u32 = 1 << 20;

/// Alignment of tensor data where the file does not say.
pub const DEFAULT_ALIGNMENT: u32 = 32;

/// Most bytes [`Header::read`](crate::Header::read) takes from a stream, which, unlike a file,
/// may have no end.
pub const MAX_STREAMED_HEADER_BYTES: u64 = 256 << 20;
