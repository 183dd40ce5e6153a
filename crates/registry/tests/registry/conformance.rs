//! A store that Ollama 0.33 wrote.

use std::fs;
use std::path::Path;

use camelid_registry::{Config, Health, ModelName, Repair, Store, media_type, to_json_line};

/// Copies a folder, because opening a store writes to it.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn a_store_that_ollama_wrote_is_read_to_the_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/store");
    if !Path::new(path).exists() {
        eprintln!("SKIPPED: no shared conformance data at {path}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    copy_folder(Path::new(path), dir.path());
    let store = Store::open(dir.path()).unwrap();
    let name = ModelName::parse("tiny").unwrap();
    assert!(store.verify(Repair::No, &mut |_| {}).unwrap().is_healthy());
    let model = store.find(&name).unwrap().unwrap();
    assert_eq!(model.health, Health::Verified);
    assert_eq!(model.manifest.layers.len(), 4);

    // Written by us, manifest, configuration and parameters would have the same digests.
    let written = model.manifest.to_bytes().unwrap();
    let stored = store.manifest_bytes(&name).unwrap();
    assert_eq!(
        String::from_utf8(written).unwrap().trim_end(),
        String::from_utf8(stored).unwrap().trim_end()
    );
    let read = |layer: &camelid_registry::Layer| {
        fs::read(store.blob_path(&layer.digest).unwrap().unwrap()).unwrap()
    };
    let config_bytes = read(model.manifest.config.as_ref().unwrap());
    let config: Config = serde_json::from_slice(&config_bytes).unwrap();
    assert_eq!(to_json_line(&config).unwrap(), config_bytes);
    assert_eq!(config.file_type, "Q8_0");
    let params_bytes = read(model.manifest.layer(media_type::PARAMS).unwrap());
    let params: serde_json::Value = serde_json::from_slice(&params_bytes).unwrap();
    assert_eq!(to_json_line(&params).unwrap(), params_bytes);
}
