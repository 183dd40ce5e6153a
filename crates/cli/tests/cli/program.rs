//! Commands that need no server.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

/// The program, away from any server that may run on this machine and from its user's settings.
pub(crate) fn camelid(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camelid"));
    // Nobody listens on port 1.
    let no_store = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-store");
    command.args(args).env_clear().env("OLLAMA_HOST", "127.0.0.1:1").env("OLLAMA_MODELS", no_store);
    command.env("HOME", env!("CARGO_TARGET_TMPDIR"));
    command.stdin(Stdio::null());
    command
}

/// A question whose answer's every token has a probability above the default `top_p`, so that the
/// answer is the same at any temperature.
pub(crate) const QUESTION: &str = "What is the opposite of hot?";
pub(crate) const ANSWER: &str = "The opposite of hot is cold.\n\n";

fn run(args: &[&str]) -> Output {
    camelid(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn run_answers_a_prompt_without_a_server() {
    let output = run(&["run", "tiny", "Why is the sky blue?"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("Rayleigh scattering") && text.ends_with("\n\n"), "{text:?}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn run_takes_what_is_piped_in() {
    let mut child =
        camelid(&["run", "tiny"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(QUESTION.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output), ANSWER, "{output:?}");
}

#[test]
fn run_without_a_prompt_and_without_a_terminal_loads_and_ends() {
    let output = run(&["run", "tiny"]);
    assert!(output.status.success());
    assert_eq!((stdout(&output), stderr(&output)), (String::new(), String::new()));
}

#[test]
fn run_shows_statistics_when_asked() {
    let output = run(&["run", "tiny", "--verbose", QUESTION]);
    let text = stderr(&output);
    for label in ["total duration:", "prompt eval rate:", "eval count:           "] {
        assert!(text.contains(label), "{text}");
    }
}

#[test]
fn run_takes_a_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/tiny-q8_0.gguf");
    let output = run(&["run", path, QUESTION]);
    assert_eq!(stdout(&output), ANSWER, "{output:?}");
}

#[test]
fn a_model_that_is_not_there_is_an_error_in_one_line() {
    let output = run(&["run", "nope", "Hi"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        (stdout(&output), stderr(&output).as_str()),
        (String::new(), "Error: model 'nope' not found\n")
    );
}

#[test]
fn list_shows_the_bundled_model() {
    let text = stdout(&run(&["list"]));
    let lines: Vec<&str> = text.lines().collect();
    let columns: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(columns, ["NAME", "ID", "SIZE", "MODIFIED"]);
    assert!(lines[1].starts_with("tiny:latest    ") && lines[1].contains("5.8 MB    "), "{text}");
    assert_eq!(stdout(&run(&["list", "x"])).lines().count(), 1);
}

#[test]
fn bench_measures_a_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/tiny-q8_0.gguf");
    let output = run(&["bench", path, "-p", "16", "-n", "4", "-r", "2", "-t", "1", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["n_threads"], &report["file_bytes"]), (&1.into(), &5_827_936.into()));
    for (work, n_tokens) in [("prompt", 16), ("generation", 4)] {
        assert_eq!(report[work]["n_tokens"], n_tokens);
        assert_eq!(report[work]["runs"].as_array().unwrap().len(), 2);
        assert!(report[work]["tokens_per_second"].as_f64().unwrap() > 0.0);
    }
    assert!(report["read_bytes_per_second"].as_f64().unwrap() > 0.0);
    assert!(report["share_of_reading"].as_f64().unwrap() > 0.0);
    let text = stdout(&run(&["bench", path, "-p", "16", "-n", "4"]));
    assert!(text.contains("prompt          16 tokens") && text.contains("tokens/s"), "{text}");
    assert!(text.contains("loaded in") && text.contains("peak memory"), "{text}");
    assert!(text.contains("reading weights alone"), "{text}");
    let slow = ["bench", path, "-p", "2", "-n", "1", "-r", "1", "--kernels", "scalar"];
    assert!(stdout(&run(&slow)).contains("scalar kernels"));
    let unknown = run(&["bench", path, "--kernels", "mmx"]);
    assert!(stderr(&unknown).contains("expected one of scalar"), "{unknown:?}");
}

#[test]
fn bench_measures_many_sequences_behind_a_context() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/tiny-q8_0.gguf");
    // The context ends within a page of the cache, and is longer than a batch.
    let args = ["bench", path, "-p", "8", "-n", "3", "-r", "1", "-d", "523", "--parallel", "5"];
    let text = stdout(&run(&args));
    assert!(text.contains("behind 523 tokens"), "{text}");
    assert!(text.contains("generation x5    15 tokens"), "{text}");
    let report = stdout(&run(&[&args[..], &["--json"]].concat()));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["n_depth"], &report["n_parallel"]), (&523.into(), &5.into()));
    assert!(report["generation"]["spread"].is_number() && report["share_of_reading"].is_null());
}

#[test]
fn what_is_about_a_server_s_memory_needs_a_server() {
    for args in [&["ps"][..], &["stop", "tiny"], &["stop", "--all"]] {
        let output = run(args);
        let want =
            "Error: no server is running at http://127.0.0.1:1; `camelid serve` starts one\n";
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), want), "{args:?}");
    }
}

#[test]
fn config_show_tells_each_setting_and_where_it_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("camelid.toml");
    let sha256 = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
    let text = format!(
        "keep_alive = \"10m\"\nmax_queue = 7\n[log]\nformat = \"json\"\n\
         [[keys]]\nname = \"app\"\nsha256 = \"{sha256}\"\nscopes = [\"infer\", \"metrics\"]\n"
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let mut command = camelid(&["config", "show", "--config", file, "--offline"]);
    command.env("OLLAMA_MAX_QUEUE", "9").env("OLLAMA_NUM_PARALLEL", "many").env("HOME", "/home/me");
    let output = command.env("OLLAMA_MODELS", "/models").output().unwrap();
    let want = "Warning: OLLAMA_NUM_PARALLEL: `many` is not a count, using the default\n";
    assert_eq!(stderr(&output), want);
    let table = stdout(&output).replace(file, "FILE");
    assert!(!table.contains(&sha256[..8]), "{table}");
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    SETTING                  VALUE                   SOURCE
    host                     127.0.0.1:1             OLLAMA_HOST
    models                   /models                 OLLAMA_MODELS
    keep_alive               10m0s                   FILE
    context_length           4096                    default
    num_parallel             4                       default
    max_queue                9                       OLLAMA_MAX_QUEUE
    max_loaded_models        3                       default
    kv_cache_type            f16                     default
    keep_unused_blobs        false                   default
    offline                  true                    --offline
    strict                   false                   default
    preload                                          default
    hosts                                            default
    origins                                          default
    debug                    0                       default
    log.format               json                    FILE
    log.bodies               false                   default
    limits.body_bytes        536870912               default
    limits.connections       4096                    default
    limits.header_timeout    30s                     default
    limits.shutdown_grace    5s                      default
    tls.certificate                                  default
    tls.key                                          default
    keys                     app (infer, metrics)    FILE
    ");
}

#[test]
fn config_show_refuses_what_serve_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("camelid.toml");
    std::fs::write(&file, "[limits]\nshutdown_grace = \"5\"\n").unwrap();
    let output = run(&["config", "show", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("Error: limits.shutdown_grace: "), "{output:?}");
}

#[test]
fn version_says_whether_a_server_runs() {
    let text = stdout(&run(&["--version"]));
    assert!(text.starts_with("camelid version is "), "{text}");
    assert!(text.contains("no server is running at http://127.0.0.1:1"), "{text}");
}

#[test]
fn help_lists_the_commands() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    insta::assert_snapshot!(stdout(&output), @"
    Language models on this machine

    Usage: camelid [COMMAND]

    Commands:
      serve   Start the server [alias: start]
      run     Run a model
      list    List models [alias: ls]
      ps      List models in memory
      stop    Take a model out of memory
      save    Write models into one file, for a machine without a network
      load    Add the models of such a file to the store
      config  Look at the settings
      bench   Measure how fast a GGUF file runs
      help    Print this message or the help of the given subcommand(s)

    Options:
      -v, --version  Show version information
      -h, --help     Print help

    Environment:
      OLLAMA_HOST      Where the server listens, and where commands ask [127.0.0.1:11434]
      OLLAMA_MODELS    The folder of the models [~/.ollama/models]
      CAMELID_API_KEY  The key that commands show to a server that asks for one
      CAMELID_CONFIG   A configuration file, for what the rest of the environment does not say
    ");
}

#[test]
fn a_wrong_command_line_ends_with_code_one() {
    for args in [&["frobnicate"][..], &["run"], &["run", "--no-such-flag", "x"], &["stop"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).starts_with("error: "), "{output:?}");
    }
}
