//! A [`Grammar`] and its lexemes in llguidance's dialect of Lark.
//!
//! ```text
//! start: r0
//! r0: /[0-9]/ r1 (/\x{2C}/ r1)* | t7?
//! T7: /...a lexeme.../ & /(?s:.+)/      where it could be empty, the rule says so and not the lexer
//! ```

use std::fmt::Write as _;

use super::{Grammar, Node, NodeId, RuleId, lexemes::Lexemes};

/// The grammar's text.
pub(super) fn write(grammar: &Grammar, lexemes: &Lexemes) -> String {
    let is_named = vec![false; grammar.rules.len()];
    let terminals = String::new();
    let mut writer = Writer { grammar, lexemes, terminals, is_named, to_write: Vec::new() };
    let mut lark = format!("start: {}\n", writer.name_of(grammar.root));
    while let Some(rule) = writer.to_write.pop() {
        let _ = write!(lark, "{}: ", writer.name_of(rule));
        writer.part(grammar.rules[rule].body, &mut lark);
        lark.push('\n');
    }
    lark + &writer.terminals
}

struct Writer<'a> {
    grammar: &'a Grammar,
    lexemes: &'a Lexemes,
    terminals: String,
    is_named: Vec<bool>,
    to_write: Vec<RuleId>,
}

impl Writer<'_> {
    fn name_of(&mut self, rule: RuleId) -> String {
        if !std::mem::replace(&mut self.is_named[rule], true) {
            self.to_write.push(rule);
        }
        format!("r{rule}")
    }

    /// A node in a rule.
    fn part(&mut self, node: NodeId, out: &mut String) {
        if self.lexemes.has(self.grammar, node) {
            return self.lexeme(node, out);
        }
        match &self.grammar.nodes[node] {
            Node::Char(set) => {
                out.push('/');
                set.write_regex(out);
                out.push('/');
            }
            Node::Rule(rule) => out.push_str(&self.name_of(*rule)),
            Node::Seq(parts) if parts.is_empty() => out.push_str("\"\""),
            Node::Repeat { max: Some(0), .. } => out.push_str("\"\""),
            Node::Seq(parts) => self.joined(parts, " ", out),
            Node::Alt(parts) => self.joined(parts, " | ", out),
            &Node::Repeat { of, min, max } => {
                self.joined(&[of], "", out);
                write_bounds(min, max, out);
            }
        }
    }

    fn joined(&mut self, parts: &[NodeId], separator: &str, out: &mut String) {
        out.push('(');
        for (i, &part) in parts.iter().enumerate() {
            out.push_str(if i > 0 { separator } else { "" });
            self.part(part, out);
        }
        out.push(')');
    }

    fn lexeme(&mut self, node: NodeId, out: &mut String) {
        let mut regex = String::new();
        write_regex(self.grammar, node, &mut regex);
        if self.lexemes.is_nullable(node) {
            let _ = writeln!(self.terminals, "T{node}: /{regex}/ & /(?s:.+)/");
            let _ = write!(out, "T{node}?");
        } else {
            let _ = write!(out, "/{regex}/");
        }
    }
}

/// A node without recursion as a regular expression.
fn write_regex(grammar: &Grammar, node: NodeId, out: &mut String) {
    let (parts, separator) = match &grammar.nodes[node] {
        Node::Char(set) => return set.write_regex(out),
        Node::Rule(rule) => return write_regex(grammar, grammar.rules[*rule].body, out),
        Node::Seq(parts) => (parts.as_slice(), ""),
        Node::Alt(parts) => (parts.as_slice(), "|"),
        Node::Repeat { of, .. } => (std::slice::from_ref(of), ""),
    };
    out.push_str("(?:");
    for (i, &part) in parts.iter().enumerate() {
        out.push_str(if i > 0 { separator } else { "" });
        write_regex(grammar, part, out);
    }
    out.push(')');
    if let Node::Repeat { min, max, .. } = grammar.nodes[node] {
        write_bounds(min, max, out);
    }
}

/// Lark and regular expressions say it alike.
fn write_bounds(min: u32, max: Option<u32>, out: &mut String) {
    let _ = match (min, max) {
        (0, None) => write!(out, "*"),
        (1, None) => write!(out, "+"),
        (0, Some(1)) => write!(out, "?"),
        (min, None) => write!(out, "{{{min},}}"),
        (min, Some(max)) if min == max => write!(out, "{{{min}}}"),
        (min, Some(max)) => write!(out, "{{{min},{max}}}"),
    };
}
