//! Texts with what Ollama's parser makes of them: the workspace's shared cases where they are at
//! hand, and the crate's own, which cover the same ground in small.

use std::path::Path;

use camelid_modelfile::{Instruction, Keyword, Modelfile};
use serde_json::Value;

/// The name and argument under which Ollama stores an instruction.
fn as_ollama_stores(instruction: &Instruction) -> (String, String) {
    let value = instruction.value();
    match instruction {
        Instruction::From(_) => ("model".into(), value.to_string()),
        Instruction::Parameter { name, .. } => (name.to_string(), value.to_string()),
        Instruction::Message { role, .. } => ("message".into(), format!("{role}: {value}")),
        other => (other.keyword().as_str().to_lowercase(), value.to_string()),
    }
}

fn check_case(case: &Value) {
    let text = |key: &str| case[key].as_str();
    let bytes = match (text("input"), text("base64")) {
        (Some(input), _) => input.as_bytes().to_vec(),
        (None, Some(encoded)) => base64(encoded),
        _ => panic!("case without input: {case}"),
    };
    let parsed = Modelfile::parse_bytes(&bytes);
    if let Some(expected) = text("error") {
        let error = parsed.expect_err(&format!("{case} parses"));
        assert_eq!(error.ollama_message(), expected, "{case}");
        return;
    }
    let modelfile = parsed.unwrap_or_else(|e| panic!("{case}: {e}"));
    let commands: Vec<_> = modelfile.instructions().iter().map(as_ollama_stores).collect();
    let expected: Vec<_> = case["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap().to_owned(), c["args"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(commands, expected, "{case}");
    assert_eq!(Some(modelfile.to_string().as_str()), text("printed"), "{case}");
    assert_eq!(Modelfile::parse(&modelfile.to_string()), Ok(modelfile), "{case}");
}

fn check_file(path: &Path) -> usize {
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = cases.as_array().unwrap();
    cases.iter().for_each(check_case);
    cases.len()
}

#[test]
fn shared_cases_parse_and_print_as_in_ollama() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/modelfile/cases.json");
    if !Path::new(path).exists() {
        eprintln!("SKIPPED: no shared conformance data at {path}");
        return;
    }
    assert_eq!(check_file(Path::new(path)), 69);
}

#[test]
fn own_cases_parse_and_print_as_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cases.json");
    assert!(check_file(Path::new(path)) >= 20);
}

#[test]
fn keywords_cover_what_ollama_accepts() {
    let mut text = String::from("FROM a\n");
    for keyword in Keyword::ALL {
        let name = match keyword {
            Keyword::Parameter => "x ",
            Keyword::Message => "user ",
            _ => "",
        };
        text.push_str(&format!("{} {name}v\n", keyword.as_str().to_lowercase()));
    }
    assert_eq!(Modelfile::parse(&text).unwrap().instructions().len(), 12);
}

#[test]
fn the_bundled_model_is_described_correctly() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tiny/Modelfile");
    let modelfile = Modelfile::parse_bytes(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(modelfile.from(), "./tiny-q8_0.gguf");
    assert!(modelfile.template().unwrap().starts_with("{{- if .Suffix }}"));
    assert!(modelfile.parameters().unwrap().get("stop").is_some());
    assert_eq!(modelfile.licenses().collect::<Vec<_>>(), ["MIT OR Apache-2.0"]);
}

/// Standard base64, enough for test data.
fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("not base64: {text}"),
    };
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0u32, |bits, c| bits << 6 | u32::from(digit(*c)));
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}
