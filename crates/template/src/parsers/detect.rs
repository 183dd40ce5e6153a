//! Which format a Jinja chat template shows, by the marks it holds.

/// `(marks, of which all must be there, format)`; the first row that fits counts.
static MARKS: &[(&[&str], &str)] = &[
    (&["<|channel|>", "<|message|>"], "harmony"),
    (&["<function=", "<think>"], "qwen3.5"),
    (&["<function="], "qwen3-coder"),
    (&["<arg_key>"], "laguna"),
    (&["<minimax:tool_call>"], "minimax"),
    (&["｜DSML｜"], "deepseek-v3.2"),
    (&["<|tool_calls_section_begin|>"], "kimi-k2"),
    (&["<｜tool▁calls▁begin｜>"], "deepseek-r1"),
    (&["[TOOL_CALLS]"], "ministral"),
    (&["<|START_ACTION|>"], "cohere"),
    (&["<|tool_call_start|>"], "lfm2-thinking"),
    (&["<start_function_call>"], "functiongemma"),
    (&["<|tool_call>"], "gemma4"),
    (&["<function_calls>"], "olmo3"),
    (&["<|tool_call|>", "<|/tool_call|>"], "phi4-mini"),
    (&["<|tool_call|>"], "granite"),
    (&["<tool_calls>"], "apriel"),
    (&["<tool_call>"], "hermes"),
    (&["<|function_call|>"], "gigachat"),
    (&["<function name="], "minicpm"),
    (&["<|open|>", "<|sep|>"], "kimi-k3"),
    (&["<|python_tag|>"], "llama3"),
    (&["ipython"], "llama3"),
    (&["Action:", "tool_name"], "command-r"),
    (&["<think>"], "hermes"),
    (&["</think>"], "hermes"),
];

/// The name of the format that `source` shows.
pub(super) fn name_of(source: &str) -> Option<&'static str> {
    let fits = |marks: &[&str]| marks.iter().all(|mark| source.contains(mark));
    MARKS.iter().find(|(marks, _)| fits(marks)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parsers::OutputFormat;

    #[test]
    fn every_detected_name_is_a_format() {
        for (_, name) in MARKS {
            assert!(OutputFormat::by_name(name).is_some(), "{name}");
        }
        assert_eq!(name_of("{{ messages }}"), None);
    }
}
