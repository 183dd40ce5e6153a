//! Byte-pair merging: joins the best pair of neighbours until no pair can be joined.
//!
//! ```text
//! symbols   c a m e l s      queue: (rank of "am", 1), (rank of "el", 3), ...
//! take the lowest rank, of those the leftmost: join, and ask about the two new pairs
//! symbols   c am  e l s
//! ```
//!
//! Symbols are a doubly linked list in an array, candidates a heap of bare numbers: a million of
//! them wait for one long word. A join leaves candidates behind that speak of pairs that are no
//! more; they are told by their rank, which each symbol knows of itself and its right neighbour,
//! and thrown away when they come up. n symbols take O(n log n), whatever the text: every join
//! removes one symbol and adds at most two candidates.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::batch::TokenId;

/// Two neighbours may become this token; lower ranks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) rank: u32,
    pub(super) id: TokenId,
}

/// A part of the text: at first a character or a byte, later what was joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Where it begins, in bytes.
    pub(super) start: u32,
    /// Its length in bytes; 0 once it is part of its left neighbour.
    pub(super) len: u32,
    /// Its token, if it is one.
    pub(super) id: Option<TokenId>,
    prev: u32,
    next: u32,
    /// What it and its right neighbour may become.
    pair: Option<Joined>,
}

/// No neighbour.
const NONE: u32 = u32::MAX;

/// A pair that may be joined: its rank in the upper half, the index of its left symbol in the
/// lower. So the order of numbers is the order of merging.
type Candidate = u64;

/// Merges one word after the other, keeping its memory.
#[derive(Debug, Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    /// Forgets the last word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.queue.clear();
    }

    /// Appends a symbol of `len` bytes behind the last.
    pub(super) fn push(&mut self, len: u32, id: Option<TokenId>) {
        let at = index(self.symbols.len());
        let (start, prev) = match self.symbols.last_mut() {
            Some(last) => {
                last.next = at;
                (last.start + last.len, at - 1)
            }
            None => (0, NONE),
        };
        self.symbols.push(Symbol { start, len, id, prev, next: NONE, pair: None });
    }

    /// Joins what `join` says can be joined. What is left is in [`symbols`](Self::symbols).
    pub(super) fn merge(&mut self, join: impl Fn(&Symbol, &Symbol) -> Option<Joined>) {
        let mut queue = std::mem::take(&mut self.queue).into_vec();
        let all = 0..index(self.symbols.len());
        queue.extend(all.filter_map(|left| self.look_at(left, &join)).map(Reverse));
        // All at once takes a time linear in their number, one by one would not.
        self.queue = BinaryHeap::from(queue);
        while let Some(Reverse(candidate)) = self.queue.pop() {
            let (rank, left) = ((candidate >> 32) as u32, candidate as u32);
            let Some(pair) = self.symbols[left as usize].pair.filter(|pair| pair.rank == rank)
            else {
                continue;
            };
            self.join(left, pair.id);
            let prev = self.symbols[left as usize].prev;
            let changed = [prev, left].map(|left| self.look_at(left, &join).map(Reverse));
            self.queue.extend(changed.into_iter().flatten());
        }
    }

    /// The symbols that are left, in order of the text.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    /// Asks what the symbol `left` and its neighbour may become, and notes it.
    fn look_at(
        &mut self,
        left: u32,
        join: &impl Fn(&Symbol, &Symbol) -> Option<Joined>,
    ) -> Option<Candidate> {
        let symbol = self.symbols.get(left as usize)?;
        let right = self.symbols.get(symbol.next as usize);
        let pair = right.and_then(|right| join(symbol, right));
        self.symbols[left as usize].pair = pair;
        pair.map(|pair| u64::from(pair.rank) << 32 | u64::from(left))
    }

    /// Makes `left` and its right neighbour one symbol.
    fn join(&mut self, left: u32, id: TokenId) {
        let right = self.symbols[left as usize].next;
        let Symbol { len, next, .. } = self.symbols[right as usize];
        let gone = &mut self.symbols[right as usize];
        (gone.len, gone.pair) = (0, None);
        let symbol = &mut self.symbols[left as usize];
        symbol.len += len;
        (symbol.id, symbol.next) = (Some(id), next);
        if let Some(next) = self.symbols.get_mut(next as usize) {
            next.prev = left;
        }
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("because texts of 4 GiB are refused")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `aa` is worth more than `ab`, which is worth more than any longer run of `a`.
    fn rule(text: &str) -> impl Fn(&Symbol, &Symbol) -> Option<Joined> + '_ {
        |a, b| rank(&text[a.start as usize..(b.start + b.len) as usize])
    }

    fn rank(text: &str) -> Option<Joined> {
        let tokens = ["aa", "ab", "aab", "aaaa", "ba", "bb"];
        let rank = tokens.iter().position(|token| *token == text)?;
        Some(Joined { rank: rank as u32, id: rank as u32 + 10 })
    }

    fn merged(text: &str) -> Vec<&str> {
        let mut merger = Merger::default();
        text.bytes().for_each(|_| merger.push(1, None));
        merger.merge(rule(text));
        merger.symbols().map(|s| &text[s.start as usize..(s.start + s.len) as usize]).collect()
    }

    /// The definition: look at all pairs, join the best, again and again.
    fn merged_slowly(text: &str) -> Vec<String> {
        let mut parts: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let pairs = parts.windows(2).enumerate();
            let best = pairs.filter_map(|(i, p)| Some((rank(&p.concat())?.rank, i))).min();
            let Some((_, i)) = best else { return parts };
            let right = parts.remove(i + 1);
            parts[i].push_str(&right);
        }
    }

    #[test]
    fn the_lowest_rank_goes_first_and_of_equals_the_leftmost() {
        assert_eq!(merged("aaa"), ["aa", "a"]);
        assert_eq!(merged("bab"), ["b", "ab"]);
        assert_eq!(merged("aaaab"), ["aa", "aab"]);
        assert_eq!(merged("aaaa"), ["aaaa"]);
        assert_eq!(merged(""), [""; 0]);
    }

    proptest! {
        #[test]
        fn merging_with_a_queue_gives_what_looking_at_all_pairs_gives(text in "[ab]{0,40}") {
            prop_assert_eq!(merged(&text), merged_slowly(&text));
        }
    }
}
