//! Templates as an attacker would write them: an error or an end, in bounded time and memory.

use camelid_api_types::ollama::Message;
use camelid_template::{ChatInputs, ChatTemplate, PromptInputs, PromptTemplate};
use proptest::prelude::*;

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 15);

fn conversation() -> [Message; 3] {
    [Message::system("s"), Message::user("u é"), Message::assistant("")]
}

/// The error's text, for templates that must fail.
fn go_error(text: &str) -> String {
    let template = match PromptTemplate::parse(text) {
        Ok(template) => template,
        Err(error) => return error.to_string(),
    };
    let inputs = PromptInputs { messages: &conversation(), ..PromptInputs::default() };
    template.render(&inputs, TODAY).expect_err("a hostile template").to_string()
}

#[test]
fn go_templates_that_run_on_are_stopped() {
    let loops = "{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}";
    let doubling = "{{ $x := \"abcdefgh\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}";
    let output = "{{ $x := printf \"%1000000d\" 1 }}{{ range 1000 }}{{ $x }}{{ end }}";
    let recursion = "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}";
    let widths = "{{ range 1000000 }}{{ $x := printf \"%1000000d%1000000d\" 1 1 }}{{ end }}";
    for (text, message) in [
        (loops, "more than 5000000 steps"),
        (doubling, "functions made more than"),
        (output, "output is longer than"),
        (recursion, "exceeded maximum template depth"),
        (widths, "functions made more than"),
    ] {
        assert!(go_error(text).contains(message), "{text}: {}", go_error(text));
    }
}

#[test]
fn go_templates_that_nest_are_refused() {
    let (open, close) = ("{{ if true }}".repeat(5000), "{{ end }}".repeat(5000));
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000));
    let long = "x".repeat(2 << 20);
    for text in [open.clone() + &close, open, parens, long, "{{/*".repeat(1000)] {
        assert!(PromptTemplate::parse(&text).is_err());
    }
}

fn go_fragment() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{ if ",
        "{{ else }}",
        "{{ else if ",
        "{{ end }}",
        "{{ range ",
        "{{ with ",
        "{{ define \"a\" }}",
        "{{ template \"a\" . }}",
        "{{ block \"b\" . }}",
        "{{/* c */}}",
        "$x := ",
        "$x",
        "$",
        ".",
        ".Messages",
        ".Content",
        ".System",
        "nil",
        "true",
        "\"s\"",
        "`r`",
        "1",
        "-5",
        "1.5",
        "'a'",
        "(",
        ")",
        "|",
        ",",
        "eq ",
        "and ",
        "or ",
        "not ",
        "len ",
        "index ",
        "slice ",
        "printf \"%v %[2]*.*d\" ",
        "print ",
        "json ",
        "html ",
        "call ",
        "break",
        "continue",
        " ",
        "text",
    ];
    prop_oneof![8 => proptest::sample::select(PARTS).prop_map(str::to_owned), 1 => ".{0,4}"]
}

fn jinja_fragment() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "{%- ",
        " -%}",
        "{# ",
        " #}",
        "{% if ",
        "{% endif %}",
        "{% for x in ",
        "{% endfor %}",
        "{% set x = ",
        "{% raw %}",
        "{% endraw %}",
        "{% generation %}",
        "messages",
        "x",
        "messages[0].content",
        "none",
        "[1, 2]",
        "{'a': 1}",
        "'s'",
        " | tojson",
        " | length",
        " | trim",
        " | map('upper') | list",
        " ~ ",
        " + ",
        " in ",
        " is defined",
        ".split('a')",
        "[-1]",
        "[1:]",
        "namespace(a=1)",
        "raise_exception('no')",
        "strftime_now('%Y')",
        "loop.index",
        "(",
        ")",
        "text",
    ];
    prop_oneof![8 => proptest::sample::select(PARTS).prop_map(str::to_owned), 1 => ".{0,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn go_templates_never_panic(parts in prop::collection::vec(go_fragment(), 0..24)) {
        if let Ok(template) = PromptTemplate::parse(&parts.concat()) {
            let inputs = PromptInputs { messages: &conversation(), ..PromptInputs::default() };
            // Any result is fine: the claim is that there is one.
            let _ = template.render(&inputs, TODAY);
            let _ = template.render_infill("a", "b", None, TODAY);
        }
    }

    #[test]
    fn jinja_templates_never_panic(parts in prop::collection::vec(jinja_fragment(), 0..24)) {
        if let Ok(template) = ChatTemplate::new(&parts.concat()) {
            let messages = conversation();
            let inputs = ChatInputs { messages: &messages, ..ChatInputs::default() };
            let _ = template.render(&inputs, TODAY.at(9, 30, 0, 0));
        }
    }
}
