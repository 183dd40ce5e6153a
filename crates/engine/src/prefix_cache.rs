//! What has been computed before and may be needed again.
//!
//! A sequence that has ended stays in the KV cache under its tokens. A new request takes over the
//! longest beginning it shares with any of them: the next turn of a chat, another question under
//! the same system prompt, the same request again or edited at its end.
//!
//! The tokens form a radix tree: an edge is a piece of text, two texts part where they differ, and
//! what they share is there once. Each leaf names the sequence that holds everything from the root
//! to it; pages are shared between sequences, so a sequence costs only what nobody else holds.
//! Finding takes time in the length of the request, however much is kept.
//!
//! A sequence can be taken over only as far as the runner can go back to; where that is not
//! everywhere, copies of beginnings are kept at the nodes they lead to, beside the continuations.
//! The methods are told by `reusable(sequence, n)`: `n` if the first `n` tokens can be taken, or 0.
//!
//! What is kept is bounded by the KV cache itself. When it is full, the leaf unused for longest
//! loses its last page, and again, so the tail of an old chat goes before the system prompt that
//! others still use. Pages that a running sequence holds too stay with that.
//!
//! Tokens are compared themselves, never by a hash. This module is the bookkeeping; the runner
//! holds the memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    batch::{SeqId, TokenId},
    page_table::PAGE_LEN,
};

/// An index into [`PrefixCache::nodes`].
type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    /// The tokens between the parent and here.
    edge: Vec<TokenId>,
    /// How many tokens there are from the root to here.
    end: usize,
    parent: NodeId,
    /// By the first token of their edges.
    children: BTreeMap<TokenId, NodeId>,
    /// A sequence that ends here; every leaf has one.
    seq: Option<SeqId>,
    last_used: u64,
}

/// The sequences that have ended and are still cached.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    nodes: Vec<Node>,
    /// Nodes to be used again.
    free: Vec<NodeId>,
    /// The nodes that have a sequence, by when they were last used.
    holders: BTreeSet<(u64, NodeId)>,
    clock: u64,
}

impl Default for PrefixCache {
    fn default() -> Self {
        let (free, holders) = (Vec::new(), BTreeSet::new());
        Self { nodes: vec![Node::default()], free, holders, clock: 0 }
    }
}

impl PrefixCache {
    /// A sequence that can give the longest beginning of `tokens`, and how long that is; `None`
    /// if none can give any.
    pub(crate) fn find(
        &mut self,
        tokens: &[TokenId],
        reusable: impl Fn(SeqId, usize) -> usize,
    ) -> Option<(SeqId, usize)> {
        let mut node = self.walk(tokens);
        while node != ROOT {
            let Node { end, parent, .. } = self.nodes[node];
            if let Some(seq) = self.giver(node, end, &reusable) {
                return Some((seq, end));
            }
            node = parent;
        }
        None
    }

    /// The longest beginning that `tokens` shares with a sequence, whether it can be taken or not.
    pub(crate) fn longest_shared(&self, tokens: &[TokenId]) -> usize {
        let (node, n_more) = self.locate(tokens);
        self.nodes[node].end + n_more
    }

    /// Keeps an ended sequence; answers those that need not be kept any longer: itself if another
    /// can give all of it, or beginnings that it can give as well.
    pub(crate) fn insert(
        &mut self,
        seq: SeqId,
        tokens: &[TokenId],
        reusable: impl Fn(SeqId, usize) -> usize,
    ) -> Vec<SeqId> {
        let mut node = self.walk(tokens);
        let end = self.nodes[node].end;
        if end < tokens.len() {
            let edge = tokens[end..].to_vec();
            let leaf = Node { edge, end: tokens.len(), parent: node, ..Node::default() };
            let leaf = self.add(leaf);
            self.nodes[node].children.insert(tokens[end], leaf);
            node = leaf;
        } else if node == ROOT || self.giver(node, end, &reusable).is_some() {
            return vec![seq];
        }
        self.nodes[node].seq = Some(seq);
        self.nodes[node].last_used = self.clock;
        self.holders.insert((self.clock, node));
        self.drop_beginnings(seq, node, &reusable)
    }

    /// Takes away the sequences on the way to a node that its own can stand in for.
    fn drop_beginnings(
        &mut self,
        seq: SeqId,
        mut node: NodeId,
        reusable: &impl Fn(SeqId, usize) -> usize,
    ) -> Vec<SeqId> {
        let mut dropped = Vec::new();
        while node != ROOT {
            node = self.nodes[node].parent;
            let Node { end, last_used, seq: shorter, .. } = &mut self.nodes[node];
            if shorter.is_some() && reusable(seq, *end) == *end {
                dropped.extend(shorter.take());
                self.holders.remove(&(*last_used, node));
            }
        }
        dropped
    }

    /// Lets go of the last page of the leaf unused for longest: the sequence to be shortened, and
    /// to what length. `None` if nothing is kept.
    pub(crate) fn evict(
        &mut self,
        reusable: impl Fn(SeqId, usize) -> usize,
    ) -> Option<(SeqId, usize)> {
        let &(last_used, node) = self.holders.first()?;
        let Node { end, parent, seq, .. } = self.nodes[node];
        let seq = seq.expect("a holder has a sequence");
        let shorter = (end - 1) / PAGE_LEN * PAGE_LEN;
        let parent_end = self.nodes[parent].end;
        let is_leaf = self.nodes[node].children.is_empty();
        if is_leaf && shorter > parent_end && reusable(seq, shorter) == shorter {
            self.nodes[node].edge.truncate(shorter - parent_end);
            self.nodes[node].end = shorter;
            return Some((seq, shorter));
        }
        self.holders.remove(&(last_used, node));
        self.nodes[node].seq = None;
        if !is_leaf {
            return Some((seq, 0));
        }
        Some((seq, self.prune(seq, node, &reusable)))
    }

    /// Takes a leaf away, and what no sequence holds any more above it. A node that has become a
    /// leaf is held by `seq` where it can be. Answers how much of `seq` is still needed.
    fn prune(
        &mut self,
        seq: SeqId,
        mut leaf: NodeId,
        reusable: &impl Fn(SeqId, usize) -> usize,
    ) -> usize {
        loop {
            let Node { edge, parent, .. } = std::mem::take(&mut self.nodes[leaf]);
            self.free.push(leaf);
            let node = &mut self.nodes[parent];
            node.children.remove(&edge[0]);
            if parent == ROOT || !node.children.is_empty() || node.seq.is_some() {
                return 0;
            }
            if reusable(seq, node.end) == node.end {
                node.seq = Some(seq);
                self.holders.insert((node.last_used, parent));
                return node.end;
            }
            leaf = parent;
        }
    }

    /// The node at the end of the longest beginning of `tokens`, made by cutting an edge in two
    /// where it must be. All nodes on the way count as used now.
    fn walk(&mut self, tokens: &[TokenId]) -> NodeId {
        self.clock += 1;
        let (node, n_more) = self.locate(tokens);
        let node = if n_more == 0 { node } else { self.cut(node, tokens, n_more) };
        self.touch(node);
        node
    }

    /// The last node on the way of `tokens`, and how many more tokens an edge behind it shares.
    fn locate(&self, tokens: &[TokenId]) -> (NodeId, usize) {
        let mut node = ROOT;
        loop {
            let rest = &tokens[self.nodes[node].end..];
            let child = rest.first().and_then(|token| self.nodes[node].children.get(token));
            let Some(&child) = child else { return (node, 0) };
            let edge = &self.nodes[child].edge;
            let n = common_prefix(edge, rest);
            if n < edge.len() {
                return (node, n);
            }
            node = child;
        }
    }

    /// Puts a node into the edge from `parent` that `tokens` follow, behind its first `n` tokens.
    fn cut(&mut self, parent: NodeId, tokens: &[TokenId], n: usize) -> NodeId {
        let start = self.nodes[parent].end;
        let lower = self.nodes[parent].children[&tokens[start]];
        let edge = self.nodes[lower].edge.drain(..n).collect();
        let next = self.nodes[lower].edge[0];
        let last_used = self.nodes[lower].last_used;
        let children = BTreeMap::from([(next, lower)]);
        let middle =
            self.add(Node { edge, end: start + n, parent, children, seq: None, last_used });
        self.nodes[lower].parent = middle;
        self.nodes[parent].children.insert(tokens[start], middle);
        middle
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.free.pop() {
            self.nodes[id] = node;
            return id;
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn touch(&mut self, mut node: NodeId) {
        while node != ROOT {
            let used_before = std::mem::replace(&mut self.nodes[node].last_used, self.clock);
            if self.holders.remove(&(used_before, node)) {
                self.holders.insert((self.clock, node));
            }
            node = self.nodes[node].parent;
        }
    }

    /// A sequence at or below a node that can give its first `n` tokens. Where any can be taken
    /// that is the first that is looked at.
    fn giver(
        &self,
        node: NodeId,
        n: usize,
        reusable: &impl Fn(SeqId, usize) -> usize,
    ) -> Option<SeqId> {
        let mut below = vec![node];
        while let Some(node) = below.pop() {
            let Node { seq, children, .. } = &self.nodes[node];
            if let Some(seq) = seq.filter(|&seq| reusable(seq, n) == n) {
                return Some(seq);
            }
            below.extend(children.values());
        }
        None
    }
}

/// How many tokens two sequences begin with in common.
pub(crate) fn common_prefix(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
