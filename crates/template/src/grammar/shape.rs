//! How each format writes a call, as the parsers read it.
//!
//! In the texts `{name}` is the tool's name, `{key}` an argument's.

/// A block of calls: `open call separator call ... close`.
pub(super) struct Shape {
    pub(super) open: &'static str,
    pub(super) separator: &'static str,
    pub(super) close: &'static str,
    /// Before a call's arguments.
    pub(super) before: &'static str,
    pub(super) arguments: Arguments,
    /// After them.
    pub(super) after: &'static str,
}

/// How arguments are written.
pub(super) enum Arguments {
    /// As one JSON object.
    Json,
    /// One by one.
    Each(Each),
}

/// An argument by itself.
pub(super) struct Each {
    /// Before its value.
    pub(super) before: &'static str,
    /// After it.
    pub(super) after: &'static str,
    /// Between two.
    pub(super) separator: &'static str,
    /// How a text is written; other values are JSON.
    pub(super) text: Text,
}

/// How a text is written as an argument's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// As it is, up to what comes after it.
    Bare,
    /// As a JSON string.
    Json,
    /// Between two of these marks.
    Between(&'static str),
}

/// A call in a JSON object of its own.
const fn json(before: &'static str, after: &'static str, separator: &'static str) -> Shape {
    Shape { open: "", separator, close: "", before, arguments: Arguments::Json, after }
}

const fn each(before: &'static str, after: &'static str) -> Each {
    Each { before, after, separator: "", text: Text::Bare }
}

const HERMES: Shape =
    json("<tool_call>\n{\"name\": \"{name}\", \"arguments\": ", "}\n</tool_call>", "\n");
const CODER: Shape = Shape {
    open: "",
    separator: "\n",
    close: "",
    before: "<tool_call>\n<function={name}>\n",
    arguments: Arguments::Each(each("<parameter={key}>\n", "\n</parameter>\n")),
    after: "</function>\n</tool_call>",
};
const PAIRS: Shape = Shape {
    open: "",
    separator: "\n",
    close: "",
    before: "<tool_call>{name}\n",
    arguments: Arguments::Each(each("<arg_key>{key}</arg_key>\n<arg_value>", "</arg_value>\n")),
    after: "</tool_call>",
};
const DEEPSEEK: Shape = Shape {
    open: "<｜tool▁calls▁begin｜>",
    separator: "",
    close: "<｜tool▁calls▁end｜>",
    ..json("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "")
};

static SHAPES: &[(&[&str], Shape)] = &[
    (&["qwen3", "qwen3-thinking", "qwen3-vl-instruct", "qwen3-vl-thinking", "hermes"], HERMES),
    (&["qwen3-coder", "qwen3.5", "ornith", "nemotron-3-nano", "nemotron-3.5-nano"], CODER),
    (&["glm-4.7", "glm-ocr", "laguna", "poolside-v1"], PAIRS),
    (&["ministral"], json("[TOOL_CALLS]{name}[ARGS]", "", "")),
    (&["deepseek3", "deepseek-r1"], DEEPSEEK),
    (
        &["cogito"],
        Shape {
            separator: "\n",
            before: "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",
            after: "\n```<｜tool▁call▁end｜>",
            ..DEEPSEEK
        },
    ),
    (
        &["kimi-k2"],
        Shape {
            open: "<|tool_calls_section_begin|>",
            close: "<|tool_calls_section_end|>",
            ..json(
                "<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>",
                "<|tool_call_end|>",
                "",
            )
        },
    ),
    (
        &["kimi-k3"],
        Shape {
            open: "<|open|>tools<|sep|>",
            separator: "",
            close: "<|close|>tools<|sep|>",
            before: "<|open|>call tool=\"{name}\" index=\"1\"<|sep|>",
            arguments: Arguments::Each(each(
                "<|open|>argument key=\"{key}\" type=\"{type}\"<|sep|>",
                "<|close|>argument<|sep|>",
            )),
            after: "<|close|>call<|sep|>",
        },
    ),
    (
        &["harmony"],
        json(
            "<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>",
            "<|call|>",
            "<|start|>assistant",
        ),
    ),
    (
        &["glimmer"],
        Shape {
            open: "",
            separator: "<|start|>assistant",
            close: "",
            before: " to={name}<|message|><atem:function_calls>\n<atem:invoke name=\"{name}\">\n",
            arguments: Arguments::Each(each(
                "<atem:parameter name=\"{key}\">",
                "</atem:parameter>\n",
            )),
            after: "</atem:invoke>\n</atem:function_calls><|eom|>",
        },
    ),
    (
        &["cohere"],
        Shape {
            open: "<|START_ACTION|>[\n",
            close: "\n]<|END_ACTION|>",
            ..json(
                "    {\"tool_call_id\": \"0\", \"tool_name\": \"{name}\", \"parameters\": ",
                "}",
                ",\n",
            )
        },
    ),
    (
        &["command-r"],
        Shape {
            open: "Action: ```json\n[\n",
            close: "\n]```",
            ..json(
                "    {\n        \"tool_name\": \"{name}\",\n        \"parameters\": ",
                "\n    }",
                ",\n",
            )
        },
    ),
    (&["llama3"], json("{\"name\": \"{name}\", \"parameters\": ", "}", "")),
    (
        &["phi4-mini"],
        Shape {
            open: "<|tool_call|>[",
            close: "]<|/tool_call|>",
            ..json("{\"name\": \"{name}\", \"arguments\": ", "}", ", ")
        },
    ),
    (
        &["granite"],
        Shape {
            open: "<|tool_call|>[",
            close: "]",
            ..json("{\"name\": \"{name}\", \"arguments\": ", "}", ", ")
        },
    ),
    (
        &["apriel"],
        Shape {
            open: "<tool_calls>[",
            close: "]</tool_calls>",
            ..json("{\"name\": \"{name}\", \"arguments\": ", "}", ", ")
        },
    ),
    (&["gigachat"], json("<|function_call|>{\"name\": \"{name}\", \"arguments\": ", "}", "")),
    (
        &["minicpm"],
        Shape {
            open: "",
            separator: "\n",
            close: "",
            before: "<function name=\"{name}\">",
            arguments: Arguments::Each(each("<param name=\"{key}\">", "</param>")),
            after: "</function>",
        },
    ),
    (
        &["minimax"],
        Shape {
            open: "<minimax:tool_call>\n",
            separator: "\n",
            close: "\n</minimax:tool_call>",
            before: "<invoke name=\"{name}\">\n",
            arguments: Arguments::Each(each("<parameter name=\"{key}\">", "</parameter>\n")),
            after: "</invoke>",
        },
    ),
    (
        &["deepseek-v3.2"],
        Shape {
            open: "<｜DSML｜function_calls>\n",
            separator: "\n",
            close: "\n</｜DSML｜function_calls>",
            before: "<｜DSML｜invoke name=\"{name}\">\n",
            arguments: Arguments::Each(each(
                "<｜DSML｜parameter name=\"{key}\" string=\"{is_text}\">",
                "</｜DSML｜parameter>\n",
            )),
            after: "</｜DSML｜invoke>",
        },
    ),
    (
        &["olmo3"],
        Shape {
            open: "<function_calls>",
            separator: "\n",
            close: "</function_calls>",
            before: "{name}(",
            arguments: Arguments::Each(Each {
                before: "{key}=",
                after: "",
                separator: ", ",
                text: Text::Json,
            }),
            after: ")",
        },
    ),
    (
        &["lfm2", "lfm2-thinking"],
        Shape {
            open: "<|tool_call_start|>[",
            separator: ", ",
            close: "]<|tool_call_end|>",
            before: "{name}(",
            arguments: Arguments::Each(Each {
                before: "{key}=",
                after: "",
                separator: ", ",
                text: Text::Json,
            }),
            after: ")",
        },
    ),
    (
        &["functiongemma"],
        Shape {
            open: "",
            separator: "",
            close: "",
            before: "<start_function_call>call:{name}{",
            arguments: Arguments::Each(Each {
                before: "{key}:",
                after: "",
                separator: ",",
                text: Text::Between("<escape>"),
            }),
            after: "}<end_function_call>",
        },
    ),
    (
        &["gemma4", "gemma4-no-thinking"],
        Shape {
            open: "",
            separator: "",
            close: "",
            before: "<|tool_call>call:{name}{",
            arguments: Arguments::Each(Each {
                before: "{key}:",
                after: "",
                separator: ",",
                text: Text::Between("<|\"|>"),
            }),
            after: "}<tool_call|>",
        },
    ),
];

/// The shape of the format's calls.
pub(super) fn of(format: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|(names, _)| names.contains(&format)).map(|(_, shape)| shape)
}

/// Fills in a name or key.
pub(super) fn fill(text: &str, name: &str, key: &str, is_text: bool, kind: &str) -> String {
    text.replace("{name}", name)
        .replace("{key}", key)
        .replace("{is_text}", if is_text { "true" } else { "false" })
        .replace("{type}", kind)
}
