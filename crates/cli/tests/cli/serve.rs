//! The server as a process: started, asked over plain sockets, stopped.

use crate::{
    program::{self, camelid},
    server::{Server, parts},
};

const QUESTION: &str =
    r#"{"model":"tiny","prompt":"Why is the sky blue?","options":{"temperature":0}}"#;

#[test]
fn a_stream_has_a_line_for_each_token_and_ends_with_statistics() {
    let server = Server::start();
    let answer = server.ask("POST", "/api/generate", QUESTION);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/x-ndjson"), "{answer}");
    let parts = parts(&answer);
    let text: String = parts.iter().map(|p| p["response"].as_str().unwrap()).collect();
    assert!(parts.len() > 10 && text.contains("Rayleigh scattering"), "{answer}");
    let (last, before) = parts.split_last().unwrap();
    assert!(before.iter().all(|part| part["done"] == false));
    assert_eq!((&last["done"], &last["done_reason"]), (&true.into(), &"stop".into()));
    assert!(last["eval_duration"].as_u64().unwrap() > 1000, "nanoseconds: {last}");
}

#[test]
fn two_requests_at_once_both_finish() {
    let server = Server::start();
    let (a, b) = std::thread::scope(|scope| {
        let ask = || server.ask("POST", "/api/generate", QUESTION);
        let (a, b) = (scope.spawn(ask), scope.spawn(ask));
        (a.join().unwrap(), b.join().unwrap())
    });
    for answer in [a, b] {
        assert_eq!(parts(&answer).last().unwrap()["done"], true, "{answer}");
    }
}

#[test]
fn the_command_line_speaks_to_a_running_server() {
    let server = Server::start();
    let run = |args: &[&str]| {
        let output = camelid(args).env("OLLAMA_HOST", &server.authority).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["run", "tiny", program::QUESTION]), program::ANSWER);
    assert!(run(&["list"]).contains("tiny:latest"));
    assert_eq!(run(&["--version"]), format!("camelid version is {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_command_line_shows_its_key_to_a_server_that_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camelid.toml");
    // Of `s3cret`.
    let sha256 = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
    let key = format!("[[keys]]\nname = \"test\"\nsha256 = \"{sha256}\"\nscopes = [\"infer\"]\n");
    std::fs::write(&config, key).unwrap();
    let server = Server::start_with(&["--config", config.to_str().unwrap()]);
    let list = |key: &str| {
        let mut command = camelid(&["list"]);
        command.env("OLLAMA_HOST", &server.authority).env("CAMELID_API_KEY", key);
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
        )
    };
    let (is_fine, text) = list("s3cret");
    assert!(is_fine && text.contains("tiny:latest"), "{text}");
    for key in ["", "other"] {
        let (is_fine, text) = list(key);
        assert!(!is_fine && text.starts_with("Error: a valid API key is required\n"), "{text}");
        assert!(text.contains("CAMELID_API_KEY"), "{text}");
    }
    let (is_fine, text) = list("two words");
    let want = "Error: CAMELID_API_KEY: the API key must be one word of visible ASCII characters\n";
    assert_eq!((is_fine, text.as_str()), (false, want));
}

#[test]
fn a_second_server_on_the_same_port_says_so_and_ends() {
    let server = Server::start();
    let output = camelid(&["serve"]).env("OLLAMA_HOST", &server.authority).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let want = format!("Error: listen tcp {}: bind: address already in use", server.authority);
    assert!(text.contains(&want), "{text}");
}

#[test]
fn the_log_tells_once_of_a_field_that_nobody_knows() {
    let server = Server::start();
    for _ in 0..2 {
        let request = r#"{"model": "tiny", "prompt": "", "stop_words": ["x"]}"#;
        assert!(server.ask("POST", "/api/generate", request).starts_with("HTTP/1.1 200 "));
    }
    let log = server.log();
    let told: Vec<&String> = log.iter().filter(|line| line.contains("stop_words")).collect();
    let [line] = told.as_slice() else { panic!("{log:?}") };
    assert!(line.contains("WARN") && line.contains("/api/generate"), "{line}");
}

#[test]
fn models_are_stopped_by_name_or_all_at_once() {
    let server = Server::start();
    let run = |args: &[&str]| {
        let output = camelid(args).env("OLLAMA_HOST", &server.authority).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for stop in [&["stop", "tiny"][..], &["stop", "--all"]] {
        run(&["run", "tiny"]);
        let table = run(&["ps"]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("NAME ") && lines[0].contains("CONTEXT    UNTIL"), "{table}");
        assert!(lines[1].starts_with("tiny:latest ") && lines[1].contains(" 100% CPU "), "{table}");
        assert!(lines[1].contains("4 minutes from now"), "{table}");
        assert_eq!(run(stop), "");
        assert_eq!(run(&["ps"]).lines().count(), 1);
    }
    assert_eq!(run(&["stop", "--all"]), "");
    assert_eq!(run(&["stop", "nope"]), "Error: couldn't find model \"nope\" to stop\n");
}

#[test]
fn a_model_is_loaded_before_anybody_asks() {
    let mut command = camelid(&["serve"]);
    let server = Server::run(command.env("CAMELID_PRELOAD", "nope, tiny"));
    let is_there = |_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.ask("GET", "/api/ps", "").contains("tiny:latest")
    };
    assert!((0..200).any(is_there), "tiny is not loaded");
    let log = server.log();
    let line = |words: &str| log.iter().any(|line| line.contains(words));
    assert!(line("model 'nope:latest' not found"), "{log:?}");
}

#[test]
fn a_strict_server_refuses_a_field_that_nobody_knows() {
    let server = Server::run(camelid(&["serve"]).env("CAMELID_STRICT", "1"));
    for path in ["/api/generate", "/v1/completions"] {
        let answer = server.ask("POST", path, r#"{"model": "tiny", "stop_words": ["x"]}"#);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("stop_words"), "{answer}");
    }
}
