//! Models from one store to another, without a network.

use std::{
    path::Path,
    process::{Output, Stdio},
};

use crate::{
    program::{ANSWER, QUESTION, camelid},
    server::Server,
};

fn run(store: &Path, args: &[&str]) -> Output {
    camelid(args).env("OLLAMA_MODELS", store).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A store with the bundled model under a name of its own.
fn make_mine(store: &Path) {
    let server = Server::run(camelid(&["serve"]).env("OLLAMA_MODELS", store));
    let copy = r#"{"source": "tiny", "destination": "mine"}"#;
    let copied = server.ask("POST", "/api/copy", copy);
    assert!(copied.starts_with("HTTP/1.1 200 "), "{copied}");
}

#[test]
fn a_saved_model_is_loaded_elsewhere_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    make_mine(&here);
    let file = folder.path().join("mine.tar");
    let file = file.to_str().unwrap();
    let saved = run(&here, &["save", "mine", "--output", file]);
    assert!(saved.status.success(), "{saved:?}");
    let loaded = run(&there, &["load", file]);
    assert_eq!((loaded.status.code(), text(&loaded.stdout)), (Some(0), "mine:latest\n"));
    assert_eq!(text(&run(&there, &["run", "mine", QUESTION]).stdout), ANSWER);
    assert!(!Path::new(&format!("{file}.part")).exists());
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    make_mine(&here);
    let mut save = camelid(&["save", "mine", "-o", "-"]);
    let mut save = save.env("OLLAMA_MODELS", &here).stdout(Stdio::piped()).spawn().unwrap();
    let mut load = camelid(&["load", "-"]);
    load.env("OLLAMA_MODELS", &there).stdin(save.stdout.take().unwrap());
    assert_eq!(text(&load.output().unwrap().stdout), "mine:latest\n");
    assert!(save.wait().unwrap().success());
}

#[test]
fn what_cannot_be_saved_or_loaded_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("nope.tar"));
    let saved = run(&store, &["save", "nope", "-o", file.to_str().unwrap()]);
    let want = "Error: model 'nope:latest' not found\n";
    assert_eq!((saved.status.code(), text(&saved.stderr)), (Some(1), want));
    std::fs::write(&file, "this is no archive").unwrap();
    let loaded = run(&store, &["load", file.to_str().unwrap()]);
    assert_eq!(loaded.status.code(), Some(1), "{loaded:?}");
    assert!(text(&loaded.stderr).contains("nope.tar: "), "{loaded:?}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "store" || name == "nope.tar"), "{left:?}");
}
