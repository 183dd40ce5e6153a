//! Reads the shared conformance data, which users of the crate do not have.

mod detection;
mod go_chat;
mod go_language;
mod jinja;
mod parsers;
mod renderers;
mod shipped;

use std::path::PathBuf;

use camelid_api_types::ollama::{Message, Think, Tool};
use serde_json::Value;

/// The folder's path, or `None` with a loud line on stderr.
#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn folder(part: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance"));
    let path = path.join(part);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: conformance data `{part}` is not on this machine");
    None
}

/// One JSON file of it.
pub(crate) fn read_json(path: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a readable data file");
    serde_json::from_str(&text).expect("a data file is JSON")
}

/// Fails with all differences at once, so that one run shows the whole state; says how many cases
/// there were, for `--nocapture`.
#[allow(clippy::print_stderr, reason = "a count that nobody sees proves nothing")]
pub(crate) fn report(what: &str, n_cases: usize, failures: &[String]) {
    assert!(n_cases > 0, "{what}: no cases were found");
    eprintln!("{what}: {n_cases} cases, {} differ", failures.len());
    assert!(
        failures.is_empty(),
        "{what}: {} of {n_cases} cases differ\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// `None` when equal, else a few dozen characters around the first difference.
pub(crate) fn difference(got: &str, wanted: &str) -> Option<String> {
    if got == wanted {
        return None;
    }
    let at = got.chars().zip(wanted.chars()).take_while(|(g, w)| g == w).count();
    let around =
        |text: &str| -> String { text.chars().skip(at.saturating_sub(30)).take(90).collect() };
    Some(format!(
        "from character {at}:\n    got    {:?}\n    wanted {:?}",
        around(got),
        around(wanted)
    ))
}

/// The messages of a case.
pub(crate) fn messages(input: &Value) -> Vec<Message> {
    serde_json::from_value(input["messages"].clone()).expect("messages")
}

/// The tools of a case, none when it has none.
pub(crate) fn tools(input: &Value) -> Vec<Tool> {
    input.get("tools").map_or(Vec::new(), |t| serde_json::from_value(t.clone()).expect("tools"))
}

/// The thinking switch of a case.
pub(crate) fn think(input: &Value) -> Option<Think> {
    input.get("think").map(|t| serde_json::from_value(t.clone()).expect("a think value"))
}

/// A text of a case.
pub(crate) fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().expect("a text")
}
