use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::media_type;
use crate::name::ModelName;

struct Fixture {
    dir: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("models")).unwrap();
        Self { dir, store }
    }

    /// Stores a model with one layer of its own and one that all share.
    fn add(&self, name: &str, system: &str) -> Manifest {
        let writer = self.store.writer().unwrap();
        let layers = vec![
            writer.put_bytes(b"weights").unwrap().into_layer(media_type::MODEL),
            writer.put_bytes(system.as_bytes()).unwrap().into_layer(media_type::SYSTEM),
        ];
        let config = writer.put_bytes(b"{}\n").unwrap().into_layer(media_type::CONFIG);
        let manifest = Manifest::new(config, layers);
        writer.put_manifest(&named(name), &manifest.to_bytes().unwrap()).unwrap();
        manifest
    }

    fn blob_file(&self, digest: &Digest) -> PathBuf {
        self.store.main.blob(digest)
    }

    fn blob_names(&self) -> Vec<String> {
        names_in(&self.store.main.blobs()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.store.list().unwrap().models.iter().map(|m| m.name.short()).collect();
        names.sort();
        names
    }

    fn health(&self, name: &str) -> Health {
        self.store.find(&named(name)).unwrap().unwrap().health
    }
}

fn named(name: &str) -> ModelName {
    ModelName::parse(name).unwrap()
}

fn set_age(path: &Path, age: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn a_blob_is_stored_once_under_its_digest() {
    let f = Fixture::new();
    let writer = f.store.writer().unwrap();
    let first = writer.put_bytes(b"abc").unwrap();
    let second = writer.put_bytes(b"abc").unwrap();
    assert_eq!((first.is_new, second.is_new), (true, false));
    assert_eq!(first.digest, Digest::of(b"abc"));
    assert_eq!(f.blob_names(), [first.digest.file_name()]);
    assert_eq!(fs::read(f.blob_file(&first.digest)).unwrap(), b"abc");
    assert_eq!(f.store.blob_state(&first.digest, 3).unwrap(), BlobState::Verified);
}

#[test]
fn bytes_that_are_not_the_expected_ones_leave_nothing() {
    let f = Fixture::new();
    let writer = f.store.writer().unwrap();
    let put = |expected| writer.put(&mut &b"abc"[..], expected, &mut |_| {});
    let wrong = Expected { digest: Some(Digest::of(b"abd")), size: Some(3) };
    assert!(matches!(put(wrong), Err(StoreError::DigestMismatch { .. })));
    let longer = Expected { digest: None, size: Some(4) };
    assert!(matches!(
        put(longer),
        Err(StoreError::SizeMismatch { expected: 4, found: 3, more: false })
    ));
    let shorter = Expected { digest: None, size: Some(2) };
    assert!(matches!(put(shorter), Err(StoreError::SizeMismatch { expected: 2, more: true, .. })));
    assert_eq!(f.blob_names(), [""; 0]);
}

#[test]
fn an_endless_source_is_cut_off_and_a_failing_one_is_blamed() {
    let f = Fixture::new();
    let writer = f.store.writer().unwrap();
    let expected = Expected { digest: None, size: Some(1000) };
    assert!(writer.put(&mut io::repeat(7), expected, &mut |_| {}).is_err());
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let error = writer.put(&mut Failing, Expected::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::Source(e) if e.kind() == io::ErrorKind::ConnectionReset));
    assert_eq!(f.blob_names(), [""; 0]);
}

#[test]
fn a_manifest_needs_its_blobs() {
    let f = Fixture::new();
    let writer = f.store.writer().unwrap();
    let config = writer.put_bytes(b"{}").unwrap().into_layer(media_type::CONFIG);
    let absent = Layer::new(media_type::MODEL, Digest::of(b"absent"), 6);
    let bytes = Manifest::new(config.clone(), vec![absent]).to_bytes().unwrap();
    let error = writer.put_manifest(&named("m"), &bytes).unwrap_err();
    assert!(matches!(error, StoreError::MissingBlob { .. }), "{error}");
    let wrong_size = Layer { size: 3, ..config.clone() };
    let bytes = Manifest::new(wrong_size, vec![]).to_bytes().unwrap();
    assert!(matches!(
        writer.put_manifest(&named("m"), &bytes),
        Err(StoreError::SizeMismatch { .. })
    ));
    assert!(writer.put_manifest(&named("m"), b"{}").is_err());
    assert_eq!(f.names(), [""; 0]);
}

#[test]
fn small_blobs_are_read_up_to_a_limit() {
    let f = Fixture::new();
    let manifest = f.add("one", "Say one.");
    let system = manifest.layers[1].digest;
    assert_eq!(f.store.read_blob(&system, 8).unwrap(), b"Say one.");
    assert!(matches!(f.store.read_blob(&system, 7), Err(StoreError::BlobTooLarge { .. })));
    assert!(matches!(f.store.read_blob(&Digest::of(b"?"), 7), Err(StoreError::MissingBlob { .. })));
    assert_eq!(f.store.config(&manifest).unwrap(), Some(Config::default()));
    assert_eq!(f.store.config(&Manifest { config: None, ..manifest.clone() }).unwrap(), None);
    let weights = Layer { digest: system, ..manifest.config.clone().unwrap() };
    let error = f.store.config(&Manifest { config: Some(weights), ..manifest }).unwrap_err();
    assert!(matches!(error, StoreError::Config { .. }), "{error}");
}

#[test]
fn models_share_blobs_and_deleting_keeps_those_in_use() {
    let f = Fixture::new();
    let one = f.add("one", "Say one.");
    f.add("two", "Say two.");
    assert_eq!(f.blob_names().len(), 4);
    let removed = f.store.delete(&named("one")).unwrap();
    assert_eq!(removed.blobs, [one.layers[1].digest]);
    assert_eq!(removed.n_bytes, 8);
    assert_eq!(f.names(), ["two:latest"]);
    assert_eq!(f.health("two"), Health::Verified);
    let error = f.store.delete(&named("one")).unwrap_err();
    assert_eq!(error.to_string(), "model 'one:latest' not found");
    f.store.delete(&named("two")).unwrap();
    assert_eq!(f.blob_names(), [""; 0]);
    assert_eq!(names_in(&f.store.main.manifests()).unwrap(), [""; 0], "empty folders go too");
}

#[test]
fn copying_a_model_copies_no_blob() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    f.add("two", "Say two.");
    let removed = f.store.copy(&named("one"), &named("two")).unwrap();
    assert_eq!(removed.blobs, [Digest::of(b"Say two.")], "what only the old model needed");
    assert_eq!(f.names(), ["one:latest", "two:latest"]);
    let digest = |name| f.store.find(&named(name)).unwrap().unwrap().digest;
    assert_eq!(digest("one"), digest("two"));
    assert!(f.store.copy(&named("one"), &named("one")).unwrap().blobs.is_empty());
    assert!(f.store.copy(&named("none"), &named("x")).is_err());
}

#[test]
fn while_anyone_writes_deleting_blobs_is_put_off() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    let writer = f.store.writer().unwrap();
    let removed = f.store.delete(&named("one")).unwrap();
    assert!(removed.is_postponed && removed.blobs.is_empty());
    assert!(matches!(f.store.prune(&PruneOptions::default()), Err(StoreError::Busy)));
    assert_eq!((f.names().len(), f.blob_names().len()), (0, 3));
    drop(writer);
    let at_once = PruneOptions { grace: Duration::ZERO, ..PruneOptions::default() };
    assert_eq!(f.store.prune(&at_once).unwrap().files.len(), 3);
    assert_eq!(f.blob_names(), [""; 0]);
}

#[test]
fn pruning_spares_what_is_needed_or_young() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let blobs = f.store.main.blobs();
    let partial = format!("{}-partial", Digest::of(b"p").file_name());
    let old_partial = format!("{}-partial-0", Digest::of(b"q").file_name());
    let orphan = Digest::of(b"orphan").file_name();
    let young = Digest::of(b"young").file_name();
    for (name, age) in [
        (partial.as_str(), hours(2)),
        (old_partial.as_str(), hours(200)),
        (orphan.as_str(), hours(2)),
        (young.as_str(), hours(0)),
        ("sha256-1234567", hours(2)),
    ] {
        fs::write(blobs.join(name), b"xx").unwrap();
        set_age(&blobs.join(name), age);
    }
    let dry = PruneOptions { dry_run: true, ..PruneOptions::default() };
    let planned = f.store.prune(&dry).unwrap();
    assert_eq!(f.blob_names().len(), 8);
    let pruned = f.store.prune(&PruneOptions::default()).unwrap();
    assert_eq!(pruned, planned);
    let mut expected = vec![old_partial, orphan, "sha256-1234567".to_owned()];
    expected.sort();
    assert_eq!((pruned.files, pruned.n_bytes), (expected, 6));
    assert!(blobs.join(partial).exists() && blobs.join(young).exists());
    assert_eq!(f.health("one"), Health::Verified);
}

#[test]
fn nothing_is_pruned_while_a_manifest_is_unreadable() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    fs::write(f.store.main.manifest(&named("one")), b"garbage").unwrap();
    let at_once = PruneOptions { grace: Duration::ZERO, ..PruneOptions::default() };
    assert!(matches!(f.store.prune(&at_once), Err(StoreError::Manifest { .. })));
    assert_eq!(f.blob_names().len(), 3);
    let listing = f.store.list().unwrap();
    assert_eq!((listing.models.len(), listing.broken.len()), (0, 1));
    // It can still be deleted, or replaced.
    f.store.delete(&named("one")).unwrap();
    assert_eq!(f.store.prune(&at_once).unwrap().files.len(), 3);
}

#[test]
fn stray_files_among_manifests_are_passed_over() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    let manifests = f.store.main.manifests();
    fs::write(manifests.join(".DS_Store"), b"x").unwrap();
    fs::write(manifests.join("registry.ollama.ai/library/one/.DS_Store"), b"x").unwrap();
    fs::create_dir_all(manifests.join("registry.ollama.ai/library/one/folder/deeper")).unwrap();
    assert_eq!(f.names(), ["one:latest"]);
    assert!(f.store.list().unwrap().broken.is_empty());
    assert!(f.store.prune(&PruneOptions::default()).is_ok());
}

#[test]
fn a_blob_that_lost_its_bytes_is_not_healthy_and_is_mended() {
    let f = Fixture::new();
    let manifest = f.add("one", "Say one.");
    let digest = manifest.layers[0].digest;
    // Zeros of the same length and with the same time, as a crash of another program leaves.
    let before = fs::metadata(f.blob_file(&digest)).unwrap().modified().unwrap();
    fs::write(f.blob_file(&digest), [0; 7]).unwrap();
    File::options().write(true).open(f.blob_file(&digest)).unwrap().set_modified(before).unwrap();
    assert_eq!(f.health("one"), Health::Unverified);

    let report = f.store.verify(Repair::No, &mut |_| {}).unwrap();
    let found = Digest::of(&[0; 7]);
    assert_eq!(report.damaged, [(digest, BlobState::Corrupt { found })]);
    assert_eq!(report.damaged_models, [named("one")]);
    assert_eq!(report.n_intact, 2);
    assert_ne!(f.health("one"), Health::Verified);

    let writer = f.store.writer().unwrap();
    assert_eq!(writer.reuse(&digest, 7).unwrap(), None, "not taken for the real one");
    writer.put_bytes(b"weights").unwrap();
    assert_eq!(f.health("one"), Health::Verified);
}

#[test]
fn repairing_removes_corrupt_blobs() {
    let f = Fixture::new();
    let manifest = f.add("one", "Say one.");
    let (weights, system) = (manifest.layers[0].digest, manifest.layers[1].digest);
    fs::write(f.blob_file(&weights), b"wrong").unwrap();
    fs::remove_file(f.blob_file(&system)).unwrap();
    assert!(matches!(f.health("one"), Health::Damaged { .. }));
    let report = f.store.verify(Repair::RemoveCorrupt, &mut |_| {}).unwrap();
    assert_eq!(report.damaged.len(), 2);
    assert!(!report.is_healthy());
    assert!(!f.blob_file(&weights).exists());
    f.add("one", "Say one.");
    assert!(f.store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
}

#[test]
fn blobs_of_other_programs_are_unverified_until_hashed() {
    let f = Fixture::new();
    let digest = Digest::of(b"theirs");
    fs::write(f.blob_file(&digest), b"theirs").unwrap();
    assert_eq!(f.store.blob_state(&digest, 6).unwrap(), BlobState::Unverified);
    assert_eq!(
        f.store.blob_state(&digest, 7).unwrap(),
        BlobState::WrongSize { expected: 7, found: 6 }
    );
    let reused = f.store.writer().unwrap().reuse(&digest, 6).unwrap();
    assert!(reused.is_some());
    assert_eq!(f.store.blob_state(&digest, 6).unwrap(), BlobState::Verified);
}

#[test]
fn names_find_their_case() {
    let f = Fixture::new();
    f.add("Example.COM/Ann/Model:V1", "x");
    let found = f.store.find(&named("example.com/ANN/model:v1")).unwrap().unwrap();
    assert_eq!(found.name.full(), "Example.COM/Ann/Model:V1");
    let other_tag = f.store.resolve_case(&named("example.com/ann/MODEL:V2")).unwrap();
    assert_eq!(other_tag.full(), "Example.COM/Ann/Model:V2");
    let unknown = f.store.resolve_case(&named("Library/Thing")).unwrap();
    assert_eq!(unknown.full(), "registry.ollama.ai/Library/Thing:latest");
    f.store.delete(&named("EXAMPLE.com/ann/model:v1")).unwrap();
    assert_eq!(f.names(), [""; 0]);
}

#[test]
fn opening_removes_what_dead_writers_left() {
    let f = Fixture::new();
    f.add("one", "Say one.");
    let root = f.store.root().to_owned();
    fs::write(root.join("blobs/tmp-dead"), b"half").unwrap();
    fs::write(root.join("manifests/.tmp-dead"), b"half").unwrap();
    let writer = f.store.writer().unwrap();
    Store::open(&root).unwrap();
    assert!(root.join("blobs/tmp-dead").exists(), "someone may be writing it");
    drop(writer);
    Store::open(&root).unwrap();
    assert!(!root.join("blobs/tmp-dead").exists());
    assert!(!root.join("manifests/.tmp-dead").exists());
    assert_eq!(f.names(), ["one:latest"]);
}

#[cfg(unix)]
#[test]
fn blobs_with_colons_are_renamed() {
    let f = Fixture::new();
    let digest = Digest::of(b"old");
    fs::write(f.store.main.blobs().join(digest.to_string()), b"old").unwrap();
    Store::open(f.store.root()).unwrap();
    assert!(f.blob_file(&digest).exists());
}

#[test]
fn files_are_taken_in_and_hashed() {
    let f = Fixture::new();
    let source = f.dir.path().join("weights.gguf");
    for placement in [Placement::ShareBytes, Placement::OwnBytes, Placement::Copy] {
        fs::write(&source, b"GGUF bytes").unwrap();
        let writer = f.store.writer().unwrap();
        let mut n_done = 0;
        let imported = writer.import_file(&source, placement, &mut |n| n_done = n).unwrap();
        assert_eq!(imported.blob.digest, Digest::of(b"GGUF bytes"));
        assert_eq!((imported.blob.size, n_done), (10, 10));
        assert_eq!(
            f.blob_names(),
            [imported.blob.digest.file_name()],
            "{placement:?} leaves only the blob"
        );
        let copies = placement == Placement::Copy || imported.method == ImportMethod::Copy;
        let may_link = placement == Placement::ShareBytes;
        assert!(copies || may_link || imported.method == ImportMethod::Reflink);
        drop(writer);
        if imported.method != ImportMethod::HardLink {
            fs::write(&source, b"changed").unwrap();
            assert_eq!(fs::read(f.blob_file(&imported.blob.digest)).unwrap(), b"GGUF bytes");
        }
        fs::remove_file(f.blob_file(&imported.blob.digest)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn changing_a_hard_linked_source_is_noticed() {
    let f = Fixture::new();
    let source = f.dir.path().join("weights.gguf");
    fs::write(&source, b"GGUF bytes").unwrap();
    let link =
        |writer: &Writer<'_>| writer.import_file(&source, Placement::ShareBytes, &mut |_| {});
    let imported = link(&f.store.writer().unwrap()).unwrap();
    // Again, now that source and blob may be one file: no third name is left.
    link(&f.store.writer().unwrap()).unwrap();
    assert_eq!(f.blob_names().len(), 1);
    let digest = imported.blob.digest;
    if imported.method == ImportMethod::HardLink {
        fs::write(&source, b"GGUF BYTES").unwrap();
        assert_eq!(f.store.blob_state(&digest, 10).unwrap(), BlobState::Unverified);
    }
}

#[test]
fn only_regular_files_are_taken_in() {
    let f = Fixture::new();
    let writer = f.store.writer().unwrap();
    let import = |path: &Path| writer.import_file(path, Placement::ShareBytes, &mut |_| {});
    assert!(matches!(import(f.dir.path()), Err(StoreError::NotAFile { .. })));
    assert!(matches!(import(Path::new("/no/such/file")), Err(StoreError::Io { .. })));
    #[cfg(unix)]
    assert!(matches!(import(Path::new("/dev/zero")), Err(StoreError::NotAFile { .. })));
}

#[test]
fn read_only_stores_stand_behind() {
    let shared = Fixture::new();
    let manifest = shared.add("shared", "Say shared.");
    shared.add("both", "theirs");
    let f = Fixture::new();
    f.add("both", "ours");
    let store = f.store.clone().with_read_only(shared.store.root());
    let names: Vec<_> = store.list().unwrap().models.iter().map(|m| m.name.short()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let both = store.find(&named("both")).unwrap().unwrap();
    assert_eq!(both.manifest.layers[1].digest, Digest::of(b"ours"));
    let system = &manifest.layers[1];
    assert!(store.open_blob(&system.digest).is_ok());
    assert!(matches!(store.delete(&named("shared")), Err(StoreError::UnknownModel { .. })));
    // A copy lives in front, and finds its blobs behind.
    store.copy(&named("shared"), &named("mine")).unwrap();
    assert_eq!(store.find(&named("mine")).unwrap().unwrap().health, Health::Verified);
    assert_eq!(shared.names(), ["both:latest", "shared:latest"]);
}

#[test]
fn a_store_laid_out_by_hand_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let config = br#"{"model_format":"gguf","model_family":"llama","rootfs":{"type":"layers"}}"#;
    let weights = b"GGUF";
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{{\"mediaType\":\"{}\",\"digest\":\"{}\",\
         \"size\":{}}},\"layers\":[{{\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":4,\"from\":\"a:b\"}}]}}",
        media_type::MANIFEST,
        media_type::CONFIG,
        Digest::of(config),
        config.len(),
        media_type::MODEL,
        Digest::of(weights),
    );
    let tag = dir.path().join("manifests/hf.co/Ann/repo-GGUF/Q4_K_M");
    fs::create_dir_all(tag.parent().unwrap()).unwrap();
    fs::create_dir_all(dir.path().join("blobs")).unwrap();
    fs::write(&tag, &manifest).unwrap();
    for bytes in [&config[..], weights] {
        fs::write(dir.path().join("blobs").join(Digest::of(bytes).file_name()), bytes).unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    let model = store.find(&named("hf.co/ann/REPO-gguf:q4_k_m")).unwrap().unwrap();
    assert_eq!(model.name.full(), "hf.co/Ann/repo-GGUF:Q4_K_M");
    assert_eq!(model.digest, Digest::of(manifest.as_bytes()));
    assert_eq!(model.manifest.total_size(), config.len() as u64 + 4);
    assert_eq!(model.manifest.layers[0].from.as_deref(), Some("a:b"));
    assert_eq!(model.health, Health::Unverified);
    assert!(store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
    assert_eq!(store.find(&model.name).unwrap().unwrap().health, Health::Verified);
    assert_eq!(store.manifest_bytes(&model.name).unwrap(), manifest.as_bytes());
}
