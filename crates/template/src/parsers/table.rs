//! The formats by name: a row each.

use super::tagged::{CallForm, Close, Format, Lead, Thinks};
use super::{
    cohere_call, deepseek_call, gemma_call, json_call, mistral_call, python_call, xml_call,
};

/// A named format and what is to be known about it before it is used.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) has_tools: bool,
    pub(super) has_thinking: bool,
    /// Special tokens that the engine must print for the parser to see.
    pub(super) visible: &'static [&'static str],
    pub(super) format: Format,
}

/// The row of that name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

const TOOL_CALL_JSON: CallForm =
    CallForm { open: "<tool_call>", close: Close::Tag("</tool_call>"), parse: json_call::calls };
const TOOL_CALL_XML: CallForm = CallForm { parse: xml_call::coder, ..TOOL_CALL_JSON };
const TOOL_CALL_PAIRS: CallForm = CallForm { parse: xml_call::arg_pairs, ..TOOL_CALL_JSON };
const TOOL_CALL_TAGS: &[&str] = &["<tool_call>", "</tool_call>"];
const THINK_AND_CALL_TAGS: &[&str] = &["<think>", "</think>", "<tool_call>", "</tool_call>"];
const THINK_TAGS: &[&str] = &["<think>", "</think>"];

/// Thinking that the prompt has opened, unless an answer is continued.
const OPENED: Thinks = Thinks {
    default: true,
    on: Lead::ThinkingMaybeOpened,
    off: Lead::Content,
    unless_prefill: true,
    unless_tools: false,
    after_tool: false,
};
/// The same for models that think whatever they are asked, and write no opening tag.
const ALWAYS: Thinks = Thinks { on: Lead::Thinking, off: Lead::Thinking, ..OPENED };

const HERMES: Format = Format { calls: &[TOOL_CALL_JSON], ..Format::PLAIN };
const HERMES_THINKING: Format = Format { thinks: OPENED, calls_end_thinking: true, ..HERMES };
const CODER: Format = Format { calls: &[TOOL_CALL_XML], ..Format::PLAIN };
const CODER_THINKING: Format = Format { thinks: OPENED, calls_end_thinking: true, ..CODER };
const LAGUNA_ALIASES: &[(&str, &str)] = &[
    ("read_file", "read"),
    ("write_file", "write"),
    ("edit_file", "edit"),
    ("web_fetch", "webfetch"),
];
const GLM: Format = Format { calls: &[TOOL_CALL_PAIRS], ..Format::PLAIN };

const fn row(name: &'static str, visible: &'static [&'static str], format: Format) -> Row {
    Row { name, has_tools: true, has_thinking: false, visible, format }
}

const fn thinking_row(name: &'static str, visible: &'static [&'static str], format: Format) -> Row {
    Row { name, has_tools: true, has_thinking: true, visible, format }
}

static ROWS: &[Row] = &[
    // Ollama's names.
    Row {
        name: "passthrough",
        has_tools: false,
        has_thinking: false,
        visible: &[],
        format: Format::PLAIN,
    },
    row("qwen3", TOOL_CALL_TAGS, HERMES),
    thinking_row(
        "qwen3-thinking",
        THINK_AND_CALL_TAGS,
        Format { thinks: Thinks { unless_prefill: false, ..OPENED }, ..HERMES_THINKING },
    ),
    row("qwen3-vl-instruct", TOOL_CALL_TAGS, HERMES),
    thinking_row(
        "qwen3-vl-thinking",
        THINK_AND_CALL_TAGS,
        Format { thinks: ALWAYS, ..HERMES_THINKING },
    ),
    row("qwen3-coder", TOOL_CALL_TAGS, CODER),
    thinking_row("qwen3.5", THINK_AND_CALL_TAGS, CODER_THINKING),
    thinking_row("ornith", THINK_AND_CALL_TAGS, CODER_THINKING),
    thinking_row("nemotron-3-nano", THINK_AND_CALL_TAGS, CODER_THINKING),
    thinking_row("nemotron-3.5-nano", THINK_AND_CALL_TAGS, CODER_THINKING),
    row("ministral", MISTRAL_TAGS, MINISTRAL),
    thinking_row("cogito", DEEPSEEK_TAGS, COGITO),
    thinking_row("deepseek3", DEEPSEEK_TAGS, DEEPSEEK),
    row(
        "olmo3",
        &["<function_calls>", "</function_calls>"],
        Format {
            calls: &[CallForm {
                open: "<function_calls>",
                close: Close::Tag("</function_calls>"),
                parse: python_call::lines,
            }],
            ..Format::PLAIN
        },
    ),
    Row {
        name: "olmo3-think",
        has_tools: false,
        has_thinking: true,
        visible: THINK_TAGS,
        format: Format { thinks: ALWAYS, ..Format::PLAIN },
    },
    row(
        "functiongemma",
        &["<start_function_call>", "<end_function_call>", "<escape>"],
        Format {
            calls: &[CallForm {
                open: "<start_function_call>",
                close: Close::Tag("<end_function_call>"),
                parse: gemma_call::function_gemma,
            }],
            ..Format::PLAIN
        },
    ),
    thinking_row("gemma4", GEMMA4_TAGS, GEMMA4),
    row("gemma4-no-thinking", GEMMA4_TAGS, Format { thinks: Thinks::NEVER, ..GEMMA4 }),
    thinking_row(
        "glm-4.7",
        THINK_AND_CALL_TAGS,
        Format {
            thinks: Thinks {
                on: Lead::Thinking,
                off: Lead::Decide,
                unless_prefill: false,
                ..OPENED
            },
            ..GLM
        },
    ),
    thinking_row(
        "glm-ocr",
        THINK_AND_CALL_TAGS,
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            ..GLM
        },
    ),
    row("lfm2", LFM2_TAGS, LFM2),
    thinking_row(
        "lfm2-thinking",
        LFM2_TAGS,
        Format { thinks: Thinks { default: false, on: Lead::Decide, ..OPENED }, ..LFM2 },
    ),
    thinking_row(
        "laguna",
        THINK_AND_CALL_TAGS,
        Format {
            thinks: Thinks { default: false, ..OPENED },
            think_open: &["<think>"],
            calls_end_thinking: true,
            aliases: LAGUNA_ALIASES,
            ..GLM
        },
    ),
    thinking_row(
        "poolside-v1",
        THINK_AND_CALL_TAGS,
        Format {
            thinks: Thinks { default: false, unless_prefill: false, ..OPENED },
            think_open: &["<think>"],
            calls_end_thinking: true,
            aliases: LAGUNA_ALIASES,
            ..GLM
        },
    ),
    thinking_row("cohere", COHERE_TAGS, COHERE),
    // Formats that Ollama leaves to its generic parser or to llama.cpp.
    thinking_row(
        "hermes",
        THINK_AND_CALL_TAGS,
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            ..HERMES_THINKING
        },
    ),
    row(
        "llama3",
        &["<|python_tag|>"],
        Format {
            calls: &[CallForm {
                open: "<|python_tag|>",
                close: Close::AtEnd,
                parse: json_call::calls,
            }],
            bare: Some(&BARE_OBJECT),
            ..Format::PLAIN
        },
    ),
    row(
        "command-r",
        &[],
        Format {
            calls: &[CallForm {
                open: "Action:",
                close: Close::AtEnd,
                parse: cohere_call::actions,
            }],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "deepseek-r1",
        DEEPSEEK_TAGS,
        Format {
            thinks: Thinks { default: true, on: Lead::ThinkingMaybeOpened, ..DEEPSEEK.thinks },
            ..DEEPSEEK
        },
    ),
    row(
        "phi4-mini",
        &["<|tool_call|>", "<|/tool_call|>"],
        Format {
            calls: &[CallForm {
                open: "<|tool_call|>",
                close: Close::Tag("<|/tool_call|>"),
                parse: json_call::calls,
            }],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "granite",
        &["<|tool_call|>", "<tool_call>", "</tool_call>"],
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            calls: &[
                CallForm { open: "<|tool_call|>", close: Close::AtEnd, parse: json_call::calls },
                TOOL_CALL_JSON,
            ],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "kimi-k2",
        KIMI_TAGS,
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            calls: &[CallForm {
                open: "<|tool_calls_section_begin|>",
                close: Close::Tag("<|tool_calls_section_end|>"),
                parse: deepseek_call::kimi,
            }],
            calls_end_thinking: true,
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "apriel",
        &["<tool_calls>", "</tool_calls>"],
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            calls: &[CallForm {
                open: "<tool_calls>",
                close: Close::Tag("</tool_calls>"),
                parse: json_call::calls,
            }],
            ..Format::PLAIN
        },
    ),
    row(
        "gigachat",
        &["<|function_call|>"],
        Format {
            calls: &[CallForm {
                open: "<|function_call|>",
                close: Close::Inside(json_call::balanced),
                parse: json_call::calls,
            }],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "minicpm",
        &["<think>", "</think>", "<function", "</function>"],
        Format {
            thinks: Thinks { on: Lead::Decide, off: Lead::Decide, unless_prefill: false, ..OPENED },
            calls: &[CallForm {
                open: "<function name=",
                close: Close::Tag("</function>"),
                parse: xml_call::params,
            }],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "kimi-k3",
        &["<|open|>", "<|close|>", "<|sep|>"],
        Format {
            thinks: Thinks { on: Lead::ThinkingMaybeOpened, ..OPENED },
            lead_tag: "<|open|>think<|sep|>",
            think_open: &["<|open|>think<|sep|>"],
            think_close: &["<|close|>think<|sep|>"],
            calls: &[CallForm {
                open: "<|open|>tools<|sep|>",
                close: Close::Tag("<|close|>tools<|sep|>"),
                parse: xml_call::kimi3,
            }],
            dropped: &[
                "<|open|>response<|sep|>",
                "<|close|>response<|sep|>",
                "<|close|>message<|sep|>",
            ],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "deepseek-v3.2",
        &["<think>", "</think>"],
        Format {
            thinks: OPENED,
            calls: &[
                CallForm {
                    open: "<｜DSML｜function_calls>",
                    close: Close::Tag("</｜DSML｜function_calls>"),
                    parse: xml_call::dsml,
                },
                CallForm {
                    open: "<｜DSML｜tool_calls>",
                    close: Close::Tag("</｜DSML｜tool_calls>"),
                    parse: xml_call::dsml,
                },
            ],
            ..Format::PLAIN
        },
    ),
    thinking_row(
        "minimax",
        &["<think>", "</think>", "<minimax:tool_call>", "</minimax:tool_call>"],
        Format {
            thinks: OPENED,
            calls: &[CallForm {
                open: "<minimax:tool_call>",
                close: Close::Tag("</minimax:tool_call>"),
                parse: xml_call::invoke,
            }],
            calls_end_thinking: true,
            ..Format::PLAIN
        },
    ),
];

const MISTRAL_TAGS: &[&str] = &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]"];
const MINISTRAL: Format = Format {
    think_open: &["[THINK]"],
    think_close: &["[/THINK]"],
    calls: &[CallForm {
        open: "[TOOL_CALLS]",
        close: Close::Inside(mistral_call::end),
        parse: mistral_call::calls,
    }],
    ..Format::PLAIN
};

const DEEPSEEK_TAGS: &[&str] = &[
    "<think>",
    "</think>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁outputs▁begin｜>",
    "<｜tool▁outputs▁end｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
];
const DEEPSEEK_CALLS: CallForm = CallForm {
    open: "<｜tool▁calls▁begin｜>",
    close: Close::Tag("<｜tool▁calls▁end｜>"),
    parse: deepseek_call::deepseek,
};
const DEEPSEEK: Format = Format {
    thinks: Thinks { default: false, on: Lead::Thinking, ..OPENED },
    calls: &[DEEPSEEK_CALLS],
    dropped: &[
        "<｜tool▁outputs▁begin｜>",
        "<｜tool▁outputs▁end｜>",
        "<｜tool▁output▁begin｜>",
        "<｜tool▁output▁end｜>",
    ],
    ..Format::PLAIN
};
const COGITO: Format = Format {
    thinks: Thinks { unless_tools: true, ..DEEPSEEK.thinks },
    calls: &[
        DEEPSEEK_CALLS,
        CallForm {
            open: "<｜tool▁outputs▁begin｜>",
            close: Close::Tag("<｜tool▁outputs▁end｜>"),
            parse: deepseek_call::ignored,
        },
    ],
    ..Format::PLAIN
};

const GEMMA4_TAGS: &[&str] =
    &["<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|tool_response>"];
const GEMMA4: Format = Format {
    thinks: Thinks { after_tool: true, ..Thinks::NEVER },
    think_open: &["<|channel>thought", "<|channel>"],
    think_close: &["<channel|>"],
    hides_unasked: true,
    calls: &[CallForm {
        open: "<|tool_call>",
        close: Close::Tag("<tool_call|>"),
        parse: gemma_call::gemma4,
    }],
    calls_end_thinking: true,
    dropped: &["<tool_call|>", "<|tool_response>"],
    ..Format::PLAIN
};

const LFM2_TAGS: &[&str] = &["<think>", "</think>", "<|tool_call_start|>", "<|tool_call_end|>"];
const LFM2: Format = Format {
    calls: &[CallForm {
        open: "<|tool_call_start|>",
        close: Close::Tag("<|tool_call_end|>"),
        parse: python_call::list,
    }],
    ..Format::PLAIN
};

const COHERE_TAGS: &[&str] = &[
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|START_ACTION|>",
    "<|END_ACTION|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
];
const COHERE: Format = Format {
    thinks: Thinks { on: Lead::ThinkingMaybeOpened, ..OPENED },
    lead_tag: "<|START_THINKING|>",
    think_open: &["<|START_THINKING|>"],
    think_close: &["<|END_THINKING|>"],
    calls: &[CallForm {
        open: "<|START_ACTION|>",
        close: Close::Tag("<|END_ACTION|>"),
        parse: cohere_call::actions,
    }],
    dropped: &[
        "<|START_TEXT|>",
        "<|END_TEXT|>",
        "<|START_RESPONSE|>",
        "<|END_RESPONSE|>",
        "<|END_OF_TURN_TOKEN|>",
    ],
    ..Format::PLAIN
};

const KIMI_TAGS: &[&str] = &[
    "<think>",
    "</think>",
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
];

/// A reply that is one JSON object, as Llama 3 calls tools.
const BARE_OBJECT: CallForm = CallForm {
    open: "{",
    close: Close::Inside(json_call::bare_end),
    parse: json_call::bare_object,
};

/// The names, in the table's order.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::super::tagged::{ParserOptions, Tagged};
    use super::*;
    use crate::Reply;

    #[test]
    fn habitual_names_mean_the_declared_tool() {
        let tool = |name: &str| {
            let mut tool = camelid_api_types::ollama::Tool::default();
            tool.function.name = name.to_owned();
            tool
        };
        let called = |tools: &[_]| {
            let options = ParserOptions { tools, ..ParserOptions::default() };
            let mut parser = Tagged::new(&find("laguna").unwrap().format, &options);
            let reply: Reply =
                parser.push("<tool_call>read_file\n</tool_call>").into_iter().collect();
            reply.tool_calls[0].function.name.clone()
        };
        assert_eq!(called(&[tool("read")]), "read");
        assert_eq!(called(&[tool("read"), tool("read_file")]), "read_file");
        assert_eq!(called(&[tool("other")]), "read_file");
    }

    #[test]
    fn names_are_unique() {
        for name in names() {
            assert_eq!(names().filter(|other| *other == name).count(), 1, "{name}");
        }
    }
}
