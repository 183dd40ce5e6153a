//! The language is the same: what a plain matcher of GBNF says of a text, the grammar that was made
//! of it says too.

use std::collections::{BTreeSet, HashMap};

use camelid_gguf::GgufFile;
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use super::super::*;
use crate::{
    Tokenizer,
    grammar::{Constraint, GrammarCompiler},
};

/// JSON, with the blanks behind what they follow.
pub(super) const JSON: &str = r#"
root    ::= object
value   ::= object | array | string | number | ("true" | "false" | "null") blank

object  ::= "{" blank (
                member ("," blank member)*
            )? "}" blank
member  ::= string ":" blank value
array   ::= "[" blank ( value ("," blank value)* )? "]" blank

string  ::= "\"" ( [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" hex{4}) )* "\"" blank   # and escapes
hex     ::= [0-9a-fA-F]
number  ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? blank
blank   ::= [ \t\n]{0,3}
"#;

/// Equations with their results; a sum may begin with a sum.
const ARITHMETIC: &str = r#"
root   ::= (sum "=" blank factor "\n")+
sum    ::= sum [-+] blank factor | factor
factor ::= term ([*/] blank term)*
term   ::= name | number | "(" blank sum ")" blank
name   ::= [a-z] [a-z0-9_]* blank
number ::= [0-9]+ blank
blank  ::= ([ ] blank)?
"#;

const LIST: &str = r#"
# One line for each item, numbered or not.
root ::= item+
item ::= ("- " | [1-9] [0-9]? ". ") [^\r\n\x0b\x0c\u2028\u2029]+ "\n"
"#;

/// Says of a text whether a grammar has it, the plain way: all ends of every rule at every place,
/// over and over until nothing is new.
struct PlainMatcher<'a> {
    grammar: &'a Grammar,
    text: Vec<char>,
    ends: HashMap<(RuleId, usize), BTreeSet<usize>>,
}

impl PlainMatcher<'_> {
    fn accepts(source: &str, text: &str) -> bool {
        let grammar = parser::parse(source).unwrap();
        let text: Vec<char> = text.chars().collect();
        let mut matcher = PlainMatcher { grammar: &grammar, text, ends: HashMap::new() };
        matcher.ends.insert((grammar.root, 0), BTreeSet::new());
        loop {
            let known: Vec<_> = matcher.ends.iter().map(|(key, ends)| (*key, ends.len())).collect();
            for &((rule, at), _) in &known {
                let ends = matcher.ends_of(matcher.grammar.rules[rule].body, at);
                matcher.ends.insert((rule, at), ends);
            }
            let is_as_before = |&(key, n): &((RuleId, usize), usize)| matcher.ends[&key].len() == n;
            if matcher.ends.len() == known.len() && known.iter().all(is_as_before) {
                return matcher.ends[&(grammar.root, 0)].contains(&matcher.text.len());
            }
        }
    }

    fn ends_of(&mut self, node: NodeId, at: usize) -> BTreeSet<usize> {
        let grammar = self.grammar;
        match &grammar.nodes[node] {
            Node::Char(set) => {
                let is_in = self.text.get(at).is_some_and(|&c| set.contains(c));
                is_in.then_some(at + 1).into_iter().collect()
            }
            Node::Rule(rule) => self.ends.entry((*rule, at)).or_default().clone(),
            Node::Seq(parts) => parts.iter().fold(BTreeSet::from([at]), |ends, &part| {
                ends.into_iter().flat_map(|end| self.ends_of(part, end)).collect()
            }),
            Node::Alt(parts) => parts.iter().flat_map(|&part| self.ends_of(part, at)).collect(),
            &Node::Repeat { of, min, max } => self.ends_of_repeat(of, (min, max), at),
        }
    }

    fn ends_of_repeat(
        &mut self,
        of: NodeId,
        (min, max): (u32, Option<u32>),
        at: usize,
    ) -> BTreeSet<usize> {
        let (mut all, mut ends) = (BTreeSet::new(), BTreeSet::from([at]));
        // More often than there are characters adds nothing behind `min`.
        let enough = min + self.text.len() as u32 + 1;
        for i in 0..=max.unwrap_or(enough).min(enough) {
            if i >= min {
                all.extend(&ends);
            }
            ends = ends.into_iter().flat_map(|end| self.ends_of(of, end)).collect();
        }
        all
    }
}

/// The bundled tokenizer and constraints over it.
struct Bench {
    tokenizer: Tokenizer,
    compiler: GrammarCompiler,
}

impl Bench {
    fn new() -> Self {
        let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
        let tokenizer = Tokenizer::from_metadata(file.metadata()).unwrap();
        Self { tokenizer, compiler: GrammarCompiler::default() }
    }

    fn constraint(&self, source: &str) -> Constraint {
        let grammar = crate::Grammar::Gbnf(source.to_owned());
        let constraint = self.compiler.compile(&grammar, &self.tokenizer);
        constraint.unwrap_or_else(|error| panic!("{source}: {error}\n{}", to_lark(source).unwrap()))
    }

    /// Whether a constraint that has seen nothing takes all of a text, and no more.
    fn accepts(&self, constraint: &Constraint, text: &str) -> bool {
        let tokens = self.tokenizer.encode(text, crate::Special::AsText).unwrap();
        assert_eq!(self.tokenizer.decode(&tokens), text, "the tokenizer has all characters");
        let matcher = &mut constraint.matcher.deep_clone();
        let n = matcher.try_consume_tokens(&tokens).unwrap();
        n == tokens.len() && matcher.is_accepting().unwrap()
    }
}

/// A text of a grammar, or one that would be if it did not end here.
fn random_text(source: &str, seed: u64) -> String {
    let grammar = parser::parse(source).unwrap();
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut below = |n: u64| dice.next_u64() % n;
    let mut text = String::new();
    // What is still to be written, the next on top.
    let mut nodes = vec![grammar.rules[grammar.root].body];
    while let Some(node) = nodes.pop() {
        match &grammar.nodes[node] {
            Node::Char(set) => {
                let chars: Vec<char> = ('\0'..='~').filter(|&c| set.contains(c)).collect();
                text.push(chars[below(chars.len() as u64) as usize]);
            }
            Node::Rule(rule) => nodes.push(grammar.rules[*rule].body),
            Node::Seq(parts) => nodes.extend(parts.iter().rev()),
            Node::Alt(parts) => {
                // The longer a text, the likelier what has no recursion, which comes last.
                let first = if text.len() > 20 { parts.len() as u64 / 2 } else { 0 };
                nodes.push(parts[(first + below(parts.len() as u64 - first)) as usize]);
            }
            &Node::Repeat { of, min, max } => {
                let more = if text.len() > 20 { 0 } else { below(3) as u32 };
                let n = (min + more).min(max.unwrap_or(u32::MAX));
                nodes.extend(std::iter::repeat_n(of, n as usize));
            }
        }
    }
    text
}

/// The text with one character gone, doubled, exchanged with the next or replaced.
fn mutated(text: &str, seed: u64) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = (seed / 8) as usize % chars.len();
    match seed % 4 {
        0 => drop(chars.remove(at)),
        1 => chars.insert(at, chars[at]),
        2 => chars.swap(at, (at + 1) % text.chars().count()),
        _ => chars[at] = ['0', '"', ',', ' ', '}', '(', '\n', 'e'][(seed / 1024) as usize % 8],
    }
    chars.into_iter().collect()
}

/// Grammars that are easily got wrong, and what texts for them may be made of.
const GRAMMARS: &[(&str, &str)] = &[
    // The longest lexeme is the wrong one.
    (r#"root ::= [a-c]+ "c" | "(" root ")""#, "abc()"),
    (r#"root ::= ("a" | "ab") ("bc" | "c") | "(" root ")""#, "abc()"),
    ("root ::= x x | \"(\" root \")\"\nx ::= [ab]+ | \"c\"", "abc()"),
    // Everything, and an end.
    (r#"root ::= .* "end""#, "end."),
    ("root ::= item+\nitem ::= \"- \" [^\\n]+ \"\\n\"", "- \na"),
    // Recursion on the left, in the middle, on the right, and through nothing.
    ("root ::= root \"-\" n | n\nn ::= [0-9]+", "-12"),
    (r#"root ::= "a" root "a" | "b" root "b" | """#, "ab"),
    ("root ::= ws \"a\" ws \"b\" ws\nws ::= ([ \\n] ws)?", "ab \n"),
    ("root ::= root root | \"a\" | \"b\"?", "ab"),
    // Counts.
    ("root ::= \"a\"{2,3} \"a\"{2} | \"(\" root \")\"", "a()"),
    ("root ::= (\"a\" | \"b\"{0} | root{2} \"c\"){1,2}", "abc"),
    ("root ::= \"a\"{0} | \"b\"{2,} root?", "ab"),
    // Words and names that begin alike.
    ("root ::= (\"if\" \" \" root | name)\nname ::= [a-z]+ (\" \" root)?", "if a"),
    ("root ::= \"x\" y | \"(\" root \")\"\ny ::= z* | \"11\" z\nz ::= [0-9]{2} | \"1.\"", "x1.()"),
    // Characters of several bytes.
    ("root ::= [à-ü]+ \"é\" | [^a-z] | \"(\" root \")\"", "éèa(ö)"),
];

#[test]
fn short_texts_are_in_both_languages_or_in_neither() {
    let bench = Bench::new();
    for (source, alphabet) in GRAMMARS {
        let constraint = bench.constraint(source);
        let longer = |text: &String| alphabet.chars().map(|c| format!("{text}{c}")).collect();
        let (mut texts, mut n_accepted) = (vec![String::new()], 0);
        for _ in 0..=4 {
            for text in &texts {
                let want = PlainMatcher::accepts(source, text);
                n_accepted += usize::from(want);
                assert_eq!(bench.accepts(&constraint, text), want, "{source}: {text:?}");
            }
            texts = texts.iter().flat_map::<Vec<_>, _>(longer).collect();
        }
        assert!(n_accepted > 0, "{source}");
    }
}

#[test]
fn texts_of_a_grammar_are_taken_and_mutated_ones_as_the_plain_matcher_says() {
    let bench = Bench::new();
    for source in [JSON, ARITHMETIC, LIST] {
        let constraint = bench.constraint(source);
        let (mut n_taken, mut n_refused) = (0, 0);
        for seed in 0..60 {
            let text = random_text(source, seed);
            assert!(PlainMatcher::accepts(source, &text), "{text:?}");
            assert!(bench.accepts(&constraint, &text), "{source}: {text:?}");
            for twist in 0..4 {
                let text = mutated(&text, seed * 37 + twist * 1031);
                let want = PlainMatcher::accepts(source, &text);
                assert_eq!(bench.accepts(&constraint, &text), want, "{source}: {text:?}");
                *(if want { &mut n_taken } else { &mut n_refused }) += 1;
            }
        }
        assert!(n_taken > 20 && n_refused > 20, "{n_taken} {n_refused}");
    }
}
