//! Walks a template's tree over its data.
//!
//! Go's rules hold for what is evaluated when, for truth, for scopes and for which part of the
//! template an error points at: [`Exec::at`] remembers the last part that was looked at, as Go's
//! own executor does.

mod eval;

use super::ast::{Branch, BranchKind, Node, Pos, TemplateCall};
use super::error::ExecError;
use super::format::print_value;
use super::functions::Context;
use super::parser::Trees;
use super::value::Value;

/// Nodes visited, loop turns and calls in one render.
pub(super) const MAX_STEPS: u64 = 5_000_000;
/// Bytes printed in one render, and bytes of text that functions make in it.
pub(super) const MAX_OUTPUT: usize = 64 << 20;
/// Bytes of one text that a function makes.
pub(super) const MAX_STRING: usize = 16 << 20;
/// Templates calling templates.
const MAX_TEMPLATE_DEPTH: usize = 60;
/// Bodies and pipelines inside one another, across templates.
const MAX_WALK_DEPTH: usize = 400;

/// A failure, or a loop being left.
pub(super) enum Stop {
    Break,
    Continue,
    Error(Box<ExecError>),
}

pub(super) type Done<T> = Result<T, Stop>;

/// The part of a template that an error would be about.
#[derive(Clone, Copy)]
struct Place<'t> {
    pos: Pos,
    node: &'t dyn std::fmt::Display,
}

/// One render.
pub(super) struct Exec<'t> {
    trees: &'t Trees,
    text: &'t str,
    parse_name: &'t str,
    name: &'t str,
    context: Context,
    out: String,
    vars: Vec<(&'t str, Value)>,
    place: Option<Place<'t>>,
    n_steps: u64,
    n_made: usize,
    template_depth: usize,
    walk_depth: usize,
}

/// Renders the template `name` of `trees` over `data`.
pub(super) fn execute(
    trees: &Trees,
    text: &str,
    name: &str,
    data: &Value,
    context: Context,
) -> Result<String, ExecError> {
    let mut exec = Exec {
        trees,
        text,
        parse_name: name,
        name,
        context,
        out: String::new(),
        vars: vec![("$", data.clone())],
        place: None,
        n_steps: 0,
        n_made: 0,
        template_depth: 0,
        walk_depth: 0,
    };
    let nodes = trees.get(name).map_or(&[][..], Vec::as_slice);
    match exec.walk(data, nodes) {
        Ok(()) => Ok(exec.out),
        Err(Stop::Error(error)) => Err(*error),
        // The parser lets these stand in loops alone, and loops end them.
        Err(Stop::Break | Stop::Continue) => Ok(exec.out),
    }
}

impl<'t> Exec<'t> {
    fn at(&mut self, pos: Pos, node: &'t dyn std::fmt::Display) {
        self.place = Some(Place { pos, node });
    }

    /// An error at the current place.
    fn fail(&self, message: impl Into<String>) -> Stop {
        let pos = self.place.map_or(0, |p| p.pos).min(self.text.len());
        let before = &self.text.as_bytes()[..pos];
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        Stop::Error(Box::new(ExecError {
            parse_name: self.parse_name.to_owned(),
            name: self.name.to_owned(),
            line: 1 + before.iter().filter(|&&b| b == b'\n').count(),
            column: pos - line_start,
            node: self.place.map_or(String::new(), |p| p.node.to_string()),
            message: message.into(),
        }))
    }

    fn step(&mut self) -> Done<()> {
        self.n_steps += 1;
        if self.n_steps > MAX_STEPS {
            return Err(self.fail(format!("more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        self.walk_depth += 1;
        if self.walk_depth > MAX_WALK_DEPTH {
            return Err(self.fail(format!("nested deeper than {MAX_WALK_DEPTH}")));
        }
        let result = inner(self);
        self.walk_depth -= 1;
        result
    }

    fn check_output(&self) -> Done<()> {
        if self.out.len() > MAX_OUTPUT {
            return Err(self.fail(format!("output is longer than {MAX_OUTPUT} bytes")));
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Value, nodes: &'t [Node]) -> Done<()> {
        for node in nodes {
            self.step()?;
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pos, pipe) => {
                    self.at(*pos, pipe);
                    let value = self.eval_pipeline(dot, pipe)?;
                    if pipe.decl.is_empty() {
                        print_value(&mut self.out, &value);
                    }
                }
                Node::Branch(branch) => self.branch(dot, branch)?,
                Node::Template(call) => self.template(dot, call)?,
                Node::Break => return Err(Stop::Break),
                Node::Continue => return Err(Stop::Continue),
            }
            self.check_output()?;
        }
        Ok(())
    }

    fn branch(&mut self, dot: &Value, branch: &'t Branch) -> Done<()> {
        let n_vars = self.vars.len();
        let result = self.nested(|exec| match branch.kind {
            BranchKind::Range => exec.range(dot, branch),
            BranchKind::If | BranchKind::With => exec.choose(dot, branch),
        });
        self.vars.truncate(n_vars);
        result
    }

    fn choose(&mut self, dot: &Value, branch: &'t Branch) -> Done<()> {
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        if value.is_true() {
            let dot = if branch.kind == BranchKind::With { &value } else { dot };
            return self.walk(dot, &branch.body);
        }
        self.walk(dot, branch.else_body.as_deref().unwrap_or_default())
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Done<()> {
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let n_turns = match &value {
            Value::List(list) => {
                let items = list.items();
                for (i, item) in items.iter().enumerate() {
                    let index = Value::Int(i64::try_from(i).unwrap_or(i64::MAX));
                    if self.turn(branch, index, item)? {
                        break;
                    }
                }
                items.len()
            }
            Value::Map(map) => {
                for (key, item) in &map.entries {
                    if self.turn(branch, Value::Str(key.clone()), item)? {
                        break;
                    }
                }
                map.entries.len()
            }
            Value::Int(n) if branch.pipe.decl.len() < 2 => {
                for i in 0..*n {
                    if self.turn(branch, Value::Int(i), &Value::Int(i))? {
                        break;
                    }
                }
                usize::try_from(*n).unwrap_or(0)
            }
            Value::Int(n) => {
                return Err(
                    self.fail(format!("can't use {n} to iterate over more than one variable"))
                );
            }
            Value::Nil => 0,
            other => {
                let mut shown = String::new();
                print_value(&mut shown, other);
                return Err(self.fail(format!("range can't iterate over {shown}")));
            }
        };
        if n_turns == 0 {
            return self.walk(dot, branch.else_body.as_deref().unwrap_or_default());
        }
        Ok(())
    }

    /// One turn of a loop; true when the loop is left.
    fn turn(&mut self, branch: &'t Branch, index: Value, item: &Value) -> Done<bool> {
        self.step()?;
        let n_vars = self.vars.len();
        let pipe = &branch.pipe;
        if let Some(last) = pipe.decl.last() {
            // With two variables the first is the index, with one it is the item.
            let first = pipe.decl.first().filter(|_| pipe.decl.len() > 1);
            if pipe.is_assign {
                if let Some(first) = first {
                    self.assign(first, index)?;
                }
                self.assign(last, item.clone())?;
            } else {
                // The declaration itself has put them on the stack.
                let top = n_vars - 1;
                self.vars[top].1 = item.clone();
                if first.is_some() {
                    self.vars[top - 1].1 = index;
                }
            }
        }
        let result = self.walk(item, &branch.body);
        self.vars.truncate(n_vars);
        match result {
            Ok(()) | Err(Stop::Continue) => Ok(false),
            Err(Stop::Break) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn assign(&mut self, name: &str, value: Value) -> Done<()> {
        match self.vars.iter_mut().rev().find(|(n, _)| *n == name) {
            Some(slot) => {
                slot.1 = value;
                Ok(())
            }
            None => Err(self.fail(format!("undefined variable: {name}"))),
        }
    }

    fn template(&mut self, dot: &Value, call: &'t TemplateCall) -> Done<()> {
        self.at(call.pos, call);
        let Some(nodes) = self.trees.get(&call.name) else {
            return Err(self.fail(format!("template {:?} not defined", call.name)));
        };
        if self.template_depth >= MAX_TEMPLATE_DEPTH {
            let message = format!("exceeded maximum template depth ({MAX_TEMPLATE_DEPTH})");
            return Err(self.fail(message));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.eval_pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        let vars = std::mem::replace(&mut self.vars, vec![("$", dot.clone())]);
        let name = std::mem::replace(&mut self.name, &call.name);
        self.template_depth += 1;
        let result = self.nested(|exec| exec.walk(&dot, nodes));
        self.template_depth -= 1;
        (self.vars, self.name) = (vars, name);
        result
    }
}
