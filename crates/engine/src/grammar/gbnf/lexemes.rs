//! Which parts of a grammar a lexer may take as one.
//!
//! A part is regular if no recursion is in it; then it could be a lexeme. The lexer reads on as long
//! as any lexeme that may come next can go on, and ends there. That is right if no reading of a text
//! ever begins a lexeme with a character with which another reading goes on inside one. So:
//!
//! ```text
//! lexemes = the largest regular parts
//! repeat
//!     states = the grammar as an automaton that reads characters; it forgets who named a rule,
//!              so that it can do all that the grammar can, and more
//!     follow all pairs of states in which it can be after the same text
//!     split every lexeme of which a state goes on where the other begins something
//! until there is none
//! ```
//!
//! A lexeme that is split leaves its parts, at last single characters, with which nothing can go
//! wrong. The automaton reads characters and the lexer bytes, so characters with the same first
//! byte count as the same here. What takes too long to find out is split to the end.

use std::collections::HashSet;

use super::{Grammar, Node, NodeId, RuleId, check};

/// Characters of one lexeme, counting each as often as the rules it is in are named.
const MAX_SIZE: usize = 2000;

/// Nodes within nodes of one lexeme.
const MAX_DEPTH: usize = 100;

/// States of the automaton.
const MAX_STATES: usize = 50_000;

/// States made and pairs looked at, in all.
const MAX_WORK: usize = 4_000_000;

/// What a part without recursion is like.
#[derive(Debug, Clone, Copy)]
struct Shape {
    size: usize,
    depth: usize,
    is_nullable: bool,
}

/// The parts of a grammar that become lexemes.
#[derive(Debug)]
pub(super) struct Lexemes {
    /// For each node; `None` where recursion is below it.
    shapes: Vec<Option<Shape>>,
    is_split: Vec<bool>,
}

impl Lexemes {
    /// Whether a node of several characters is one lexeme, where it is not part of one.
    pub(super) fn has(&self, grammar: &Grammar, node: NodeId) -> bool {
        // A rule's lexeme is its body.
        let may_be = !matches!(grammar.nodes[node], Node::Char(_) | Node::Rule(_));
        let fits = |s: Shape| (1..=MAX_SIZE).contains(&s.size) && s.depth <= MAX_DEPTH;
        may_be && !self.is_split[node] && self.shapes[node].is_some_and(fits)
    }

    /// Whether a lexeme could be empty.
    pub(super) fn is_nullable(&self, lexeme: NodeId) -> bool {
        self.shapes[lexeme].is_some_and(|shape| shape.is_nullable)
    }
}

/// Finds them, and makes nodes of neighbours that are one lexeme together.
pub(super) fn find(grammar: &mut Grammar) -> Lexemes {
    let shapes = shapes(grammar);
    let shapes = group_neighbours(grammar, shapes);
    let is_split = vec![false; grammar.nodes.len()];
    let mut lexemes = Lexemes { shapes, is_split };
    let mut work = MAX_WORK;
    loop {
        match unsafe_lexemes(grammar, &lexemes, &mut work) {
            None => {
                lexemes.is_split.fill(true);
                return lexemes;
            }
            Some(found) if found.is_empty() => return lexemes,
            Some(found) => found.into_iter().for_each(|node| lexemes.is_split[node] = true),
        }
    }
}

fn shapes(grammar: &Grammar) -> Vec<Option<Shape>> {
    let mut shapes = vec![None; grammar.nodes.len()];
    // Those without recursion come first, as others may name them.
    for rule in check::regular_rules(grammar).into_iter().chain(0..grammar.rules.len()) {
        for node in grammar.nodes_of(rule) {
            shapes[node] = shape(grammar, node, &shapes);
        }
    }
    shapes
}

/// The shape of a node, by those of its parts.
fn shape(grammar: &Grammar, node: NodeId, shapes: &[Option<Shape>]) -> Option<Shape> {
    let parts = match &grammar.nodes[node] {
        Node::Char(_) => return Some(Shape { size: 1, depth: 1, is_nullable: false }),
        Node::Rule(rule) => {
            let body = shapes[grammar.rules[*rule].body]?;
            return Some(Shape { depth: body.depth + 1, ..body });
        }
        Node::Repeat { max: Some(0), .. } => {
            return Some(Shape { size: 0, depth: 1, is_nullable: true });
        }
        other => other.parts(),
    };
    let parts: Vec<Shape> = parts.iter().map(|&part| shapes[part]).collect::<Option<_>>()?;
    let size = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.size));
    let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0) + 1;
    let is_nullable = match grammar.nodes[node] {
        Node::Seq(_) => parts.iter().all(|part| part.is_nullable),
        Node::Repeat { min: 0, .. } => true,
        _ => parts.iter().any(|part| part.is_nullable),
    };
    Some(Shape { size, depth, is_nullable })
}

/// Makes one node of neighbours without recursion, where recursion is beside them.
fn group_neighbours(grammar: &mut Grammar, mut shapes: Vec<Option<Shape>>) -> Vec<Option<Shape>> {
    for node in 0..grammar.nodes.len() {
        if shapes[node].is_some() {
            continue;
        }
        let Node::Seq(parts) = &mut grammar.nodes[node] else { continue };
        let parts = std::mem::take(parts);
        let is_one = |&a: &NodeId, &b: &NodeId| shapes[a].is_some() && shapes[b].is_some();
        let runs: Vec<_> = parts.chunk_by(is_one).map(<[NodeId]>::to_vec).collect();
        let mut group = |run: Vec<NodeId>| match run[..] {
            [one] => one,
            _ => {
                grammar.nodes.push(Node::Seq(run));
                let group = grammar.nodes.len() - 1;
                shapes.push(shape(grammar, group, &shapes));
                group
            }
        };
        let grouped = runs.into_iter().map(&mut group).collect();
        grammar.nodes[node] = Node::Seq(grouped);
    }
    shapes
}

/// The lexemes that the longest match could get wrong; `None` if finding out takes too long.
fn unsafe_lexemes(
    grammar: &Grammar,
    lexemes: &Lexemes,
    work: &mut usize,
) -> Option<HashSet<NodeId>> {
    let automaton = Automaton::new(grammar, lexemes)?;
    *work = work.checked_sub(automaton.states.len())?;
    let mut found = HashSet::new();
    let mut seen = HashSet::new();
    let first = automaton.next(0);
    let mut pairs = vec![(first.clone(), first)];
    while let Some((left, right)) = pairs.pop() {
        *work = work.checked_sub(left.len() * right.len() + 1)?;
        for &a in &left {
            for &b in &right {
                if !automaton.may_clash(a, b) || !seen.insert((a.min(b), a.max(b))) {
                    continue;
                }
                match (a.begins, b.begins) {
                    (false, true) => found.extend(automaton.states[a.state].lexeme),
                    (true, false) => found.extend(automaton.states[b.state].lexeme),
                    _ => {}
                }
                pairs.extend(automaton.after_both(grammar, a, b));
            }
        }
    }
    Some(found)
}

/// A character that may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Next {
    /// The state that reads it.
    state: usize,
    /// Whether a lexeme begins with it, as far as this reading goes.
    begins: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Where it leads without a character, and whether a lexeme begins on the way.
    jumps: Vec<Next>,
    /// The character it reads, the first bytes that has, and where it leads.
    reads: Option<(NodeId, [u64; 4], usize)>,
    /// The lexeme it is in.
    lexeme: Option<NodeId>,
}

/// What a grammar can read, if it forgets who named a rule.
struct Automaton {
    states: Vec<State>,
}

impl Automaton {
    /// State 0 is the beginning. `None` if it would be too large.
    fn new(grammar: &Grammar, lexemes: &Lexemes) -> Option<Self> {
        let automaton = Self { states: Vec::new() };
        let bounds = vec![None; grammar.rules.len()];
        let mut builder = Builder { grammar, lexemes, automaton, bounds, to_build: Vec::new() };
        builder.bounds_of(grammar.root);
        while let Some(rule) = builder.to_build.pop() {
            let (start, end) = builder.bounds_of(rule);
            builder.part(grammar.rules[rule].body, start, end, None)?;
        }
        Some(builder.automaton)
    }

    /// The characters that may come next in a state.
    fn next(&self, state: usize) -> Vec<Next> {
        let mut reached = vec![Next { state, begins: false }];
        let mut seen: HashSet<Next> = reached.iter().copied().collect();
        let mut n_done = 0;
        while let Some(&at) = reached.get(n_done) {
            n_done += 1;
            for jump in &self.states[at.state].jumps {
                let next = Next { state: jump.state, begins: at.begins || jump.begins };
                if seen.insert(next) {
                    reached.push(next);
                }
            }
        }
        reached.retain(|next| self.states[next.state].reads.is_some());
        reached
    }

    /// Whether a lexer that reads bytes could take one's character for the other's.
    fn may_clash(&self, a: Next, b: Next) -> bool {
        let (Some((_, a, _)), Some((_, b, _))) =
            (&self.states[a.state].reads, &self.states[b.state].reads)
        else {
            return false;
        };
        a.iter().zip(b).any(|(a, b)| a & b != 0)
    }

    /// What may come next behind a character that both read.
    fn after_both(&self, grammar: &Grammar, a: Next, b: Next) -> Option<(Vec<Next>, Vec<Next>)> {
        let (Some((a, _, after_a)), Some((b, _, after_b))) =
            (self.states[a.state].reads, self.states[b.state].reads)
        else {
            return None;
        };
        let (Node::Char(a), Node::Char(b)) = (&grammar.nodes[a], &grammar.nodes[b]) else {
            return None;
        };
        a.meets(b).then(|| (self.next(after_a), self.next(after_b)))
    }
}

struct Builder<'a> {
    grammar: &'a Grammar,
    lexemes: &'a Lexemes,
    automaton: Automaton,
    /// The first and the last state of each rule that was named outside of lexemes.
    bounds: Vec<Option<(usize, usize)>>,
    to_build: Vec<RuleId>,
}

impl Builder<'_> {
    fn add(&mut self) -> usize {
        self.automaton.states.push(State::default());
        self.automaton.states.len() - 1
    }

    fn jump(&mut self, from: usize, to: usize) {
        self.automaton.states[from].jumps.push(Next { state: to, begins: false });
    }

    /// A state at the beginning of a lexeme.
    fn begin(&mut self, from: usize) -> usize {
        let state = self.add();
        self.automaton.states[from].jumps.push(Next { state, begins: true });
        state
    }

    fn bounds_of(&mut self, rule: RuleId) -> (usize, usize) {
        if let Some(bounds) = self.bounds[rule] {
            return bounds;
        }
        let bounds = (self.add(), self.add());
        self.bounds[rule] = Some(bounds);
        self.to_build.push(rule);
        bounds
    }

    /// Leads `from` to `to` through a node, inside of a lexeme or outside.
    fn part(
        &mut self,
        node: NodeId,
        from: usize,
        to: usize,
        mut lexeme: Option<NodeId>,
    ) -> Option<()> {
        if self.automaton.states.len() > MAX_STATES {
            return None;
        }
        let grammar = self.grammar;
        let mut from = from;
        if lexeme.is_none() && self.lexemes.has(grammar, node) {
            from = self.begin(from);
            lexeme = Some(node);
        }
        match &grammar.nodes[node] {
            Node::Char(set) => {
                let state = if lexeme.is_some() { self.add() } else { self.begin(from) };
                if lexeme.is_some() {
                    self.jump(from, state);
                }
                let reads = Some((node, set.lead_bytes(), to));
                self.automaton.states[state] = State { jumps: Vec::new(), reads, lexeme };
            }
            Node::Rule(rule) if lexeme.is_some() => {
                self.part(grammar.rules[*rule].body, from, to, lexeme)?;
            }
            Node::Rule(rule) => {
                let (start, end) = self.bounds_of(*rule);
                self.jump(from, start);
                self.jump(end, to);
            }
            Node::Seq(parts) => {
                for &part in parts {
                    let next = self.add();
                    self.part(part, from, next, lexeme)?;
                    from = next;
                }
                self.jump(from, to);
            }
            Node::Alt(parts) => {
                for &part in parts {
                    self.part(part, from, to, lexeme)?;
                }
            }
            &Node::Repeat { of, min, max } => {
                let (start, end) = (self.add(), self.add());
                self.jump(from, start);
                self.part(of, start, end, lexeme)?;
                self.jump(end, to);
                if min == 0 {
                    self.jump(start, end);
                }
                // How often is not counted.
                if max.is_none_or(|max| max > 1) {
                    self.jump(end, start);
                }
            }
        }
        Some(())
    }
}
