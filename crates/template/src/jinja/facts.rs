//! What a Jinja template's text tells about its model, without rendering it.
//!
//! These are searches for words, as Ollama does them; a template is a program, and what it does
//! with a word is not looked at.

use crate::prompt::{Capabilities, PromptTemplate};

/// What a model with this Jinja template can do.
#[must_use]
pub fn jinja_capabilities(source: &str) -> Capabilities {
    let has = |word: &str| source.contains(word);
    let tags = has("<think>") && has("</think>");
    let splits = has(".split('</think>')") || has(".split(\"</think>\")");
    let splits = splits && !has("reasoning_content") && !has("<SPECIAL_12>");
    Capabilities {
        tools: has("tools") || has("tool_call"),
        insert: false,
        thinking: tags || splits,
    }
}

/// Of a model that has both, should the Jinja template make the prompt?
///
/// It should when it can do more than the Go template; but a Go template that shows the model its
/// calls and their results is not given up for a Jinja template that does not.
#[must_use]
pub fn prefers_jinja(go: &PromptTemplate, jinja_source: &str) -> bool {
    let (j, g) = (jinja_capabilities(jinja_source), go.capabilities());
    let count =
        |c: Capabilities| [c.tools, c.insert, c.thinking].into_iter().filter(|&b| b).count();
    let (jinja_trips, go_trips) = (round_trips(jinja_source), go_round_trips(go));
    if count(j) > count(g) {
        return jinja_trips || !go_trips;
    }
    j == g && j.tools && jinja_trips && !go_trips
}

/// Does the template show past calls and what came back?
fn round_trips(source: &str) -> bool {
    let has = |word: &&str| source.contains(*word);
    let calls = ["tool_calls", "assistant_tool_call"];
    let results = [
        "tool_response",
        "tool_results",
        "ipython",
        "== 'tool'",
        "== \"tool\"",
        "=='tool'",
        "==\"tool\"",
    ];
    jinja_capabilities(source).tools && calls.iter().any(has) && results.iter().any(has)
}

fn go_round_trips(go: &PromptTemplate) -> bool {
    let uses = |name: &str| go.variables().any(|variable| variable == name);
    let marks = ["eq .Role \"tool\"", "tool_response", "TOOL_RESULTS"];
    uses("tools") && uses("toolcalls") && marks.iter().any(|mark| go.text().contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: &str = "{{ range .Messages }}{{ if eq .Role \"tool\" }}{{ .Content }}{{ end }}\
        {{ .ToolCalls }}{{ end }}{{ .Tools }}";

    #[test]
    fn the_abler_template_wins_and_ties_stay_with_go() {
        let go = |text| PromptTemplate::parse(text).unwrap();
        let plain = go("{{ range .Messages }}{{ .Content }}{{ end }}");
        let tools = go("{{ range .Messages }}{{ .Content }}{{ end }}{{ .Tools }}");
        let trips =
            "{% if tools %}{{ m.tool_calls }}{% if m.role == 'tool' %}x{% endif %}{% endif %}";
        assert!(prefers_jinja(&plain, "{% if tools %}{% endif %}"));
        assert!(!prefers_jinja(&plain, "{{ messages }}"));
        assert!(prefers_jinja(&tools, trips));
        assert!(!prefers_jinja(&tools, "{% if tools %}{% endif %}"));
        assert!(!prefers_jinja(&go(ROUND_TRIP), "{% if tools %}<think></think>{% endif %}"));
        assert!(prefers_jinja(&go(ROUND_TRIP), &format!("<think></think>{trips}")));
    }
}
