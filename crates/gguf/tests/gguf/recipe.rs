//! Puts files together from raw numbers, with no regard for sense: what no writer would write.
//! Little-endian, version 3, unless said otherwise.

pub(crate) const U8: u32 = 0;
pub(crate) const U32: u32 = 4;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

pub(crate) const F32: u32 = 0;
pub(crate) const Q4_K: u32 = 12;

/// Magic, version and counts.
pub(crate) fn header(n_tensors: u64, n_entries: u64) -> Vec<u8> {
    versioned_header(3, n_tensors, n_entries)
}

pub(crate) fn versioned_header(version: u32, n_tensors: u64, n_entries: u64) -> Vec<u8> {
    let counts = [n_tensors.to_le_bytes(), n_entries.to_le_bytes()].concat();
    [&b"GGUF"[..], &version.to_le_bytes(), &counts].concat()
}

/// A length and that many bytes.
pub(crate) fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

/// A metadata entry: key, type, value.
pub(crate) fn entry(key: impl AsRef<[u8]>, ty: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&string(key)[..], &ty.to_le_bytes(), value.as_ref()].concat()
}

/// The head of an array: element type and count.
pub(crate) fn array(ty: u32, len: u64) -> Vec<u8> {
    [&ty.to_le_bytes()[..], &len.to_le_bytes()].concat()
}

/// `general.architecture`, which every model has.
pub(crate) fn architecture() -> Vec<u8> {
    entry("general.architecture", STRING, string("llama"))
}

/// A tensor's entry.
pub(crate) fn tensor(name: &str, dims: &[u64], ty: u32, offset: u64) -> Vec<u8> {
    tensor_with_n_dims(name, dims.len() as u32, dims, ty, offset)
}

pub(crate) fn tensor_with_n_dims(
    name: &str,
    n_dims: u32,
    dims: &[u64],
    ty: u32,
    offset: u64,
) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| dim.to_le_bytes()).collect();
    let rest = [&dims[..], &ty.to_le_bytes(), &offset.to_le_bytes()].concat();
    [&string(name)[..], &n_dims.to_le_bytes(), &rest].concat()
}

/// A header with one metadata entry besides the architecture.
pub(crate) fn with_entry(entry: &[u8]) -> Vec<u8> {
    [&header(0, 2)[..], &architecture(), entry].concat()
}

/// A file with these tensor entries, padding, and `n_bytes` of data.
pub(crate) fn with_tensors(tensors: &[Vec<u8>], n_bytes: usize) -> Vec<u8> {
    let head = [header(tensors.len() as u64, 1), architecture(), tensors.concat()].concat();
    padded(head, n_bytes)
}

/// Appends padding to 32 and `n_bytes` of tensor data.
pub(crate) fn padded(mut head: Vec<u8>, n_bytes: usize) -> Vec<u8> {
    head.resize(head.len().next_multiple_of(32) + n_bytes, 0);
    head
}
