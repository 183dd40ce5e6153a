//! A grammar in `llguidance`'s dialect of Lark.
//!
//! ```text
//! start: call                      or, in parallel, call ("\n" call)*
//! call: call_0 | call_1            a rule per tool
//! call_0: "<tool_call>..." json_0 "}..."
//! json_0: %json { ...schema... }
//! ```
//!
//! Arguments written one by one become a chain of rules, so that those which must be given are, in
//! the order of the schema, and separators stand only between those that are there:
//! `args_0_2` is what may follow when nothing before the third argument was given, `more_0_2` when
//! something was.

use std::fmt::Write as _;

use camelid_api_types::ollama::{Tool, ToolProperty};
use serde_json::Value as Json;

use super::TokenId;
use super::schema;
use super::shape::{Arguments, Each, Shape, Text, fill};

/// The grammar's text.
pub(super) fn grammar(
    shape: &Shape,
    tools: &[&Tool],
    parallel: bool,
    marks: &[&str],
    token_id: TokenId<'_>,
) -> String {
    let mut builder = Builder { out: String::new(), marks, token_id, n_texts: 0 };
    builder.start(shape, parallel);
    let names: Vec<String> = (0..tools.len()).map(|i| format!("call_{i}")).collect();
    builder.rule("call", &names.join(" | "));
    for (i, tool) in tools.iter().enumerate() {
        builder.call(shape, i, tool);
    }
    builder.out
}

struct Builder<'a> {
    out: String,
    marks: &'a [&'a str],
    token_id: TokenId<'a>,
    n_texts: usize,
}

impl Builder<'_> {
    fn rule(&mut self, name: &str, body: &str) {
        // A rule without a body is the empty text.
        let body = if body.trim().is_empty() { "\"\"" } else { body };
        let _ = writeln!(self.out, "{name}: {body}");
    }

    /// `text` as literals, with the special tokens in it as tokens.
    fn literal(&self, text: &str) -> String {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let tokens = self
                .marks
                .iter()
                .filter_map(|mark| Some((rest.find(mark)?, *mark, (self.token_id)(mark)?)));
            match tokens.min_by_key(|&(at, mark, _)| (at, std::cmp::Reverse(mark.len()))) {
                Some((at, mark, id)) => {
                    parts.extend((at > 0).then(|| quoted(&rest[..at])));
                    parts.push(format!("<[{id}]>"));
                    rest = &rest[at + mark.len()..];
                }
                None => {
                    parts.push(quoted(rest));
                    rest = "";
                }
            }
        }
        parts.join(" ")
    }

    fn start(&mut self, shape: &Shape, parallel: bool) {
        let separator = self.literal(shape.separator);
        let calls = if parallel { format!("call ({separator} call)*") } else { "call".to_owned() };
        let body = [self.literal(shape.open), calls, self.literal(shape.close)].join(" ");
        self.rule("start", body.trim());
    }

    fn call(&mut self, shape: &Shape, i: usize, tool: &Tool) {
        let name = &tool.function.name;
        let before = self.literal(&fill(shape.before, name, "", false, ""));
        let after = self.literal(&fill(shape.after, name, "", false, ""));
        match &shape.arguments {
            Arguments::Json => {
                self.rule(&format!("call_{i}"), &format!("{before} json_{i} {after}"));
                let schema = schema::arguments(&tool.function.parameters);
                self.rule(&format!("json_{i}"), &format!("%json {schema}"));
            }
            Arguments::Each(each) => {
                self.rule(&format!("call_{i}"), &format!("{before} args_{i}_0 {after}"));
                self.chain(each, i, tool);
            }
        }
    }

    fn chain(&mut self, each: &Each, i: usize, tool: &Tool) {
        let parameters = &tool.function.parameters;
        let properties: Vec<_> = parameters.properties.iter().flatten().collect();
        let separator = self.literal(each.separator);
        for (k, (key, property)) in properties.iter().enumerate() {
            let next = k + 1;
            let is_required = parameters.required.contains(key);
            let (given, skipped) =
                (format!("arg_{i}_{k} more_{i}_{next}"), format!("args_{i}_{next}"));
            let first = if is_required { given.clone() } else { format!("{given} | {skipped}") };
            self.rule(&format!("args_{i}_{k}"), &first);
            if k > 0 {
                let skip = if is_required { String::new() } else { format!(" | more_{i}_{next}") };
                self.rule(&format!("more_{i}_{k}"), &format!("{separator} {given}{skip}"));
            }
            self.argument(each, i, k, key, property);
        }
        let end = properties.len();
        self.rule(&format!("args_{i}_{end}"), "");
        if end > 0 {
            self.rule(&format!("more_{i}_{end}"), "");
        }
    }

    fn argument(&mut self, each: &Each, i: usize, k: usize, key: &str, property: &ToolProperty) {
        let is_text = property.kind.0 == ["string"] || is_untyped(property);
        let kind = property.kind.0.first().map_or("string", String::as_str);
        let before = self.literal(&fill(each.before, "", key, is_text, kind));
        let after = self.literal(each.after);
        let value = match each.text {
            Text::Bare | Text::Between(_) if is_text => self.text(each, property),
            _ => {
                // A property is plain data, as the tool around it.
                let schema = serde_json::to_value(property).unwrap_or_default();
                format!("%json {schema} {after}")
            }
        };
        self.rule(&format!("arg_{i}_{k}"), &format!("{before} {value}"));
    }

    /// A text with what comes after it: one of the values allowed, or anything up to its end.
    fn text(&mut self, each: &Each, property: &ToolProperty) -> String {
        let (open, close) = match each.text {
            Text::Between(mark) => (mark, format!("{mark}{}", each.after)),
            Text::Bare | Text::Json => ("", each.after.to_owned()),
        };
        let open = self.literal(open);
        let choices: Vec<&str> = property.values.iter().filter_map(Json::as_str).collect();
        if !choices.is_empty() {
            let choices: Vec<String> = choices.iter().map(|choice| quoted(choice)).collect();
            return format!("{open} ({}) {}", choices.join(" | "), self.literal(&close));
        }
        let name = format!("text_{}", self.n_texts);
        self.n_texts += 1;
        if self.literal(&close).contains("<[") {
            // A special token ends a text by itself: no text can hold it.
            self.rule(&name, "/(?s:.*)/");
            return format!("{open} {name} {}", self.literal(&close));
        }
        self.rule(&format!("{name}[suffix={}]", quoted(&close)), "/(?s:.*)/");
        format!("{open} {name}")
    }
}

fn is_untyped(property: &ToolProperty) -> bool {
    property.kind.is_empty() && property.any_of.is_empty()
}

/// A Lark string literal, which is written as a JSON string.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
