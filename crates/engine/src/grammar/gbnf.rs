//! GBNF, llama.cpp's notation of grammars, as llguidance's dialect of Lark.
//!
//! ```text
//! root   ::= object                          # where a text begins
//! object ::= "{" (pair ("," pair)*)? "}"     # literals, groups, alternatives with |
//! pair   ::= [a-z]+ ":" [^,}\x00-\x1f]{1,20} # sets of characters, repetitions
//! ```
//!
//! In GBNF the smallest thing is a character, and every way to read a text counts. A Lark grammar
//! has a lexer, which takes the longest lexeme and never goes back. Written with a lexeme for each
//! character, a grammar means the same in both; but then a step of a parser is spent on every
//! character of every token. So what stands between two recursions becomes one lexeme, a regular
//! expression, wherever the longest one is provably the right one ([`lexemes`]), and what is left
//! are lexemes of one character.
//!
//! ```text
//! source -> parser -> Grammar -> check -> lexemes -> lark
//! ```
//!
//! Rules may be recursive in any way, on the left too; a rule without an end is refused. What names
//! tokens of a vocabulary (`<think>`, `<[42]>`) is not taken.

mod char_set;
mod check;
mod lark;
mod lexemes;
mod parser;

use std::fmt;

use char_set::CharSet;

/// Bytes of a source.
const MAX_SOURCE_LEN: usize = 128 * 1024;

/// Groups within groups.
const MAX_DEPTH: usize = 64;

/// The largest number of a repetition, and the largest product of repetitions within repetitions.
const MAX_REPEAT: u32 = 2000;

/// A grammar as it was written. A node is part of one other at most.
#[derive(Debug)]
struct Grammar {
    nodes: Vec<Node>,
    rules: Vec<Rule>,
    root: RuleId,
}

type NodeId = usize;
type RuleId = usize;

#[derive(Debug)]
struct Rule {
    name: String,
    /// Where it is defined.
    place: Place,
    body: NodeId,
}

/// What a text can be made of.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// One character of a set.
    Char(CharSet),
    /// One after the other; nothing at all if there is none.
    Seq(Vec<NodeId>),
    /// One of them.
    Alt(Vec<NodeId>),
    Repeat {
        of: NodeId,
        min: u32,
        max: Option<u32>,
    },
    Rule(RuleId),
}

impl Node {
    /// What it is made of; a rule's body is no part of what names it.
    fn parts(&self) -> &[NodeId] {
        match self {
            Self::Char(_) | Self::Rule(_) => &[],
            Self::Seq(parts) | Self::Alt(parts) => parts,
            Self::Repeat { of, .. } => std::slice::from_ref(of),
        }
    }
}

impl Grammar {
    /// The nodes of a rule's body, parts before what they are parts of.
    fn nodes_of(&self, rule: RuleId) -> Vec<NodeId> {
        let mut nodes = vec![self.rules[rule].body];
        let mut n_done = 0;
        while let Some(&node) = nodes.get(n_done) {
            nodes.extend(self.nodes[node].parts());
            n_done += 1;
        }
        nodes.reverse();
        nodes
    }

    /// The rules that a rule's body names, each as often as it does.
    fn named_by(&self, rule: RuleId) -> impl Iterator<Item = RuleId> {
        self.nodes_of(rule).into_iter().filter_map(|node| match self.nodes[node] {
            Node::Rule(rule) => Some(rule),
            _ => None,
        })
    }
}

/// A place in a grammar's source; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in its line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a GBNF grammar cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GbnfError {
    /// It is not written as GBNF is.
    #[error("{place}: found {found}, expected {expected}")]
    Syntax {
        /// Where.
        place: Place,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A token of the vocabulary is named, which only the text of a token may be here.
    #[error("{place}: tokens (`{found}`) are not supported in grammars, only texts")]
    TokenReference {
        /// Where.
        place: Place,
        /// How it begins.
        found: String,
    },
    /// A number of the grammar's is beyond what is taken.
    #[error("{place}: {what}: found {found}, at most {allowed}")]
    Limit {
        /// Where.
        place: Place,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        allowed: u64,
    },
    /// A rule is named that there is none of.
    #[error("{place}: rule `{name}` is not defined")]
    Undefined {
        /// Where it is named first.
        place: Place,
        /// Its name.
        name: String,
    },
    /// Two rules have a name.
    #[error("{place}: rule `{name}` is already defined at {first}")]
    DefinedTwice {
        /// The second definition.
        place: Place,
        /// The name of both.
        name: String,
        /// The first definition.
        first: Place,
    },
    /// No rule is called `root`.
    #[error("rule `root`, with which every text begins, is not defined")]
    NoRoot,
    /// No text of a rule ever ends.
    #[error("{place}: rule `{name}` has no end: all its alternatives lead back to it")]
    Endless {
        /// Where it is defined.
        place: Place,
        /// Its name.
        name: String,
    },
}

/// The same language in Lark.
///
/// # Errors
/// What is wrong with the source, and where.
pub(super) fn to_lark(source: &str) -> Result<String, GbnfError> {
    let mut grammar = parser::parse(source)?;
    check::check_ends(&grammar)?;
    let lexemes = lexemes::find(&mut grammar);
    Ok(lark::write(&grammar, &lexemes))
}

#[cfg(test)]
mod tests;
