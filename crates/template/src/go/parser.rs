//! Tokens to tree, with Go's error messages.
//!
//! Functions are resolved here, so an unknown one is a parse error, and so are undeclared
//! variables. `define` and `block` put templates beside the main one.

use std::collections::BTreeMap;

use super::ast::{Arg, Branch, BranchKind, Command, Expr, Node, Pipe, TemplateCall};
use super::error::ParseError;
use super::functions::{self, Function};
use super::lexer::{Kind, LexError, Token, tokens};
use super::number::{parse_char, parse_number, unquote};
use super::value::Value;

/// Longest text that is parsed, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Deepest nesting of control structures and parentheses together.
pub(super) const MAX_DEPTH: usize = 200;

/// The templates of a text by name; the main one is under the name it was parsed with.
pub(super) type Trees = BTreeMap<String, Vec<Node>>;

/// Parses `text` as the template `name`.
pub(super) fn parse(
    name: &str,
    text: &str,
    tables: &[&'static [Function]],
) -> Result<Trees, ParseError> {
    let refuse = |line, message| Err(ParseError { name: name.to_owned(), line, message });
    if text.len() > MAX_TEXT {
        let message = format!("text is {} bytes, at most {MAX_TEXT} are allowed", text.len());
        return refuse(1, message);
    }
    let (tokens, lex_error) = tokens(text);
    let mut parser = Parser {
        tokens,
        lex_error,
        next: 0,
        tables,
        vars: vec!["$".to_owned()],
        range_depth: 0,
        depth: 0,
        trees: Trees::new(),
    };
    match parser.main(name) {
        Ok(()) => Ok(parser.trees),
        Err(message) => refuse(parser.line(), message),
    }
}

/// How a list of nodes ended.
enum End {
    End,
    Else,
}

type Parsed<T> = Result<T, String>;

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    lex_error: Option<LexError>,
    next: usize,
    tables: &'a [&'static [Function]],
    vars: Vec<String>,
    range_depth: usize,
    depth: usize,
    trees: Trees,
}

impl<'a> Parser<'a> {
    /// Line of the token that was read last.
    fn line(&self) -> usize {
        let last = &self.tokens[self.next.saturating_sub(1).min(self.tokens.len() - 1)];
        match &self.lex_error {
            Some(error) if last.kind == Kind::Eof => error.line,
            _ => last.line,
        }
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.tokens[self.next.min(self.tokens.len() - 1)].clone();
        self.next += 1;
        token
    }

    fn back(&mut self) {
        self.next -= 1;
    }

    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn take_solid(&mut self) -> Token<'a> {
        self.skip_space();
        self.take()
    }

    fn peek_solid(&mut self) -> Token<'a> {
        self.skip_space();
        self.peek().clone()
    }

    /// Is the next token this word of the language?
    fn at_keyword(&mut self, word: &str) -> bool {
        let token = self.peek_solid();
        token.kind == Kind::Keyword && token.text == word
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        if token.kind == Kind::Eof
            && let Some(error) = &self.lex_error
        {
            return Err(lex_message(error));
        }
        Err(format!("unexpected {} in {context}", token_text(token)))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.take_solid();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn main(&mut self, name: &str) -> Parsed<()> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.take_define()? {
                continue;
            }
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(End::End) => return Err("unexpected {{end}}".to_owned()),
                Err(End::Else) => return Err("unexpected {{else}}".to_owned()),
            }
        }
        if let Some(error) = &self.lex_error {
            self.next = self.tokens.len();
            return Err(lex_message(error));
        }
        self.add(name, nodes)
    }

    /// Puts a template beside the others; one with only white space never replaces another.
    fn add(&mut self, name: &str, nodes: Vec<Node>) -> Parsed<()> {
        match self.trees.get(name) {
            Some(old) if !is_empty(old) && !is_empty(&nodes) => {
                return Err(format!("template: multiple definition of template {name:?}"));
            }
            Some(old) if !is_empty(old) => return Ok(()),
            _ => {}
        }
        self.trees.insert(name.to_owned(), nodes);
        Ok(())
    }

    /// Reads a `{{define "name"}}...{{end}}` if one stands here.
    fn take_define(&mut self) -> Parsed<bool> {
        let start = self.next;
        if self.peek().kind == Kind::LeftDelim {
            self.next += 1;
            if self.at_keyword("define") {
                self.take();
                let name = self.template_name("define clause")?;
                self.expect(Kind::RightDelim, "define clause")?;
                let nodes = self.separate_body("define clause")?;
                self.add(&name, nodes)?;
                return Ok(true);
            }
            self.next = start;
        }
        Ok(false)
    }

    /// The body of a `define` or `block`, which sees no variables of its surroundings.
    fn separate_body(&mut self, context: &str) -> Parsed<Vec<Node>> {
        let vars = std::mem::replace(&mut self.vars, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (nodes, end) = self.nested(Self::item_list)?;
        (self.vars, self.range_depth) = (vars, range_depth);
        match end {
            End::End => Ok(nodes),
            End::Else => Err(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn template_name(&mut self, context: &str) -> Parsed<String> {
        let token = self.take_solid();
        match token.kind {
            Kind::String | Kind::RawString => string_text(&token),
            _ => self.unexpected(&token, context),
        }
    }

    /// Nodes up to an `{{end}}` or `{{else}}`, which is read too.
    fn item_list(&mut self) -> Parsed<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        while self.peek_solid().kind != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(end) => return Ok((nodes, end)),
            }
        }
        match &self.lex_error {
            Some(error) => {
                let message = lex_message(error);
                self.next = self.tokens.len();
                Err(message)
            }
            None => {
                self.take();
                Err("unexpected EOF".to_owned())
            }
        }
    }

    fn text_or_action(&mut self) -> Parsed<Result<Node, End>> {
        let token = self.take_solid();
        match token.kind {
            Kind::Text => Ok(Ok(Node::Text(token.text.into()))),
            Kind::LeftDelim => self.action(),
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Result<Node, End>> {
        let token = self.take_solid();
        let word = if token.kind == Kind::Keyword { token.text } else { "" };
        let node = match word {
            "if" => self.branch(BranchKind::If)?,
            "with" => self.branch(BranchKind::With)?,
            "range" => self.branch(BranchKind::Range)?,
            "block" => self.block()?,
            "template" => self.template_call()?,
            "break" => self.loop_control("break", Node::Break)?,
            "continue" => self.loop_control("continue", Node::Continue)?,
            "else" => {
                // In `{{else if` and `{{else with` the control structure reads on.
                if !self.at_keyword("if") && !self.at_keyword("with") {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(End::Else));
            }
            "end" => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(End::End));
            }
            _ => {
                self.back();
                let pos = token.pos;
                Node::Action(pos, self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Ok(node))
    }

    fn loop_control(&mut self, word: &str, node: Node) -> Parsed<Node> {
        let context = format!("{{{{{word}}}}}");
        self.expect(Kind::RightDelim, &context)?;
        if self.range_depth == 0 {
            Err(format!("{context} outside {{{{range}}}}"))
        } else {
            Ok(node)
        }
    }

    fn branch(&mut self, kind: BranchKind) -> Parsed<Node> {
        let n_vars = self.vars.len();
        let word = match kind {
            BranchKind::If => "if",
            BranchKind::With => "with",
            BranchKind::Range => "range",
        };
        let pipe = self.pipeline(word, Kind::RightDelim)?;
        let ranges = usize::from(kind == BranchKind::Range);
        self.range_depth += ranges;
        let (body, end) = self.nested(Self::item_list)?;
        self.range_depth -= ranges;
        let else_body = match end {
            End::End => None,
            End::Else => Some(self.else_body(kind, word)?),
        };
        self.vars.truncate(n_vars);
        Ok(Node::Branch(Branch { kind, pipe, body, else_body }))
    }

    /// After `{{else`: a chained `if` or `with` shares the one `{{end}}`.
    fn else_body(&mut self, kind: BranchKind, word: &str) -> Parsed<Vec<Node>> {
        if kind != BranchKind::Range && self.at_keyword(word) {
            self.take();
            return Ok(vec![self.nested(|parser| parser.branch(kind))?]);
        }
        match self.nested(Self::item_list)? {
            (nodes, End::End) => Ok(nodes),
            (_, End::Else) => Err("expected end; found {{else}}".to_owned()),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        let pos = self.peek_solid().pos;
        let name = self.template_name("block clause")?;
        let pipe = self.pipeline("block clause", Kind::RightDelim)?;
        let nodes = self.separate_body("block clause")?;
        self.add(&name, nodes)?;
        Ok(Node::Template(TemplateCall { pos, name, pipe: Some(pipe) }))
    }

    fn template_call(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let pos = self.peek_solid().pos;
        let name = self.template_name(CONTEXT)?;
        let pipe = if self.take_solid().kind == Kind::RightDelim {
            None
        } else {
            self.back();
            Some(self.pipeline(CONTEXT, Kind::RightDelim)?)
        };
        Ok(Node::Template(TemplateCall { pos, name, pipe }))
    }

    /// `[vars := ] command | command ...` up to and with the token `end`.
    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let pos = self.peek_solid().pos;
        let mut pipe = Pipe { pos, is_assign: false, decl: Vec::new(), cmds: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.take_solid();
            if token.kind == end {
                check_pipeline(&pipe, context)?;
                return Ok(pipe);
            }
            if !starts_operand(&token) {
                return self.unexpected(&token, context);
            }
            self.back();
            pipe.cmds.push(self.command()?);
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        while self.peek_solid().kind == Kind::Variable {
            let start = self.next;
            let variable = self.take();
            let next = self.peek_solid();
            let is_comma = next.kind == Kind::Other && next.text == ",";
            if !is_comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                self.next = start;
                return Ok(());
            }
            self.take();
            pipe.decl.push(variable.text.to_owned());
            self.vars.push(variable.text.to_owned());
            if !is_comma {
                pipe.is_assign = next.kind == Kind::Assign;
                return Ok(());
            }
            if context != "range" || pipe.decl.len() > 1 {
                return Err(format!("too many declarations in {context}"));
            }
            if !matches!(
                self.peek_solid().kind,
                Kind::Variable | Kind::RightDelim | Kind::RightParen
            ) {
                return Err("range can only initialize variables".to_owned());
            }
        }
        Ok(())
    }

    /// Operands up to the next `|` or the pipeline's end.
    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command { pos: self.peek_solid().pos, args: Vec::new() };
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.take();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.args.is_empty() { Err("empty command".to_owned()) } else { Ok(command) }
    }

    /// A term with the fields that follow it without a blank.
    fn operand(&mut self) -> Parsed<Option<Arg>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let mut path = Vec::new();
        // Go points at the first field that follows a term, not at the term.
        let pos = self.peek().pos;
        while self.peek().kind == Kind::Field {
            path.push(self.take().text[1..].to_owned());
        }
        if path.is_empty() {
            return Ok(Some(term));
        }
        let expr = match term.expr {
            Expr::Field(mut first) => {
                first.append(&mut path);
                Expr::Field(first)
            }
            Expr::Variable(name, mut first) => {
                first.append(&mut path);
                Expr::Variable(name, first)
            }
            Expr::Constant(..) | Expr::Nil | Expr::Dot => {
                return Err(format!("unexpected . after term {:?}", term.to_string()));
            }
            _ => Expr::Chain(Box::new(term), path),
        };
        Ok(Some(Arg { pos, expr }))
    }

    fn term(&mut self) -> Parsed<Option<Arg>> {
        let token = self.take_solid();
        let expr = match token.kind {
            Kind::Identifier => match functions::find(self.tables, token.text) {
                Some(function) => Expr::Identifier(function),
                None => return Err(format!("function {:?} not defined", token.text)),
            },
            Kind::Keyword if token.text == "." => Expr::Dot,
            Kind::Keyword if token.text == "nil" => Expr::Nil,
            Kind::Variable => {
                if !self.vars.iter().any(|v| v == token.text) {
                    return Err(format!("undefined variable {:?}", token.text));
                }
                Expr::Variable(token.text.to_owned(), Vec::new())
            }
            Kind::Field => Expr::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => constant(&token, Value::Bool(token.text == "true")),
            Kind::Char => constant(&token, parse_char(token.text)?),
            Kind::Number => constant(&token, parse_number(token.text)?),
            Kind::String | Kind::RawString => constant(&token, string_text(&token)?.into()),
            Kind::LeftParen => Expr::Pipe(
                self.nested(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?,
            ),
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Arg { pos: token.pos, expr }))
    }
}

fn constant(token: &Token<'_>, value: Value) -> Expr {
    Expr::Constant(value, token.text.to_owned())
}

fn string_text(token: &Token<'_>) -> Parsed<String> {
    match token.kind {
        Kind::RawString => Ok(token.text.trim_matches('`').replace('\r', "")),
        _ => unquote(token.text).ok_or_else(|| "invalid syntax".to_owned()),
    }
}

fn starts_operand(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Keyword => matches!(token.text, "." | "nil"),
        Kind::Bool | Kind::Char | Kind::Field | Kind::Identifier | Kind::Number => true,
        Kind::RawString | Kind::String | Kind::Variable | Kind::LeftParen => true,
        _ => false,
    }
}

/// A value can only begin a pipeline: later stages must be able to take one.
fn check_pipeline(pipe: &Pipe, context: &str) -> Parsed<()> {
    if pipe.cmds.is_empty() {
        return Err(format!("missing value for {context}"));
    }
    for (i, command) in pipe.cmds.iter().enumerate().skip(1) {
        if let Some(Expr::Dot | Expr::Nil | Expr::Constant(..)) =
            command.args.first().map(|a| &a.expr)
        {
            return Err(format!("non executable command in pipeline stage {}", i + 1));
        }
    }
    Ok(())
}

fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

fn lex_message(error: &LexError) -> String {
    if error.action_line == 0 || error.action_line == error.line {
        return error.message.clone();
    }
    format!("{} started at line {}", error.message, error.action_line)
}

/// Go's rendering of a token in an error message.
fn token_text(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Eof => "EOF".to_owned(),
        Kind::Keyword => format!("<{}>", token.text),
        _ if token.text.len() > 10 => {
            format!("{:?}...", token.text.chars().take(10).collect::<String>())
        }
        _ => format!("{:?}", token.text),
    }
}
