//! What a template tells about its model: the variables it uses, the tags it puts around thinking,
//! and the text with which a tool call begins.

use std::collections::BTreeSet;

use crate::go::Template;
use crate::go::ast::{BranchKind, Expr, Node};

use super::walk::{mentions, walk};

/// The texts between which a model thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinkingTags {
    /// What opens thinking, such as `<think>`.
    pub open: String,
    /// What closes it.
    pub close: String,
}

/// Every name that a template mentions, in lower case: fields, and variables with all their fields.
pub(super) fn variables(template: &Template) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |name: &str| {
        names.insert(name.to_lowercase());
    };
    for nodes in template.all_nodes() {
        walk(nodes, &mut |arg, _| match &arg.expr {
            Expr::Field(path) => path.iter().for_each(|part| add(part)),
            Expr::Variable(name, path) => {
                add(name);
                path.iter().for_each(|part| add(part));
            }
            _ => {}
        });
    }
    names
}

/// The tags around `.Thinking` inside the loop over `.Messages`, either of them possibly empty.
///
/// The texts that begin and end the list of nodes in which `.Thinking` stands are taken for the
/// tags; of several places the last one counts, for each tag by itself.
pub(super) fn thinking_tags(template: &Template) -> ThinkingTags {
    let mut tags = ThinkingTags { open: String::new(), close: String::new() };
    walk(template.nodes(), &mut |arg, around| {
        let is_thinking = matches!(&arg.expr, Expr::Field(path) if path[0] == "Thinking");
        if !is_thinking || !around.range.is_some_and(|pipe| mentions(pipe, "Messages")) {
            return;
        }
        if let Some(Node::Text(text)) = around.nodes.first() {
            tags.open = text.trim().to_owned();
        }
        if let Some(Node::Text(text)) = around.nodes.last() {
            tags.close = text.trim().to_owned();
        }
    });
    tags
}

/// The text that a model writes before a tool call: what the template writes before those of past
/// turns, up to the JSON. `{` when it writes nothing.
pub(super) fn tool_tag(template: &Template) -> String {
    let text = tool_calls_body(template.nodes()).and_then(first_text).unwrap_or_default();
    let tag = text.split('{').next().unwrap_or_default().trim();
    if tag.is_empty() { "{".to_owned() } else { tag.to_owned() }
}

/// The body of the first `if` that asks for `.ToolCalls`.
fn tool_calls_body(nodes: &[Node]) -> Option<&[Node]> {
    nodes.iter().find_map(|node| {
        let Node::Branch(branch) = node else { return None };
        if branch.kind == BranchKind::If && mentions(&branch.pipe, "ToolCalls") {
            return Some(branch.body.as_slice());
        }
        tool_calls_body(&branch.body)
            .or_else(|| branch.else_body.as_deref().and_then(tool_calls_body))
    })
}

/// The first text that is not blank, unless an action or a whole control structure comes before.
fn first_text(nodes: &[Node]) -> Option<&str> {
    for node in nodes {
        match node {
            Node::Text(text) if text.trim().is_empty() => {}
            Node::Text(text) => return Some(text),
            Node::Branch(branch) => {
                return first_text(&branch.body)
                    .or_else(|| branch.else_body.as_deref().and_then(first_text));
            }
            Node::Action(..) | Node::Template(_) | Node::Break | Node::Continue => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Template {
        Template::parse("", text, super::super::functions::FUNCTIONS).unwrap()
    }

    #[test]
    fn tool_tags_are_found_or_fall_back_to_a_brace() {
        for (text, tag) in [
            ("{{ if .ToolCalls }}{{ end }}", "{"),
            ("{{ if .ToolCalls }}[{{ range .ToolCalls }}x{{ end }}]{{ end }}", "["),
            (
                "{{ if .ToolCalls }}<tool_call>\n{{ range .ToolCalls }}{{ . }}{{ end }}{{ end }}",
                "<tool_call>",
            ),
            (
                r#"{{ if .ToolCalls }}{{ range .ToolCalls }}<tool_call>{"name": "{{ . }}"{{ end }}{{ end }}"#,
                "<tool_call>",
            ),
            (
                r#"{{ if .ToolCalls }}{{ range .ToolCalls }}{"name": "{{ . }}"}{{ end }}{{ end }}"#,
                "{",
            ),
            (
                "{{ if .ToolCalls }}[TOOL_CALLS] [{{ range .ToolCalls }}{{ . }}{{ end }}]{{ end }}",
                "[TOOL_CALLS] [",
            ),
            ("{{ if .ToolCalls }}{{ range .ToolCalls }}{{ . }}{{ end }}]{{ end }}", "{"),
            ("{{ if and .Content .ToolCalls }}<a>{{ end }}", "<a>"),
            (
                "{{ range .Messages }}{{ if .X }}{{ else if .ToolCalls }}<b>{{ end }}{{ end }}",
                "<b>",
            ),
            ("{{ if $.ToolCalls }}<c>{{ end }}", "{"),
        ] {
            assert_eq!(tool_tag(&parse(text)), tag, "{text}");
        }
    }

    #[test]
    fn thinking_counts_only_inside_the_loop_over_messages() {
        let tags = |text| {
            let tags = thinking_tags(&parse(text));
            (tags.open, tags.close)
        };
        let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
        assert_eq!(
            tags(
                "{{ range .Messages }}{{ if .Thinking }}<think>\n{{ .Thinking }}</think>{{ end }}{{ end }}"
            ),
            pair("<think>", "</think>")
        );
        assert_eq!(tags("{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"), pair("", ""));
        assert_eq!(
            tags("{{ range .Messages }}{{ range .X }}<a>{{ .Thinking }}</a>{{ end }}{{ end }}"),
            pair("", "")
        );
    }
}
