//! Files made by ggml's own Python package (see `testdata/make_golden.py`), read and compared
//! with what went in, and written again byte for byte.

use std::fmt::Write;

use camelid_gguf::{Array, Endianness, Gguf, GgufFile, GgufWriter, Value, ValueType};

use crate::testdata;

const NAMES: [&str; 6] = [
    "version-1",
    "version-1-terminated",
    "version-2",
    "version-3",
    "version-3-big-endian",
    "version-3-aligned-64",
];

#[test]
fn golden_files_read_as_what_went_in() {
    for name in NAMES {
        let gguf = GgufFile::read(testdata(&format!("{name}.gguf"))).unwrap();
        let expected = std::fs::read_to_string(testdata(&format!("{name}.txt"))).unwrap();
        assert_eq!(text_of(&gguf), expected, "{name}");
    }
}

#[test]
fn golden_files_are_written_again_byte_for_byte() {
    for name in NAMES {
        let bytes = std::fs::read(testdata(&format!("{name}.gguf"))).unwrap();
        let gguf = Gguf::parse(&bytes[..]).unwrap();
        let copy = GgufWriter::copy_of(&gguf).to_bytes().unwrap();
        assert!(copy == bytes, "{name} differs");
    }
}

#[test]
fn all_ways_to_keep_a_file_give_the_same() {
    let path = testdata("version-3.gguf");
    let expected = text_of(&GgufFile::read(&path).unwrap());
    let bytes = std::fs::read(&path).unwrap();
    let leaked = Vec::leak(bytes.clone());
    assert_eq!(text_of(&GgufFile::from_static(leaked).unwrap()), expected);
    assert_eq!(text_of(&GgufFile::from_vec(bytes).unwrap()), expected);
    if cfg!(not(miri)) {
        assert_eq!(text_of(&GgufFile::open(&path).unwrap()), expected);
    }
}

/// The form of the `.txt` files.
fn text_of(gguf: &GgufFile) -> String {
    let order = match gguf.endianness() {
        Endianness::Little => "little",
        Endianness::Big => "big",
    };
    let (version, alignment) = (gguf.version(), gguf.alignment());
    let mut text = format!("version {version} {order} alignment {alignment}\n");
    for (key, value) in gguf.metadata().iter() {
        let kind = match value {
            Value::Array(array) => format!("array of {}", array.elem_type()),
            value => value.ty().to_string(),
        };
        writeln!(text, "{key}: {kind} = {}", text_of_value(value)).unwrap();
    }
    for tensor in gguf.tensors() {
        let dims: Vec<String> = tensor.dims().iter().map(usize::to_string).collect();
        let data = gguf.tensor_data(tensor);
        let sum: u64 = data.iter().copied().map(u64::from).sum();
        let (name, ty, dims, offset) =
            (tensor.name(), tensor.ty(), dims.join(" x "), tensor.offset());
        let n_bytes = data.len();
        writeln!(text, "{name}: {ty} {dims} at {offset}, {n_bytes} bytes, sum {sum}").unwrap();
    }
    text
}

fn text_of_value(value: Value<'_>) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Bool(value) => value.to_string(),
        Value::F32(value) => format!("{value:?}"),
        Value::F64(value) => format!("{value:?}"),
        Value::Array(array) => {
            format!("[{}]", array.values().map(text_of_value).collect::<Vec<_>>().join(", "))
        }
        integer => integer.as_integer().unwrap().to_string(),
    }
}

#[test]
fn typed_getters_give_each_type() {
    let gguf = GgufFile::read(testdata("version-3-big-endian.gguf")).unwrap();
    let metadata = gguf.metadata();
    assert_eq!(metadata.len(), 21);
    assert_eq!(metadata.require::<u8>("golden.u8").unwrap(), 200);
    assert_eq!(metadata.require::<i8>("golden.i8").unwrap(), -100);
    assert_eq!(metadata.require::<u16>("golden.u16").unwrap(), 40_000);
    assert_eq!(metadata.require::<i16>("golden.i16").unwrap(), -30_000);
    assert_eq!(metadata.require::<u32>("golden.u32").unwrap(), 4_000_000_000);
    assert_eq!(metadata.require::<i32>("golden.i32").unwrap(), -2_000_000_000);
    assert_eq!(metadata.require::<u64>("golden.u64").unwrap(), 18_000_000_000_000_000_000);
    assert_eq!(metadata.require::<i64>("golden.i64").unwrap(), -9_000_000_000_000_000_000);
    assert_eq!(metadata.require::<f32>("golden.f32").unwrap(), 0.15625);
    assert_eq!(metadata.require::<f64>("golden.f64").unwrap(), -1234.5678);
    assert!(metadata.require::<bool>("golden.bool").unwrap());
    let nested: Array<'_> = metadata.require("golden.nested").unwrap();
    let inner: Vec<Vec<i32>> =
        nested.arrays().unwrap().map(|array| array.i32s().unwrap().collect()).collect();
    assert_eq!(inner, [vec![1, 2], vec![3]]);
}

#[test]
fn getters_name_the_key_and_both_types() {
    let gguf = GgufFile::read(testdata("version-3.gguf")).unwrap();
    let metadata = gguf.metadata();
    let error = metadata.require::<f32>("golden.u8").unwrap_err();
    assert_eq!(error.to_string(), "metadata key `golden.u8` is u8, expected f32");
    let error = metadata.require::<&str>("golden.none").unwrap_err();
    assert_eq!(error.to_string(), "metadata key `golden.none` is missing");
    let strings: Array<'_> = metadata.require("golden.strings").unwrap();
    assert_eq!(strings.elem_type(), ValueType::String);
    assert_eq!(
        strings.u32s().unwrap_err().to_string(),
        "element type of metadata key `golden.strings` is string, expected u32"
    );
    assert_eq!(metadata.get_as::<u64>("golden.none").unwrap(), None);
}

#[test]
fn counts_are_read_from_any_integer_that_fits() {
    let gguf = GgufFile::read(testdata("version-3.gguf")).unwrap();
    let metadata = gguf.metadata();
    assert_eq!(metadata.require_usize("golden.u8").unwrap(), 200);
    assert_eq!(metadata.get_usize("golden.u16").unwrap(), Some(40_000));
    assert_eq!(metadata.get_usize("golden.none").unwrap(), None);
    assert_eq!(
        metadata.get_usize("golden.i32").unwrap_err().to_string(),
        format!("metadata key `golden.i32` is -2000000000, must be from 0 to {}", usize::MAX)
    );
    assert_eq!(
        metadata.get_usize("golden.f32").unwrap_err().to_string(),
        "metadata key `golden.f32` is f32, expected an integer"
    );
}
