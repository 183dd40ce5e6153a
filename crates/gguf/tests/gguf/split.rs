//! Files split into parts: found by name, checked against each other, joined again.

use std::fs;
use std::path::{Path, PathBuf};

use camelid_gguf::{
    Endianness, Error, Gguf, GgufFile, GgufWriter, SplitProblem as Problem, TensorType,
};

use crate::testdata;

/// One part as `gguf-split` would write it.
fn part(no: u16, count: u16, n_tensors: i32) -> GgufWriter<'static> {
    GgufWriter::new()
        .metadata("split.no", no)
        .metadata("split.count", count)
        .metadata("split.tensors.count", n_tensors)
        .tensor(format!("t.{no}"), TensorType::I8, &[4], vec![no as u8; 4])
}

/// Writes parts under the names they should have.
fn write(folder: &Path, parts: impl IntoIterator<Item = GgufWriter<'static>>) -> Vec<PathBuf> {
    let parts: Vec<Vec<u8>> = parts.into_iter().map(|part| part.to_bytes().unwrap()).collect();
    let count = parts.len();
    let name = |i: usize| folder.join(format!("m-{:05}-of-{count:05}.gguf", i + 1));
    for (i, part) in parts.iter().enumerate() {
        fs::write(name(i), part).unwrap();
    }
    (0..count).map(name).collect()
}

/// The problem that opening the first part gives.
fn problem(parts: impl IntoIterator<Item = GgufWriter<'static>>) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    match GgufFile::open(&write(folder.path(), parts)[0]).unwrap_err() {
        Error::Split(problem) => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn parts_made_by_ggmls_package_open_as_one_file() {
    let first = testdata("split-00001-of-00003.gguf");
    for gguf in [GgufFile::open(&first).unwrap(), GgufFile::read(&first).unwrap()] {
        assert_eq!(gguf.n_parts(), 3);
        assert_eq!(gguf.require_architecture().unwrap(), "llama");
        assert_eq!(gguf.tensors().len(), 5);
        for number in 0..5_u8 {
            let tensor = gguf.require_tensor(&format!("t.{number}")).unwrap();
            assert_eq!(tensor.part(), usize::from(number / 2));
            let expected = f32::from(number).to_le_bytes().repeat(8);
            assert_eq!(gguf.tensor_data(tensor), expected, "t.{number}");
        }
    }
}

#[test]
fn split_file_is_joined_by_copying() {
    let gguf = GgufFile::open(testdata("split-00001-of-00003.gguf")).unwrap();
    let joined = GgufWriter::copy_of(&gguf).to_bytes().unwrap();
    let joined = Gguf::parse(&joined[..]).unwrap();
    assert_eq!(joined.metadata().get_usize("split.count").unwrap(), None);
    assert_eq!(joined.require_architecture().unwrap(), "llama");
    for (copied, tensor) in joined.tensors().iter().zip(gguf.tensors()) {
        assert_eq!(copied.name(), tensor.name());
        assert_eq!(joined.tensor_data(copied), gguf.tensor_data(tensor));
    }
    assert_eq!(joined.tensors().len(), gguf.tensors().len());
}

#[test]
fn parts_under_other_names_are_opened_by_list() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), (0..3).map(|no| part(no, 3, 3)));
    let blobs: Vec<PathBuf> = (0..3).map(|i| folder.path().join(format!("sha256-{i}"))).collect();
    for (path, blob) in paths.iter().zip(&blobs) {
        fs::rename(path, blob).unwrap();
    }
    assert_eq!(GgufFile::open_parts(&blobs).unwrap().tensors().len(), 3);
    let error = GgufFile::open(&blobs[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "split file: file name `sha256-0` does not end in `-00001-of-00003.gguf`"
    );
    let error = GgufFile::open_parts(&blobs[..2]).unwrap_err();
    assert_eq!(error.to_string(), "split file: 2 parts given, `split.count` is 3");
    let swapped = [&blobs[0], &blobs[2], &blobs[1]];
    let error = GgufFile::open_parts(&swapped).unwrap_err();
    assert_eq!(error.to_string(), "split file: part 2 has `split.no` 2, expected 1");
    assert!(GgufFile::open_parts(&[] as &[PathBuf]).is_err());
}

#[test]
fn only_the_first_part_opens_the_file() {
    let error = GgufFile::open(testdata("split-00002-of-00003.gguf")).unwrap_err();
    assert_eq!(error.to_string(), "split file: this is part 2 of 3, open part 1");
}

#[test]
fn missing_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), (0..3).map(|no| part(no, 3, 3)));
    fs::remove_file(&paths[1]).unwrap();
    let error = GgufFile::open(&paths[0]).unwrap_err();
    assert!(matches!(&error, Error::Part { number: 2, .. }), "{error}");
}

#[test]
fn broken_part_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), (0..3).map(|no| part(no, 3, 3)));
    fs::write(&paths[2], b"GGUF").unwrap();
    let error = GgufFile::open(&paths[0]).unwrap_err();
    let Error::Part { number: 3, source } = &error else { panic!("{error}") };
    assert!(matches!(**source, Error::Truncated { .. }), "{source}");
}

#[test]
fn parts_that_disagree_are_refused() {
    assert!(matches!(
        problem([part(0, 2, 2), part(1, 3, 2)]),
        Problem::Mismatch { number: 2, key: "split.count", found: 3, expected: 2 }
    ));
    assert!(matches!(
        problem([part(0, 2, 2), part(1, 2, 9)]),
        Problem::Mismatch { number: 2, key: "split.tensors.count", found: 9, expected: 2 }
    ));
    assert!(matches!(
        problem([part(0, 2, 3), part(1, 2, 3)]),
        Problem::TensorCount { found: 2, expected: 3 }
    ));
    assert!(matches!(
        problem([part(0, 2, 2), part(1, 2, 2).endianness(Endianness::Big)]),
        Problem::ByteOrder { number: 2 }
    ));
}

#[test]
fn tensor_in_two_parts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let again = GgufWriter::new()
        .metadata("split.no", 1_u16)
        .metadata("split.count", 2_u16)
        .metadata("split.tensors.count", 2)
        .tensor("t.0", TensorType::I8, &[4], vec![0; 4]);
    let paths = write(folder.path(), [part(0, 2, 2), again]);
    let error = GgufFile::open(&paths[0]).unwrap_err().to_string();
    assert!(error.starts_with("tensor `t.0`") && error.ends_with("occurs twice"), "{error}");
}

#[test]
fn part_without_its_number_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nameless = GgufWriter::new().metadata("split.count", 2_u16);
    let path = folder.path().join("m-00001-of-00002.gguf");
    nameless.write(fs::File::create(&path).unwrap()).unwrap();
    let error = GgufFile::open(&path).unwrap_err();
    assert_eq!(error.to_string(), "metadata key `split.no` is missing");
}
