//! Feeds text to the parsers of names and digests; what they accept must be no way out of a store.

#![no_main]

use std::path::{Component, Path};

use camelid_registry::{Digest, ModelName, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = ModelName::parse(text) {
        check(&name);
    }
    if let Ok(reference) = Reference::parse(text) {
        check(&reference.name);
    }
    if let Some(name) = ModelName::from_path(Path::new(text)) {
        check(&name);
    }
    if let Ok(digest) = Digest::parse(text) {
        assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        assert_eq!(Digest::parse(&digest.file_name()), Ok(digest));
        assert_eq!(&digest.hex(), &text["sha256:".len()..]);
    }
});

fn check(name: &ModelName) {
    let path = name.to_path();
    assert_eq!(path.components().count(), 4);
    assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
    assert_eq!(ModelName::from_path(&path).as_ref(), Some(name));
    assert_eq!(ModelName::parse(&name.full()).as_ref(), Ok(name));
    assert!(ModelName::parse(&name.short()).is_ok_and(|short| short.eq_ignore_case(name)));
}
