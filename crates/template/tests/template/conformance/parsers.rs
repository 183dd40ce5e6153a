//! Model output through the parsers, against Ollama 0.33's, differences kept on purpose aside.
//!
//! What differs, and why, is in the crate's DIFFERENCES.md. Kinds of difference that hold for every
//! format are decided here by rule; the rest are listed case by case in
//! `testdata/parser-differences.json`, with the output we give instead.

use std::collections::BTreeMap;

use camelid_template::{OutputFormat, OutputParser, ParserOptions, PromptTemplate, Reply};
use serde_json::{Value, json};

use super::{folder, read_json, report, text, think, tools};

/// The parts of an output that are compared.
#[derive(Debug, Clone, PartialEq)]
struct Output {
    content: String,
    thinking: String,
    calls: Value,
}

impl Output {
    fn of_case(output: &Value) -> Self {
        let optional = |key| output.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            content: optional("content"),
            thinking: optional("thinking"),
            calls: output["calls"].clone(),
        }
    }

    fn of_reply(reply: &Reply) -> Self {
        let calls = reply.tool_calls.iter().map(|call| {
            let f = &call.function;
            json!({"function": {"index": f.index, "name": f.name, "arguments": f.arguments}})
        });
        let (content, thinking) = (reply.content.clone(), reply.thinking.clone());
        Self { content, thinking, calls: calls.collect() }
    }

    /// White space that Ollama drops at either end, and we pass on.
    fn trimmed(&self) -> Self {
        let trim = |text: &str| text.trim().to_owned();
        Self {
            content: trim(&self.content),
            thinking: trim(&self.thinking),
            calls: self.calls.clone(),
        }
    }
}

fn run(mut parser: OutputParser, pieces: &Value) -> Reply {
    let mut reply = Reply::default();
    for piece in pieces.as_array().expect("pieces") {
        reply.extend(parser.push(piece.as_str().expect("a text")));
    }
    reply.extend(parser.finish());
    reply
}

/// Our own output for the cases listed as different, by `format/sample/think`.
fn listed(file: &str) -> BTreeMap<String, Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(file);
    serde_json::from_value(read_json(&path)["differences"].clone()).expect("a map")
}

/// The part of a case's name that says nothing of how the text was cut.
fn group(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [format, sample, _, think] => format!("{format}/{sample}/{think}"),
        [format, sample, _] => format!("{format}/{sample}"),
        _ => name.to_owned(),
    }
}

/// Compares `cases` and reports those whose difference is neither of a known kind nor listed.
fn compare(file: &str, list: &str, run_case: impl Fn(&Value) -> (Reply, Option<String>)) {
    let Some(folder) = folder("chat") else { return };
    let cases = read_json(&folder.join(file));
    let cases = cases.as_array().expect("cases");
    let mut variants: BTreeMap<String, Vec<Output>> = BTreeMap::new();
    for case in cases {
        let outputs = variants.entry(group(text(case, "name"))).or_default();
        outputs.push(Output::of_case(&case["output"]));
    }
    let mut listed = listed(list);
    let (mut failures, mut n_equal, mut used) = (Vec::new(), 0, Vec::new());
    for case in cases {
        let name = text(case, "name");
        let (reply, problem) = run_case(&case["input"]);
        let got = Output::of_reply(&reply);
        let wanted = Output::of_case(&case["output"]);
        let is_error = case["output"].get("error").is_some();
        if problem.is_none() && !is_error && got == wanted {
            n_equal += 1;
            continue;
        }
        let (got_text, wanted_text) = (got.trimmed(), wanted.trimmed());
        let known = if is_error {
            // Ollama ends the stream with an error; we pass the text on and say what was wrong.
            !reply.problems.is_empty() && got_text.content.starts_with(&wanted_text.content)
        } else {
            got_text == wanted_text || variants[&group(name)].contains(&got)
        };
        if problem.is_none() && known {
            continue;
        }
        let key = group(name);
        let ours = json!({"content": got.content, "thinking": got.thinking, "calls": got.calls});
        match listed.get(&key) {
            Some(entry) if entry["output"] == ours && entry["why"].is_string() => used.push(key),
            _ => failures.push(format!(
                "{name}: {problem:?}\n    got    {ours}\n    wanted {}",
                case["output"]
            )),
        }
    }
    used.iter().for_each(|key| drop(listed.remove(key)));
    failures.extend(listed.keys().map(|key| format!("{key} is listed as different and is not")));
    assert!(n_equal * 2 > cases.len(), "{file}: only {n_equal} of {} are equal", cases.len());
    let what = format!("chat/{file} ({n_equal} equal, {} listed, the rest by rule)", used.len());
    report(&what, cases.len(), &failures);
}

#[test]
fn named_formats_read_as_in_ollama() {
    compare("parsers.json", "parser-differences.json", |input| {
        let format = OutputFormat::by_name(text(input, "name")).expect("a known format");
        let tools = tools(input);
        let options =
            ParserOptions { tools: &tools, think: think(input), ..ParserOptions::default() };
        (run(format.parser(&options), &input["pieces"]), None)
    });
}

#[test]
fn named_formats_have_ollama_s_abilities() {
    let Some(folder) = folder("chat") else { return };
    for case in read_json(&folder.join("parsers.json")).as_array().expect("cases") {
        let format = OutputFormat::by_name(text(&case["input"], "name")).expect("a known format");
        assert_eq!(format.has_tools(), case["output"]["has_tools"] == true, "{format:?}");
        assert_eq!(format.has_thinking(), case["output"]["has_thinking"] == true, "{format:?}");
    }
}

#[test]
fn calls_are_found_by_a_template_s_tag_as_in_ollama() {
    compare("generic-tools.json", "generic-differences.json", |input| {
        let template = PromptTemplate::parse(text(input, "template")).expect("a template");
        let tools = tools(input);
        let options = ParserOptions { tools: &tools, ..ParserOptions::default() };
        (run(OutputParser::for_template(&template, &options), &input["pieces"]), None)
    });
}
