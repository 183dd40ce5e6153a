//! From GBNF's text to a [`Grammar`].
//!
//! ```text
//! grammar  = rule*
//! rule     = name "::=" alts (newline | end)
//! alts     = seq ("|" seq)*        a newline may follow "::=" and "|", and anything in parentheses
//! seq      = (item repeat?)*
//! item     = '"' char* '"' | "[" "^"? (char ("-" char)?)+ "]" | "." | name | "(" alts ")"
//! repeat   = "*" | "+" | "?" | "{" number ("," number?)? "}"
//! char     = any | "\" (["\[]rnt] | "x" hex{2} | "u" hex{4} | "U" hex{8})
//! ```
//!
//! A name is made of letters, digits, `-` and `_`; `#` begins a comment.

use std::collections::HashMap;

use super::{
    CharSet, GbnfError, Grammar, MAX_DEPTH, MAX_REPEAT, MAX_SOURCE_LEN, Node, NodeId, Place, Rule,
    RuleId,
};

type Result<T> = std::result::Result<T, GbnfError>;

/// # Errors
/// What is wrong with the source, and where.
pub(super) fn parse(source: &str) -> Result<Grammar> {
    let mut parser = Parser::new(source);
    parser.limit(parser.place, "bytes of a grammar", source.len() as u64, MAX_SOURCE_LEN as u64)?;
    parser.skip_blanks(Newlines::Skipped);
    while parser.peek().is_some() {
        parser.rule()?;
        parser.skip_blanks(Newlines::Skipped);
    }
    parser.finish()
}

/// Whether a newline is a blank or an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newlines {
    Skipped,
    Kept,
}

/// A rule that has been named or defined.
struct Named {
    name: String,
    /// Where it is named first.
    mention: Place,
    definition: Option<(Place, NodeId)>,
}

struct Parser<'a> {
    rest: &'a str,
    place: Place,
    depth: usize,
    nodes: Vec<Node>,
    /// For each node: by how much repetitions within it multiply.
    repeats: Vec<u32>,
    rules: Vec<Named>,
    by_name: HashMap<&'a str, RuleId>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            rest: source,
            place: Place { line: 1, column: 1 },
            depth: 0,
            nodes: Vec::new(),
            repeats: Vec::new(),
            rules: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    fn finish(self) -> Result<Grammar> {
        let root = self.by_name.get("root").copied();
        let defined = |Named { name, mention, definition }| match definition {
            Some((place, body)) => Ok(Rule { name, place, body }),
            None => Err(GbnfError::Undefined { place: mention, name }),
        };
        let rules = self.rules.into_iter().map(defined).collect::<Result<_>>()?;
        Ok(Grammar { nodes: self.nodes, rules, root: root.ok_or(GbnfError::NoRoot)? })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        match c {
            '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
            _ => self.place.column += 1,
        }
        Some(c)
    }

    /// Takes `c` if it comes next.
    fn take(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        if is_next {
            self.next();
        }
        is_next
    }

    fn expect(&mut self, c: char, expected: &'static str) -> Result<()> {
        if self.take(c) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> GbnfError {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("{c:?}"));
        GbnfError::Syntax { place: self.place, found, expected }
    }

    fn limit(&self, place: Place, what: &'static str, found: u64, allowed: u64) -> Result<()> {
        if found <= allowed {
            return Ok(());
        }
        Err(GbnfError::Limit { place, what, found, allowed })
    }

    fn skip_blanks(&mut self, newlines: Newlines) {
        while let Some(c) = self.peek() {
            match c {
                '#' => while self.peek().is_some_and(|c| c != '\n') && self.next().is_some() {},
                '\n' if newlines == Newlines::Kept => return,
                ' ' | '\t' | '\r' | '\n' => drop(self.next()),
                _ => return,
            }
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        let of_parts = node.parts().iter().map(|&part| self.repeats[part]).max().unwrap_or(1);
        let own = match node {
            Node::Repeat { min, max, .. } => max.unwrap_or(min).max(1),
            _ => 1,
        };
        self.repeats.push(of_parts.saturating_mul(own));
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// A name, which may be empty.
    fn name(&mut self) -> &'a str {
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let len = self.rest.find(is_end).unwrap_or(self.rest.len());
        let name = &self.rest[..len];
        self.rest = &self.rest[len..];
        self.place.column += len;
        name
    }

    fn rule_id(&mut self, name: &'a str, mention: Place) -> RuleId {
        *self.by_name.entry(name).or_insert_with(|| {
            self.rules.push(Named { name: name.to_owned(), mention, definition: None });
            self.rules.len() - 1
        })
    }

    fn rule(&mut self) -> Result<()> {
        let place = self.place;
        let name = self.name();
        if name.is_empty() {
            return Err(self.unexpected("the name of a rule"));
        }
        let id = self.rule_id(name, place);
        if let Some((first, _)) = self.rules[id].definition {
            return Err(GbnfError::DefinedTwice { place, name: name.to_owned(), first });
        }
        self.skip_blanks(Newlines::Kept);
        for c in "::=".chars() {
            self.expect(c, "`::=` behind the name of a rule")?;
        }
        let body = self.alternatives(Newlines::Kept)?;
        self.rules[id].definition = Some((place, body));
        match self.peek() {
            None | Some('\n') => Ok(()),
            Some(_) => Err(self.unexpected("an item, `|`, or a new line behind a rule")),
        }
    }

    fn alternatives(&mut self, newlines: Newlines) -> Result<NodeId> {
        let mut alternatives = Vec::new();
        loop {
            self.skip_blanks(Newlines::Skipped);
            alternatives.push(self.sequence(newlines)?);
            if !self.take('|') {
                break;
            }
        }
        Ok(match alternatives[..] {
            [only] => only,
            _ => self.add(Node::Alt(alternatives)),
        })
    }

    fn sequence(&mut self, newlines: Newlines) -> Result<NodeId> {
        let mut items = Vec::new();
        while let Some(item) = self.item()? {
            self.skip_blanks(newlines);
            items.push(self.repeated(item)?);
            self.skip_blanks(newlines);
        }
        Ok(match items[..] {
            [only] => only,
            _ => self.add(Node::Seq(items)),
        })
    }

    fn repeated(&mut self, of: NodeId) -> Result<NodeId> {
        let place = self.place;
        let Some((min, max)) = self.repetition()? else { return Ok(of) };
        let repeated = self.add(Node::Repeat { of, min, max });
        let found = self.repeats[repeated].into();
        self.limit(place, "repetitions of repetitions", found, MAX_REPEAT.into())?;
        Ok(repeated)
    }

    /// What a repetition may follow; `None` where a sequence ends.
    fn item(&mut self) -> Result<Option<NodeId>> {
        let place = self.place;
        Ok(Some(match self.peek() {
            Some('"') => self.literal()?,
            Some('[') => self.class()?,
            Some('.') => {
                self.next();
                self.add(Node::Char(CharSet::all()))
            }
            Some('(') => self.group()?,
            Some('<' | '!') => {
                let found = self.rest.chars().take_while(|&c| c != '\n').take(20).collect();
                return Err(GbnfError::TokenReference { place, found });
            }
            _ => match self.name() {
                "" => return Ok(None),
                name => {
                    let id = self.rule_id(name, place);
                    self.add(Node::Rule(id))
                }
            },
        }))
    }

    fn group(&mut self) -> Result<NodeId> {
        self.next();
        self.depth += 1;
        let place = self.place;
        self.limit(place, "groups within groups", self.depth as u64, MAX_DEPTH as u64)?;
        let group = self.alternatives(Newlines::Skipped)?;
        self.expect(')', "an item, `|` or `)`")?;
        self.depth -= 1;
        Ok(group)
    }

    fn literal(&mut self) -> Result<NodeId> {
        self.next();
        let mut chars = Vec::new();
        while !self.take('"') {
            let c = self.char("a character or `\"`")?;
            chars.push(self.add(Node::Char(CharSet::one(c))));
        }
        Ok(match chars[..] {
            [only] => only,
            _ => self.add(Node::Seq(chars)),
        })
    }

    fn class(&mut self) -> Result<NodeId> {
        let place = self.place;
        self.next();
        let is_negated = self.take('^');
        let mut ranges = Vec::new();
        while !self.take(']') {
            let first = self.char("a character or `]`")?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let last = match is_range && self.take('-') {
                true => self.char("the last character of a range")?,
                false => first,
            };
            if last < first {
                let found = format!("a range from {first:?} to {last:?}");
                let expected = "the first character of a range before the last";
                return Err(GbnfError::Syntax { place, found, expected });
            }
            ranges.push((first, last));
        }
        let set = CharSet::from_ranges(ranges);
        let set = if is_negated && !set.is_empty() { set.complement() } else { set };
        if set.is_empty() {
            let found = "a class without a character".to_owned();
            return Err(GbnfError::Syntax { place, found, expected: "at least one" });
        }
        Ok(self.add(Node::Char(set)))
    }

    /// A character of a literal or a class, maybe behind a backslash.
    fn char(&mut self, expected: &'static str) -> Result<char> {
        if !self.take('\\') {
            return self.next().ok_or_else(|| self.unexpected(expected));
        }
        let n_digits = match self.peek() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            escaped => {
                let char = match escaped {
                    Some('r') => '\r',
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(c @ ('\\' | '"' | '[' | ']')) => c,
                    _ => return Err(self.unexpected("one of \\ \" [ ] r n t x u U behind `\\`")),
                };
                self.next();
                return Ok(char);
            }
        };
        self.next();
        self.code_point(n_digits)
    }

    fn code_point(&mut self, n_digits: usize) -> Result<char> {
        let place = self.place;
        let mut code_point = 0u32;
        for _ in 0..n_digits {
            let digit = self.peek().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| self.unexpected("a hexadecimal digit"))?;
            code_point = code_point << 4 | digit;
            self.next();
        }
        char::from_u32(code_point).ok_or_else(|| GbnfError::Syntax {
            place,
            found: format!("U+{code_point:04X}"),
            expected: "a character, not a surrogate, at most U+10FFFF",
        })
    }

    fn repetition(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.bounds().map(Some),
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(bounds))
    }

    fn bounds(&mut self) -> Result<(u32, Option<u32>)> {
        let place = self.place;
        self.next();
        let min = self.number()?;
        let max = match self.take(',') {
            true => {
                self.skip_blanks(Newlines::Kept);
                if self.peek() == Some('}') { None } else { Some(self.number()?) }
            }
            false => Some(min),
        };
        self.expect('}', "a number, `,` or `}`")?;
        if max.is_some_and(|max| max < min) {
            let found = format!("{{{min},{}}}", max.unwrap_or_default());
            let expected = "the smaller number of repetitions first";
            return Err(GbnfError::Syntax { place, found, expected });
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<u32> {
        self.skip_blanks(Newlines::Kept);
        let place = self.place;
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let tens = number.unwrap_or(0u32).saturating_mul(10);
            number = Some(tens.saturating_add(digit));
            self.next();
        }
        let number = number.ok_or_else(|| self.unexpected("a number of repetitions"))?;
        self.limit(place, "repetitions", number.into(), MAX_REPEAT.into())?;
        self.skip_blanks(Newlines::Kept);
        Ok(number)
    }
}
