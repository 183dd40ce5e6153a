//! Looks at every operand of a template's tree.

use crate::go::ast::{Arg, BranchKind, Expr, Node, Pipe};

/// What stands around an operand.
#[derive(Clone, Copy)]
pub(super) struct Around<'t> {
    /// The innermost list of nodes it is in.
    pub(super) nodes: &'t [Node],
    /// What the innermost `range` around it runs over.
    pub(super) range: Option<&'t Pipe>,
}

/// Calls `see` for each operand of `nodes`, in the order of the text; a parenthesised pipeline and
/// the operand in front of a field chain are looked into, but are no operands themselves.
pub(super) fn walk<'t>(nodes: &'t [Node], see: &mut dyn FnMut(&'t Arg, Around<'t>)) {
    walk_list(Around { nodes, range: None }, see);
}

fn walk_list<'t>(around: Around<'t>, see: &mut dyn FnMut(&'t Arg, Around<'t>)) {
    for node in around.nodes {
        match node {
            Node::Text(_) | Node::Break | Node::Continue => {}
            Node::Action(_, pipe) => walk_pipe(pipe, around, see),
            Node::Template(call) => {
                if let Some(pipe) = &call.pipe {
                    walk_pipe(pipe, around, see);
                }
            }
            Node::Branch(branch) => {
                walk_pipe(&branch.pipe, around, see);
                let range = match branch.kind {
                    BranchKind::Range => Some(&branch.pipe),
                    BranchKind::If | BranchKind::With => around.range,
                };
                walk_list(Around { nodes: &branch.body, range }, see);
                if let Some(nodes) = &branch.else_body {
                    walk_list(Around { nodes, range }, see);
                }
            }
        }
    }
}

fn walk_pipe<'t>(pipe: &'t Pipe, around: Around<'t>, see: &mut dyn FnMut(&'t Arg, Around<'t>)) {
    for arg in pipe.cmds.iter().flat_map(|command| &command.args) {
        walk_arg(arg, around, see);
    }
}

fn walk_arg<'t>(arg: &'t Arg, around: Around<'t>, see: &mut dyn FnMut(&'t Arg, Around<'t>)) {
    match &arg.expr {
        Expr::Pipe(pipe) => walk_pipe(pipe, around, see),
        Expr::Chain(inner, _) => walk_arg(inner, around, see),
        _ => see(arg, around),
    }
}

/// Does an operand of `pipe`, parentheses left aside, mention the field `name` of dot?
pub(super) fn mentions(pipe: &Pipe, name: &str) -> bool {
    pipe.cmds.iter().flat_map(|command| &command.args).any(|arg| match &arg.expr {
        Expr::Field(path) => path.iter().any(|part| part == name),
        _ => false,
    })
}
