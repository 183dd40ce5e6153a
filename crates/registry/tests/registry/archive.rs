//! Models in one file.

use std::fs;

use camelid_registry::{
    ArchiveError, Digest, Health, Manifest, ModelName, Store, StoreError, TarError, media_type,
};
use tempfile::TempDir;

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn add(store: &Store, name: &str, text: &str) -> ModelName {
    let name = ModelName::parse(name).unwrap();
    let writer = store.writer().unwrap();
    let config = writer.put_bytes(b"{}\n").unwrap().into_layer(media_type::CONFIG);
    let system = writer.put_bytes(text.as_bytes()).unwrap().into_layer(media_type::SYSTEM);
    let manifest = Manifest::new(config, vec![system]);
    writer.put_manifest(&name, &manifest.to_bytes().unwrap()).unwrap();
    name
}

fn export(store: &Store, names: &[ModelName]) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.export(names, &mut bytes, &mut |_| {}).unwrap();
    bytes
}

fn import(store: &Store, bytes: &[u8]) -> Result<Vec<ModelName>, ArchiveError> {
    store.import(bytes, &mut |_| {})
}

/// Replaces a text in an archive by one of the same length, and mends the checksums of headers.
fn forge(archive: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut forged = archive.to_vec();
    let places: Vec<usize> = (0..archive.len() - from.len())
        .filter(|i| archive[*i..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "{from} is not in the archive");
    for place in places {
        forged[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    for header in forged.chunks_mut(512).filter(|block| block[257..262] == *b"ustar") {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    forged
}

#[test]
fn models_travel_to_the_byte() {
    let (_a, from) = store();
    let (_b, to) = store();
    let names = [add(&from, "one", "Say one."), add(&from, "example.com/ann/two:v1", "Say two.")];
    let bytes = export(&from, &names);
    assert_eq!(bytes, export(&from, &names), "the same models give the same archive");
    assert_eq!(import(&to, &bytes).unwrap(), names);
    for name in &names {
        assert_eq!(to.manifest_bytes(name).unwrap(), from.manifest_bytes(name).unwrap());
        assert_eq!(to.find(name).unwrap().unwrap().health, Health::Verified);
    }
    let n_blobs = |store: &Store| fs::read_dir(store.root().join("blobs")).unwrap().count();
    assert_eq!(n_blobs(&to), n_blobs(&from), "manifests do not stay as blobs");
    assert!(import(&to, &bytes).is_ok(), "again does no harm");
}

#[test]
fn a_damaged_blob_is_not_exported() {
    let (_a, from) = store();
    let name = add(&from, "one", "Say one.");
    let path = from.blob_path(&Digest::of(b"Say one.")).unwrap().unwrap();
    fs::write(path, b"Say two.").unwrap();
    let error = from.export(&[name], Vec::new(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
}

#[test]
fn damaged_and_hostile_archives_are_refused() {
    let (_a, from) = store();
    let name = add(&from, "one", "Say one.");
    let bytes = export(&from, std::slice::from_ref(&name));
    let system = Digest::of(b"Say one.").hex();
    let hostile = [
        ("other bytes", forge(&bytes, "Say one.", "Say two.")),
        (
            "a path",
            forge(
                &bytes,
                &format!("blobs/sha256/{system}"),
                &format!("{:x<77}", "../../../../etc/passwd"),
            ),
        ),
        (
            "no digest",
            forge(
                &bytes,
                &format!("blobs/sha256/{system}"),
                &format!("blobs/sha256/{}", system.to_uppercase()),
            ),
        ),
        (
            "no name",
            forge(&bytes, "registry.ollama.ai/library/one", "registry.ollama.ai/../../../od"),
        ),
        ("no index", forge(&bytes, "index.json", "oci-layout")),
        ("malformed index", forge(&bytes, "\"manifests\"", "\"manifestz\"")),
        ("cut", bytes[..bytes.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("text", b"not an archive".repeat(100)),
    ];
    for (what, bytes) in hostile {
        let (dir, to) = store();
        assert!(import(&to, &bytes).is_err(), "{what}");
        assert!(to.list().unwrap().models.is_empty(), "{what}");
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{what}: {names:?}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let (_a, to) = store();
    let error = import(&to, &[7; 512]).unwrap_err();
    assert!(
        matches!(error, ArchiveError::Tar(TarError::Field { .. } | TarError::Checksum { .. })),
        "{error}"
    );
    let (_b, from) = store();
    let missing = ModelName::parse("none").unwrap();
    let error = from.export(&[missing], Vec::new(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ArchiveError::Store(StoreError::UnknownModel { .. })), "{error}");
}

#[test]
fn every_cut_of_an_archive_is_survived() {
    let (_a, from) = store();
    let bytes = export(&from, &[add(&from, "one", "Say one.")]);
    let (_b, to) = store();
    // The last two blocks are the end mark, which may be missing.
    for n in (0..bytes.len() - 1024).step_by(97) {
        assert!(import(&to, &bytes[..n]).is_err(), "{n} bytes");
        assert!(to.list().unwrap().models.is_empty(), "{n} bytes");
    }
}
