//! Shortens a legacy template to what comes before the model's answer.
//!
//! The last exchange of a chat is rendered only up to `.Response`: what the template writes after
//! it would end the turn that the model is about to write. Everything behind the first `.Response`
//! in the order of the text goes, at every level; conditions are not searched.

use crate::go::ast::{Arg, Expr, Node, Pipe};

/// `nodes` up to and with the first `.Response`; all of them when there is none.
pub(super) fn up_to_response(nodes: &[Node]) -> Vec<Node> {
    cut(nodes).0
}

/// The kept nodes, and whether `.Response` was among them.
fn cut(nodes: &[Node]) -> (Vec<Node>, bool) {
    let mut kept = Vec::with_capacity(nodes.len());
    for node in nodes {
        let (node, found) = cut_node(node);
        kept.push(node);
        if found {
            return (kept, true);
        }
    }
    (kept, false)
}

fn cut_node(node: &Node) -> (Node, bool) {
    match node {
        Node::Action(pos, pipe) => {
            let holder = pipe.cmds.iter().position(|c| c.args.iter().any(holds_response));
            let mut pipe = pipe.clone();
            if let Some(at) = holder {
                pipe.cmds.truncate(at + 1);
            }
            (Node::Action(*pos, pipe), holder.is_some())
        }
        Node::Branch(branch) => {
            let mut branch = branch.clone();
            let (body, mut found) = cut(&branch.body);
            branch.body = body;
            if found {
                branch.else_body = None;
            } else if let Some(nodes) = &branch.else_body {
                let (nodes, in_else) = cut(nodes);
                branch.else_body = Some(nodes);
                found = in_else;
            }
            (Node::Branch(branch), found)
        }
        other => (other.clone(), false),
    }
}

fn holds_response(arg: &Arg) -> bool {
    let in_pipe = |pipe: &Pipe| pipe.cmds.iter().any(|c| c.args.iter().any(holds_response));
    match &arg.expr {
        Expr::Field(path) => path.iter().any(|part| part == "Response"),
        Expr::Pipe(pipe) => in_pipe(pipe),
        Expr::Chain(inner, _) => holds_response(inner),
        _ => false,
    }
}
