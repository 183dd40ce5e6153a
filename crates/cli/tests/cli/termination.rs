//! A server that is told to end while it works: every answer ends as answers do, the exit code is 0,
//! and the store is as whole as before.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    program::camelid,
    server::{Server, parts},
};

const COPIED: &str = "copied";

/// A server with a store of its own that cuts off what is under way soon after it is told to end.
fn serve(folder: &Path) -> Server {
    let config = folder.join("camelid.toml");
    std::fs::write(&config, "[limits]\nshutdown_grace = \"200ms\"\n").unwrap();
    let mut command = camelid(&["serve", "--config", config.to_str().unwrap()]);
    Server::run(command.env("OLLAMA_MODELS", folder.join("models")))
}

/// Every file of a store, and its size.
fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => _ = found.insert(entry.path(), entry.metadata().unwrap().len()),
        }
    }
    found
}

/// A registry that takes an upload's first bytes, answers nothing that would end it, and forgets it
/// all. To one who speaks TLS it says nothing at all.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || converse(stream));
        }
    });
    authority
}

/// Answers until something comes that gets no answer, and then keeps the connection.
fn converse(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        let answer = match first.split(' ').next() {
            Some("HEAD") => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            Some("POST") => {
                "HTTP/1.1 202 Accepted\r\nLocation: /upload\r\nContent-Length: 0\r\n\r\n"
            }
            _ => break,
        };
        lines.find(String::is_empty);
        stream.write_all(answer.as_bytes()).unwrap();
    }
    // Until the other end is gone.
    drop(stream.read_to_end(&mut Vec::new()));
}

/// Reads an answer until it says `word`.
fn read_until(stream: &mut TcpStream, word: &str) -> String {
    let mut text = String::new();
    while !text.contains(word) {
        let mut bytes = [0; 4096];
        let n_read = stream.read(&mut bytes).unwrap();
        assert_ne!(n_read, 0, "the answer ends with {text}");
        text.push_str(std::str::from_utf8(&bytes[..n_read]).unwrap());
    }
    text
}

/// Has a stream under way when the server is told to end, and returns its lines.
fn terminate_during(mut server: Server, path: &str, body: &str, word: &str) -> Vec<Value> {
    let mut stream = server.send("POST", path, body);
    let mut answer = read_until(&mut stream, word);
    server.terminate();
    stream.read_to_string(&mut answer).unwrap();
    assert!(server.wait().success(), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    parts(&answer)
}

fn is_cut_off(lines: &[Value]) -> bool {
    lines
        .last()
        .is_some_and(|last| *last == serde_json::json!({"error": "the server is shutting down"}))
}

#[test]
fn without_anything_to_do_it_ends_well() {
    let mut server = Server::start();
    assert!(server.ask("GET", "/", "").ends_with("Ollama is running"));
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn a_service_manager_hears_of_the_beginning_and_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let heard = || {
        let mut bytes = [0; 64];
        let n_read = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..n_read].to_vec()).unwrap()
    };
    let mut server = Server::run(camelid(&["serve"]).env("NOTIFY_SOCKET", &socket));
    assert_eq!(heard(), "READY=1");
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn a_push_is_cut_off_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let name = format!("http://{}/library/{COPIED}", registry());
    let copy = format!(r#"{{"source": "tiny", "destination": "{name}"}}"#);
    let copied = server.ask("POST", "/api/copy", &copy);
    assert!(copied.starts_with("HTTP/1.1 200 "), "{copied}");
    let before = files(&folder.path().join("models"));
    assert!(before.keys().any(|path| path.ends_with(format!("{COPIED}/latest"))), "{before:?}");
    let push = format!(r#"{{"model": "{name}", "insecure": true}}"#);
    let lines = terminate_during(server, "/api/push", &push, "pushing");
    assert!(is_cut_off(&lines), "{lines:?}");
    assert_eq!(files(&folder.path().join("models")), before);
}

#[test]
fn a_creation_that_waits_for_its_base_is_cut_off_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let before = files(&folder.path().join("models"));
    let create = format!(r#"{{"model": "made", "from": "{}/library/base"}}"#, registry());
    let lines = terminate_during(server, "/api/create", &create, "pulling manifest");
    assert!(is_cut_off(&lines), "{lines:?}");
    assert_eq!(files(&folder.path().join("models")), before);
}

#[test]
fn a_creation_under_way_leaves_a_whole_model_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let create = r#"{"model": "made", "from": "tiny", "system": "Be brief."}"#;
    let lines = terminate_during(serve(folder.path()), "/api/create", create, "status");
    let is_made = lines.last().is_some_and(|last| last["status"] == "success");
    assert!(is_made || is_cut_off(&lines), "{lines:?}");
    let server = serve(folder.path());
    let shown = server.ask("POST", "/api/show", r#"{"model": "made"}"#);
    let status = if shown.contains("Be brief.") { "200" } else { "404" };
    assert!(shown.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}");
    assert!(!is_made || status == "200", "it was said to be made: {shown}");
    let blobs = files(&folder.path().join("models/blobs"));
    let is_whole = |path: &PathBuf| path.file_name().unwrap().len() == "sha256-".len() + 64;
    assert!(blobs.keys().all(is_whole), "{blobs:?}");
}
