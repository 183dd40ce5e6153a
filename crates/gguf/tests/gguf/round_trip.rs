//! Whatever the writer makes, the reader gives back, and writing that again changes nothing.

use camelid_gguf::{
    Endianness, Error, Gguf, GgufWriter, Metadata, MetadataArray, MetadataValue, TensorProblem,
    TensorType,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// What goes into a file.
#[derive(Debug, Clone)]
struct Content {
    version: u32,
    is_big_endian: bool,
    /// As a power of two; none for the usual one.
    alignment: Option<u32>,
    metadata: Vec<(String, MetadataValue)>,
    /// Name, type, dimensions in blocks (innermost first) and a seed for the data.
    tensors: Vec<(String, TensorType, Vec<usize>, u8)>,
}

fn array() -> impl Strategy<Value = MetadataArray> {
    let flat = prop_oneof![
        vec(any::<u8>(), 0..9).prop_map(MetadataArray::U8),
        vec(any::<i8>(), 0..9).prop_map(MetadataArray::I8),
        vec(any::<u16>(), 0..9).prop_map(MetadataArray::U16),
        vec(any::<i16>(), 0..9).prop_map(MetadataArray::I16),
        vec(any::<u32>(), 0..9).prop_map(MetadataArray::U32),
        vec(any::<i32>(), 0..9).prop_map(MetadataArray::I32),
        vec(-1e9_f32..1e9, 0..9).prop_map(MetadataArray::F32),
        vec(any::<bool>(), 0..9).prop_map(MetadataArray::Bool),
        vec(".{0,9}", 0..9).prop_map(MetadataArray::String),
        vec(any::<u64>(), 0..9).prop_map(MetadataArray::U64),
        vec(any::<i64>(), 0..9).prop_map(MetadataArray::I64),
        vec(-1e9_f64..1e9, 0..9).prop_map(MetadataArray::F64),
    ];
    // Three levels around a flat array: as deep as files may be.
    flat.prop_recursive(3, 12, 3, |inner| vec(inner, 0..3).prop_map(MetadataArray::Array))
}

fn value() -> impl Strategy<Value = MetadataValue> {
    prop_oneof![
        any::<u8>().prop_map(MetadataValue::U8),
        any::<i8>().prop_map(MetadataValue::I8),
        any::<u16>().prop_map(MetadataValue::U16),
        any::<i16>().prop_map(MetadataValue::I16),
        any::<u32>().prop_map(MetadataValue::U32),
        any::<i32>().prop_map(MetadataValue::I32),
        (-1e9_f32..1e9).prop_map(MetadataValue::F32),
        any::<bool>().prop_map(MetadataValue::Bool),
        ".{0,200}".prop_map(MetadataValue::String),
        any::<u64>().prop_map(MetadataValue::U64),
        any::<i64>().prop_map(MetadataValue::I64),
        (-1e9_f64..1e9).prop_map(MetadataValue::F64),
        array().prop_map(MetadataValue::Array),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let tensor = (proptest::sample::select(TensorType::ALL), vec(1..=3_usize, 1..=4), any::<u8>());
    let tensors = btree_map("[a-z.]{1,64}", tensor, 0..6).prop_map(|tensors| {
        tensors.into_iter().map(|(name, (ty, dims, seed))| (name, ty, dims, seed)).collect()
    });
    // Keys of a terminated first string would make version 1 be read as the other dialect.
    let metadata =
        btree_map("[^\0]{1,20}", value(), 0..9).prop_map(|metadata| metadata.into_iter().collect());
    (1..=3_u32, any::<bool>(), proptest::option::of(3..=9_u32), metadata, tensors).prop_map(
        |(version, is_big_endian, alignment, metadata, tensors)| Content {
            version,
            is_big_endian,
            alignment,
            metadata,
            tensors,
        },
    )
}

impl Content {
    fn endianness(&self) -> Endianness {
        if self.is_big_endian { Endianness::Big } else { Endianness::Little }
    }

    /// Each tensor's name, type, dimensions in elements, and data.
    fn tensors(&self) -> impl Iterator<Item = (&str, TensorType, Vec<usize>, Vec<u8>)> {
        self.tensors.iter().map(|(name, ty, blocks, seed)| {
            let mut dims = blocks.clone();
            dims[0] *= ty.block_len();
            let n_bytes = blocks.iter().product::<usize>() * ty.block_bytes();
            let data = (0..n_bytes).map(|i| seed.wrapping_add(i as u8)).collect();
            (name.as_str(), *ty, dims, data)
        })
    }

    fn write(&self) -> Result<Vec<u8>, Error> {
        let mut writer = GgufWriter::new().version(self.version).endianness(self.endianness());
        for (key, value) in &self.metadata {
            writer = writer.metadata(key, value.clone());
        }
        if let Some(log2) = self.alignment {
            writer = writer.alignment(1 << log2);
        }
        for (name, ty, dims, data) in self.tensors() {
            writer = writer.tensor(name, ty, &dims, data);
        }
        writer.to_bytes()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn what_is_written_is_read_and_written_again(content in content()) {
        let bytes = content.write().unwrap();
        let gguf = Gguf::parse(&bytes[..]).unwrap();
        prop_assert_eq!(gguf.version(), content.version);
        prop_assert_eq!(gguf.endianness(), content.endianness());

        let read: Vec<_> = gguf
            .metadata()
            .iter()
            .filter(|(key, _)| *key != "general.alignment")
            .map(|(key, value)| (key.to_owned(), MetadataValue::from(value)))
            .collect();
        prop_assert_eq!(&read, &content.metadata);
        prop_assert_eq!(gguf.tensors().len(), content.tensors.len());
        for (tensor, (name, ty, dims, data)) in gguf.tensors().iter().zip(content.tensors()) {
            prop_assert_eq!((tensor.name(), tensor.ty()), (name, ty));
            prop_assert_eq!(tensor.dims(), dims);
            prop_assert_eq!(gguf.tensor_data(tensor), data);
        }
        prop_assert!(GgufWriter::copy_of(&gguf).to_bytes().unwrap() == bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(tail in vec(any::<u8>(), 0..200), version in 1..=3_u32) {
        let bytes = [&b"GGUF"[..], &version.to_le_bytes(), &tail].concat();
        if let Ok(gguf) = Gguf::parse(&bytes[..]) {
            crate::touch_everything(&gguf);
        }
    }
}

#[test]
fn gaps_order_and_missing_padding_survive_a_copy() {
    use crate::recipe::{F32, architecture, header, padded, tensor};

    // The second tensor lies before the first, with room between, and nothing follows.
    let entries = [tensor("b", &[2], F32, 128), tensor("a", &[3], F32, 32)].concat();
    let mut bytes = padded([header(2, 1), architecture(), entries].concat(), 136);
    let n_bytes = bytes.len();
    bytes[n_bytes - 8..].copy_from_slice(&[7; 8]);
    bytes[n_bytes - 104..n_bytes - 92].copy_from_slice(&[9; 12]);
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    assert_eq!(gguf.tensor_data(gguf.tensor("a").unwrap()), [9; 12]);
    assert_eq!(gguf.tensor_data(gguf.tensor("b").unwrap()), [7; 8]);
    assert!(GgufWriter::copy_of(&gguf).to_bytes().unwrap() == bytes);
}

#[test]
fn copy_can_be_added_to() {
    let bytes = GgufWriter::new().tensor("a", TensorType::I8, &[3], &[1, 2, 3]).to_bytes().unwrap();
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    let longer = GgufWriter::copy_of(&gguf)
        .metadata("general.architecture", "llama")
        .tensor("b", TensorType::I8, &[2], &[4, 5])
        .to_bytes()
        .unwrap();
    let longer = Gguf::parse(&longer[..]).unwrap();
    assert_eq!(longer.require_architecture().unwrap(), "llama");
    assert_eq!(longer.tensor_data(longer.require_tensor("a").unwrap()), [1, 2, 3]);
    assert_eq!(longer.tensor_data(longer.require_tensor("b").unwrap()), [4, 5]);
    assert_eq!(longer.require_tensor("b").unwrap().offset(), 32);
}

#[test]
fn old_file_is_copied_into_a_new_version() {
    for name in ["version-1.gguf", "version-1-terminated.gguf"] {
        let old = std::fs::read(crate::testdata(name)).unwrap();
        let old = Gguf::parse(&old[..]).unwrap();
        let new = GgufWriter::copy_of(&old).version(3).to_bytes().unwrap();
        let new = Gguf::parse(&new[..]).unwrap();
        assert_eq!(new.version(), 3);
        let entries = |metadata: Metadata<'_>| -> Vec<(String, MetadataValue)> {
            metadata.iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
        };
        assert_eq!(entries(new.metadata()), entries(old.metadata()));
        let tensor = new.require_tensor("t.Q8_0").unwrap();
        assert_eq!(new.tensor_data(tensor)[33], 33);
    }
}

#[test]
fn data_may_come_from_a_callback() {
    let write = |n: usize| {
        GgufWriter::new()
            .tensor_with("t", TensorType::I16, &[4], move |out| out.write_all(&vec![3; n]))
            .to_bytes()
    };
    let bytes = write(8).unwrap();
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    assert_eq!(gguf.tensor_data(&gguf.tensors()[0]), [3; 8]);
    for n in [0, 7, 9, 100] {
        let Err(Error::Tensor { problem, .. }) = write(n) else { panic!("{n} bytes accepted") };
        assert_eq!(problem, TensorProblem::DataLength { found: n as u64, expected: 8 });
    }
}

#[test]
fn writer_refuses_what_the_reader_would() {
    let refused = |writer: GgufWriter<'_>| writer.to_bytes().unwrap_err();
    let tensor =
        |dims: &[usize]| GgufWriter::new().tensor("t", TensorType::Q4_K, dims, vec![0; 144]);
    assert!(tensor(&[256]).to_bytes().is_ok());
    for dims in [&[][..], &[0], &[33], &[256, 1, 1, 1, 1], &[256, 2], &[usize::MAX - 255, 9]] {
        assert!(matches!(refused(tensor(dims)), Error::Tensor { .. }), "{dims:?}");
    }
    let twice = GgufWriter::new().metadata("a", 1).metadata("a", 2);
    assert!(matches!(refused(twice), Error::DuplicateKey { .. }));
    assert!(matches!(refused(GgufWriter::new().metadata("", 1)), Error::EmptyName { .. }));
    for alignment in [0, 3, 4, 1 << 21] {
        let error = refused(GgufWriter::new().alignment(alignment));
        assert!(matches!(error, Error::InvalidAlignment { .. }), "{alignment}: {error}");
    }
    let alignment = GgufWriter::new().metadata("general.alignment", "32");
    assert!(matches!(refused(alignment), Error::WrongType { .. }));
    for version in [0, 4] {
        let error = refused(GgufWriter::new().version(version));
        assert!(matches!(error, Error::UnsupportedVersion { .. }), "{version}: {error}");
    }
    let deep =
        (0..4).fold(MetadataArray::U8(vec![1]), |inner, _| MetadataArray::Array(vec![inner]));
    assert!(matches!(refused(GgufWriter::new().metadata("a", deep)), Error::NestedTooDeep { .. }));
}

#[test]
fn nothing_is_written_of_an_invalid_file() {
    let mut out = Vec::new();
    let result = GgufWriter::new().tensor("t", TensorType::I8, &[4], &[1, 2]).write(&mut out);
    assert!(result.is_err() && out.is_empty());
}
