//! The parsers' three promises, on samples of every format: the same events however the text is
//! cut, nothing held back that need not be, nothing lost.
//!
//! `testdata/streams.json` holds samples with what must come of them; property tests add texts
//! made of the formats' marks in any order.

use camelid_api_types::ollama::{Think, Tool};
use camelid_template::{Event, OutputFormat, OutputParser, ParserOptions, Reply, ThinkingTags};
use proptest::prelude::*;
use serde_json::{Value, json};

const SAMPLES: &str = include_str!("../../testdata/streams.json");

/// A sample's text and how it is read.
struct Sample {
    format: String,
    tag: String,
    think: Option<Think>,
    text: String,
    wanted: Value,
}

fn samples() -> (Vec<Tool>, Vec<Sample>) {
    let file: Value = serde_json::from_str(SAMPLES).expect("JSON");
    let text = |json: &Value, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let samples = file["samples"].as_array().expect("a list").iter().map(|sample| Sample {
        format: text(sample, "format"),
        tag: text(sample, "tag"),
        think: sample["think"].as_bool().map(Think::from),
        text: text(sample, "text"),
        wanted: json!({
            "thinking": text(sample, "thinking"),
            "content": text(sample, "content"),
            "calls": sample.get("calls").cloned().unwrap_or(json!([])),
            "bad": sample.get("bad").cloned().unwrap_or(json!(0)),
        }),
    });
    (serde_json::from_value(file["tools"].clone()).expect("tools"), samples.collect())
}

fn parser(format: &str, tag: &str, think: Option<Think>, tools: &[Tool]) -> OutputParser {
    let options = ParserOptions { tools, think, ..ParserOptions::default() };
    match OutputFormat::by_name(format) {
        Some(format) => format.parser(&options),
        None => {
            let tags = ThinkingTags { open: "<think>".into(), close: "</think>".into() };
            let thinks = think.is_some_and(Think::is_on);
            OutputParser::generic(thinks.then_some(&tags), tag, &options)
        }
    }
}

/// All events of a text in pieces, with neighbours of one kind joined.
fn events<'a>(mut parser: OutputParser, pieces: impl Iterator<Item = &'a str>) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    let mut add = |events: Vec<Event>| {
        for event in events {
            match (all.last_mut(), event) {
                (Some(Event::Content(last)), Event::Content(text))
                | (Some(Event::Thinking(last)), Event::Thinking(text)) => last.push_str(&text),
                (_, event) => all.push(event),
            }
        }
    };
    pieces.for_each(|piece| add(parser.push(piece)));
    add(parser.finish());
    all
}

fn summary(events: Vec<Event>) -> Value {
    let reply: Reply = events.into_iter().collect();
    let calls: Vec<Value> =
        reply.tool_calls.iter().map(|c| json!([c.function.name, c.function.arguments])).collect();
    json!({
        "thinking": reply.thinking, "content": reply.content, "calls": calls,
        "bad": reply.problems.len(),
    })
}

#[test]
fn samples_give_their_events_however_they_are_cut() {
    let (tools, samples) = samples();
    for sample in &samples {
        let new = || parser(&sample.format, &sample.tag, sample.think, &tools);
        let text = sample.text.as_str();
        let whole = events(new(), [text].into_iter());
        assert_eq!(summary(whole.clone()), sample.wanted, "{}: {text}", sample.format);
        let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
        for &at in &boundaries {
            let (a, b) = text.split_at(at);
            assert_eq!(events(new(), [a, b].into_iter()), whole, "{} cut at {at}", sample.format);
        }
        let characters = text.split_inclusive(|_: char| true);
        assert_eq!(events(new(), characters), whole, "{} by characters", sample.format);
    }
}

#[test]
fn every_format_reads_every_sample_the_same_however_it_is_cut() {
    let (tools, samples) = samples();
    for name in OutputFormat::names() {
        for sample in &samples {
            for think in [None, Some(Think::On), Some(Think::Off)] {
                let new = || parser(name, "{", think, &tools);
                let whole = events(new(), [sample.text.as_str()].into_iter());
                let characters = sample.text.split_inclusive(|_: char| true);
                assert_eq!(events(new(), characters), whole, "{name} over {:?}", sample.text);
            }
        }
    }
}

#[test]
fn plain_text_is_passed_on_at_once() {
    for name in OutputFormat::names().filter(|name| *name != "llama3") {
        let mut parser = parser(name, "", Some(Think::Off), &[]);
        parser.push("Hello");
        let now: Reply = parser.push(", wor").into_iter().collect();
        assert!((now.content + &now.thinking).ends_with("wor"), "{name}");
    }
}

/// Pieces of all the formats' notations, whole and broken.
fn fragment() -> impl Strategy<Value = String> {
    const MARKS: &[&str] = &[
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<function=get>",
        "</function>",
        "<parameter=city>",
        "</parameter>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "{}",
        "{\"name\": \"get\"",
        ", \"arguments\": {}}",
        "<|channel|>",
        "final",
        "<|message|>",
        "<|end|>",
        "<|start|>",
        "to=functions.get",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁sep｜>",
        "<arg_key>",
        "</arg_value>",
        "call:get{",
        "<|\"|>",
        "[get(",
        ")]",
        "\"",
        "\\",
        "\n",
        "  ",
        "é",
        "😀",
        "<",
        "{",
        "}",
        "]",
    ];
    prop_oneof![proptest::sample::select(MARKS).prop_map(str::to_owned), ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_text_depends_on_its_pieces(
        fragments in prop::collection::vec(fragment(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (tools, _) = samples();
        let text = fragments.concat();
        let boundaries: Vec<usize> = (0..=text.len()).filter(|&i| text.is_char_boundary(i)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| boundaries[cut.index(boundaries.len())]).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let tags = ["<tool_call>", "{", "["].map(|tag| ("generic", tag));
        for (name, tag) in OutputFormat::names().map(|name| (name, "")).chain(tags) {
            for think in [Some(Think::On), Some(Think::Off)] {
                let new = || parser(name, tag, think, &tools);
                let whole = events(new(), [text.as_str()].into_iter());
                let pieces = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
                prop_assert_eq!(&events(new(), pieces), &whole, "{} over {:?}", name, text);
            }
        }
    }
}
