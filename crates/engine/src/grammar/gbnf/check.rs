//! Whether every rule can come to an end, and which rules come back to themselves.

use super::{GbnfError, Grammar, Node, NodeId, RuleId};

/// # Errors
/// [`GbnfError::Endless`] for the first rule of which no text ends.
pub(super) fn check_ends(grammar: &Grammar) -> Result<(), GbnfError> {
    let users = users(grammar);
    let mut ends = vec![false; grammar.rules.len()];
    let mut to_look_at: Vec<RuleId> = (0..grammar.rules.len()).collect();
    while let Some(rule) = to_look_at.pop() {
        if !ends[rule] && can_end(grammar, grammar.rules[rule].body, &ends) {
            ends[rule] = true;
            to_look_at.extend(&users[rule]);
        }
    }
    let endless = ends.iter().position(|ends| !ends).map(|rule| &grammar.rules[rule]);
    endless.map_or(Ok(()), |rule| {
        Err(GbnfError::Endless { place: rule.place, name: rule.name.clone() })
    })
}

fn can_end(grammar: &Grammar, node: NodeId, ends: &[bool]) -> bool {
    match &grammar.nodes[node] {
        Node::Char(_) | Node::Repeat { min: 0, .. } => true,
        Node::Seq(parts) => parts.iter().all(|&part| can_end(grammar, part, ends)),
        Node::Alt(parts) => parts.iter().any(|&part| can_end(grammar, part, ends)),
        Node::Repeat { of, .. } => can_end(grammar, *of, ends),
        Node::Rule(rule) => ends[*rule],
    }
}

/// The rules that lead to no recursion, each behind all that it names.
pub(super) fn regular_rules(grammar: &Grammar) -> Vec<RuleId> {
    let users = users(grammar);
    let mut n_unknown: Vec<usize> =
        (0..grammar.rules.len()).map(|rule| grammar.named_by(rule).count()).collect();
    let mut regular: Vec<RuleId> = (0..n_unknown.len()).filter(|&r| n_unknown[r] == 0).collect();
    let mut n_done = 0;
    while let Some(&rule) = regular.get(n_done) {
        n_done += 1;
        for &user in &users[rule] {
            n_unknown[user] -= 1;
            if n_unknown[user] == 0 {
                regular.push(user);
            }
        }
    }
    regular
}

/// For each rule, the rules that name it, each as often as it does.
fn users(grammar: &Grammar) -> Vec<Vec<RuleId>> {
    let mut users = vec![Vec::new(); grammar.rules.len()];
    for user in 0..grammar.rules.len() {
        grammar.named_by(user).for_each(|rule| users[rule].push(user));
    }
    users
}
