//! Feeds a model's output to every parser, whole and in two pieces: the events must be the same.

#![no_main]

use camelid_template::{Event, OutputFormat, OutputParser, ParserOptions, Reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (cut, text) = input;
    let cut = (0..=text.len().min(usize::from(cut))).rev().find(|&at| text.is_char_boundary(at));
    let (head, tail) = text.split_at(cut.unwrap_or(0));
    let tool = serde_json::json!({"type": "function", "function": {"name": "get", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}
    }}});
    let tools = [serde_json::from_value(tool).expect("a tool")];
    for think in [None, Some(true.into()), Some(false.into())] {
        let options = ParserOptions { tools: &tools, think, ..ParserOptions::default() };
        for name in OutputFormat::names() {
            let format = OutputFormat::by_name(name).expect("a listed format");
            let whole = read(format.parser(&options), &[text]);
            assert_eq!(read(format.parser(&options), &[head, tail]), whole, "{name}");
        }
        for tag in ["{", "<tool_call>", "[TOOL_CALLS] ["] {
            let new = || OutputParser::generic(None, tag, &options);
            assert_eq!(read(new(), &[head, tail]), read(new(), &[text]), "{tag}");
        }
    }
});

fn read(mut parser: OutputParser, pieces: &[&str]) -> Reply {
    let events: Vec<Event> = pieces.iter().flat_map(|piece| parser.push(piece)).collect();
    let mut reply: Reply = events.into_iter().collect();
    reply.extend(parser.finish());
    reply
}
