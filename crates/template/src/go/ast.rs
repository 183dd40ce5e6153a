//! The tree of a parsed template, and how Go prints its parts in error messages.

use std::fmt;
use std::sync::Arc;

use super::functions::Function;
use super::value::Value;

/// Byte offset in the template's text.
pub(crate) type Pos = usize;

/// Something that stands in a template's body.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Literal text.
    Text(Arc<str>),
    /// `{{pipeline}}`.
    Action(Pos, Pipe),
    /// `{{if}}`, `{{with}}` or `{{range}}` with its bodies.
    Branch(Branch),
    /// `{{template "name" pipeline}}`, and what `{{block}}` becomes.
    Template(TemplateCall),
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
}

/// The kind of a [`Branch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BranchKind {
    /// `if`: one body or the other.
    If,
    /// `with`: like `if`, and the value becomes dot.
    With,
    /// `range`: the body once per item.
    Range,
}

/// A control structure.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) kind: BranchKind,
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) else_body: Option<Vec<Node>>,
}

/// A call of another template.
#[derive(Debug, Clone)]
pub(crate) struct TemplateCall {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
}

/// Commands joined by `|`, with the variables they are assigned to.
#[derive(Debug, Clone)]
pub(crate) struct Pipe {
    pub(crate) pos: Pos,
    /// `=` rather than `:=`.
    pub(crate) is_assign: bool,
    pub(crate) decl: Vec<String>,
    pub(crate) cmds: Vec<Command>,
}

/// One command: a function or value with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) pos: Pos,
    pub(crate) args: Vec<Arg>,
}

/// An operand and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) pos: Pos,
    pub(crate) expr: Expr,
}

/// What an operand is.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// A literal with its source text.
    Constant(Value, String),
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A`: the variable with its dollar sign, then fields.
    Variable(String, Vec<String>),
    /// `(pipeline)`
    Pipe(Pipe),
    /// `(pipeline).A`
    Chain(Box<Arg>, Vec<String>),
    /// A function's name.
    Identifier(&'static Function),
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.decl.is_empty() {
            write!(f, "{} {} ", self.decl.join(", "), if self.is_assign { "=" } else { ":=" })?;
        }
        for (i, command) in self.cmds.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            arg.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::Dot => f.write_str("."),
            Expr::Nil => f.write_str("nil"),
            Expr::Constant(_, text) => f.write_str(text),
            Expr::Field(path) => write_path(f, path),
            Expr::Variable(name, path) => {
                f.write_str(name)?;
                write_path(f, path)
            }
            Expr::Pipe(pipe) => write!(f, "({pipe})"),
            Expr::Chain(arg, path) => {
                arg.fmt(f)?;
                write_path(f, path)
            }
            Expr::Identifier(function) => f.write_str(function.name),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[String]) -> fmt::Result {
    path.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {:?}", self.name)?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
