//! What must hold of any bytes at all. The fuzz target `gguf` is made of this file, too.

use camelid_gguf::{Gguf, GgufWriter, Header, Metadata, MetadataValue};

/// Parses, and if that works compares all ways of reading with each other and with a copy that
/// the writer makes. Tells whether the bytes were accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Ok(gguf) = Gguf::parse(bytes) else { return false };

    let header = Header::read(bytes).expect("because the same header was just accepted");
    assert_eq!(text_of(header.metadata()), text_of(gguf.metadata()));
    assert_eq!(header.data_start(), gguf.data_start());
    assert_eq!(header.tensors().len(), gguf.tensors().len());

    let copy = GgufWriter::copy_of(&gguf).to_bytes().expect("because the reader accepted it");
    let copy = Gguf::parse(&copy[..]).expect("because the writer asks the reader");
    assert_eq!(copy.n_bytes(), gguf.n_bytes());
    assert_eq!(text_of(copy.metadata()), text_of(gguf.metadata()));
    for tensor in gguf.tensors() {
        let copied = copy.tensor(tensor.name()).expect("because all tensors are copied");
        assert_eq!((copied.dims(), copied.ty()), (tensor.dims(), tensor.ty()));
        assert_eq!(copied.file_offset(), tensor.file_offset());
        assert_eq!(copy.tensor_data(copied), gguf.tensor_data(tensor));
    }
    true
}

/// All metadata, decoded; as text, so that a NaN is equal to itself.
fn text_of(metadata: Metadata<'_>) -> String {
    let entries = metadata.iter().map(|(key, value)| (key, MetadataValue::from(value)));
    format!("{:?}", entries.collect::<Vec<_>>())
}
