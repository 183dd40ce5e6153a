//! Opening by path: what is mapped, what is refused, and that handles can be shared.

use std::fs::{self, File};
use std::sync::Arc;

use camelid_gguf::{Error, GgufFile, GgufWriter, TensorType};

use crate::testdata;

#[test]
fn handles_are_shared_between_threads() {
    fn is_shareable<T: Send + Sync + 'static>(_: &T) {}

    let gguf = Arc::new(GgufFile::open(testdata("version-3.gguf")).unwrap());
    is_shareable(&gguf);
    let other = Arc::clone(&gguf);
    let n_elems = std::thread::spawn(move || other.tensor("t.Q4_K").unwrap().n_elems());
    assert_eq!(n_elems.join().unwrap(), 512);
}

#[test]
fn missing_file_is_told_apart_from_a_broken_one() {
    let error = GgufFile::open(testdata("none.gguf")).unwrap_err();
    let Error::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    let error = GgufFile::open(testdata("version-3.txt")).unwrap_err();
    assert!(matches!(error, Error::NotGguf { found } if &found == b"vers"), "{error}");
}

#[test]
fn empty_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.gguf");
    File::create(&path).unwrap();
    for result in [GgufFile::open(&path), GgufFile::read(&path)] {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "magic at byte 0: needs 4 bytes, 0 left in the file");
    }
}

#[test]
fn folders_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = vec![folder.path().to_owned()];
    if cfg!(unix) {
        paths.extend(["/dev/zero", "/dev/null"].map(Into::into));
    }
    for path in paths {
        for result in [GgufFile::open(&path), GgufFile::read(&path)] {
            assert!(matches!(result, Err(Error::NotRegularFile)), "{}", path.display());
        }
    }
}

/// A pipe that nobody writes to: opening it would wait for ever.
#[cfg(unix)]
#[test]
fn pipe_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.gguf");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("because POSIX has `mkfifo`").success());
    assert!(matches!(GgufFile::open(&path), Err(Error::NotRegularFile)));
    assert!(matches!(GgufFile::read(&path), Err(Error::NotRegularFile)));
}

#[test]
fn file_that_is_being_written_is_not_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.gguf");
    let mut file = File::create(&path).unwrap();
    file.lock().unwrap();
    GgufWriter::new().metadata("general.architecture", "llama").write(&mut file).unwrap();

    let error = GgufFile::open(&path).unwrap_err();
    let Error::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::WouldBlock);

    file.unlock().unwrap();
    let gguf = GgufFile::open(&path).unwrap();
    assert!(file.try_lock().is_err(), "held while the mapping lives");
    drop(gguf);
    file.try_lock().expect("because the lock went with the mapping");
}

#[test]
fn replaced_file_lives_on_under_its_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let write = |value: u8| {
        let beside = folder.path().join("new.gguf");
        let tensor =
            GgufWriter::new().tensor("t", TensorType::I8, &[64 << 10], vec![value; 64 << 10]);
        tensor.write(File::create(&beside).unwrap()).unwrap();
        fs::rename(beside, &path).unwrap();
    };
    write(1);
    let old = GgufFile::open(&path).unwrap();
    write(2);
    let new = GgufFile::open(&path).unwrap();
    let all = |gguf: &GgufFile, value| {
        gguf.tensor_data(gguf.require_tensor("t").unwrap()).iter().all(|&byte| byte == value)
    };
    assert!(all(&old, 1) && all(&new, 2));
}
