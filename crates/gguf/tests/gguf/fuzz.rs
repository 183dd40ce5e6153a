//! Replays inputs that the fuzzer found telling: files just inside and just outside what is
//! accepted, each by another path through the parser.

use std::fs;

use crate::{agreement, testdata};

#[test]
fn inputs_found_by_fuzzing_keep_all_ways_of_reading_in_agreement() {
    let (mut n_accepted, mut n_refused) = (0, 0);
    for entry in fs::read_dir(testdata("fuzz")).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        match agreement::check(&fs::read(path).unwrap()) {
            true => n_accepted += 1,
            false => n_refused += 1,
        }
    }
    assert!(n_accepted >= 5 && n_refused >= 5, "{n_accepted} accepted, {n_refused} refused");
}

#[test]
fn golden_files_keep_all_ways_of_reading_in_agreement() {
    for name in ["version-1-terminated", "version-2", "version-3-big-endian", "version-3"] {
        let bytes = fs::read(testdata(&format!("{name}.gguf"))).unwrap();
        assert!(agreement::check(&bytes), "{name}");
    }
}
