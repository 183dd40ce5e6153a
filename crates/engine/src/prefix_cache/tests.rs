use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const A: SeqId = SeqId(1);
const B: SeqId = SeqId(2);
const C: SeqId = SeqId(3);

/// Every beginning can be taken.
fn all(_: SeqId, n: usize) -> usize {
    n
}

/// Tokens from a range, as long as pages are.
fn pages(range: std::ops::Range<u32>) -> Vec<TokenId> {
    let page_len = PAGE_LEN as u32;
    (range.start * page_len..range.end * page_len).collect()
}

#[test]
fn the_longest_beginning_is_found() {
    let mut cache = PrefixCache::default();
    cache.insert(A, &[1, 2, 3], all);
    cache.insert(B, &[1, 2, 4, 5], all);
    assert_eq!(cache.find(&[1, 2, 4, 9], all), Some((B, 3)));
    assert_eq!(cache.find(&[9], all), None);
    assert_eq!(cache.find(&[], all), None);
    let (seq, n) = cache.find(&[1, 2, 9], all).unwrap();
    assert!((seq == A || seq == B) && n == 2);
}

#[test]
fn a_beginning_of_another_is_not_kept_beside_it() {
    let mut cache = PrefixCache::default();
    assert_eq!(cache.insert(A, &[1, 2], all), []);
    assert_eq!(cache.insert(B, &[1, 2, 3], all), [A]);
    assert_eq!(cache.insert(C, &[1], all), [C]);
    assert_eq!(cache.insert(C, &[], all), [C]);
    assert_eq!(cache.find(&[1, 2, 3, 4], all), Some((B, 3)));
}

#[test]
fn the_page_unused_for_longest_goes_first() {
    let mut cache = PrefixCache::default();
    let (first, second) = (pages(0..2), pages(5..7));
    cache.insert(A, &first, all);
    cache.insert(B, &second, all);
    cache.find(&first, all);
    assert_eq!(cache.evict(all), Some((B, PAGE_LEN)));
    assert_eq!(cache.evict(all), Some((B, 0)));
    assert_eq!(cache.evict(all), Some((A, PAGE_LEN)));
    assert_eq!(cache.find(&first, all), Some((A, PAGE_LEN)), "what is left is of use");
    assert_eq!(cache.evict(all), Some((A, 0)));
    assert_eq!(cache.evict(all), None);
}

#[test]
fn a_tail_nobody_uses_goes_before_the_beginning_that_others_use() {
    let mut cache = PrefixCache::default();
    cache.insert(A, &pages(0..3), all);
    cache.insert(B, &pages(7..8), all);
    // A request under the same system prompt, which is one page long.
    cache.find(&[pages(0..1), vec![9999]].concat(), all);
    assert_eq!(cache.evict(all), Some((A, 2 * PAGE_LEN)));
    assert_eq!(cache.evict(all), Some((A, PAGE_LEN)));
    assert_eq!(cache.evict(all), Some((B, 0)));
    assert_eq!(cache.find(&pages(0..3), all), Some((A, PAGE_LEN)));
}

#[test]
fn what_two_texts_share_stays_with_the_one_that_is_left() {
    let mut cache = PrefixCache::default();
    cache.insert(A, &[pages(0..1), vec![7777; 3]].concat(), all);
    cache.insert(B, &[pages(0..1), vec![8888; 3]].concat(), all);
    assert_eq!(cache.evict(all), Some((A, 0)));
    assert_eq!(cache.find(&pages(0..2), all), Some((B, PAGE_LEN)));
}

/// What the tree says, said plainly: every kept sequence with its tokens.
#[derive(Default)]
struct Plain(HashMap<SeqId, Vec<TokenId>>);

impl Plain {
    fn longest(&self, tokens: &[TokenId]) -> usize {
        self.0.values().map(|kept| common_prefix(kept, tokens)).max().unwrap_or(0)
    }

    fn shorten(&mut self, seq: SeqId, len: usize) {
        let tokens = self.0.get_mut(&seq).expect("only a kept sequence is shortened");
        assert!(len < tokens.len());
        tokens.truncate(len);
        if len == 0 {
            self.0.remove(&seq);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is inserted, asked for and let go of: the tree finds the longest beginning that
    /// any kept sequence has, in a sequence that has it, and in the end nothing is left.
    #[test]
    fn the_tree_is_a_list_of_sequences(
        steps in prop::collection::vec((prop::collection::vec(0u32..3, 0..90), 0u8..4), 1..60),
    ) {
        let (mut cache, mut plain) = (PrefixCache::default(), Plain::default());
        for (id, (tokens, action)) in (0u32..).zip(steps) {
            match action {
                0 | 1 => {
                    let seq = SeqId(id);
                    if !tokens.is_empty() {
                        plain.0.insert(seq, tokens.clone());
                    }
                    for unneeded in cache.insert(seq, &tokens, all) {
                        plain.0.remove(&unneeded);
                    }
                }
                2 => if let Some((seq, len)) = cache.evict(all) {
                    plain.shorten(seq, len);
                },
                _ => {}
            }
            let longest = plain.longest(&tokens);
            prop_assert_eq!(cache.longest_shared(&tokens), longest);
            match cache.find(&tokens, all) {
                Some((seq, n)) => {
                    prop_assert_eq!(n, longest);
                    prop_assert_eq!(&plain.0[&seq][..n], &tokens[..n]);
                }
                None => prop_assert_eq!(longest, 0),
            }
        }
        while let Some((seq, len)) = cache.evict(all) {
            plain.shorten(seq, len);
        }
        prop_assert!(plain.0.is_empty());
        prop_assert_eq!(cache.nodes.len() - cache.free.len(), 1, "only the root is left");
    }

    /// The same where a sequence can be taken whole or not at all.
    #[test]
    fn states_are_kept_at_their_nodes(
        steps in prop::collection::vec((prop::collection::vec(0u32..3, 0..40), 0u8..4), 1..60),
    ) {
        let mut cache = PrefixCache::default();
        let mut plain: HashMap<SeqId, Vec<TokenId>> = HashMap::new();
        for (id, (tokens, action)) in (0u32..).zip(steps) {
            let whole = |plain: &HashMap<SeqId, Vec<TokenId>>, seq: SeqId, n: usize| {
                if plain.get(&seq).is_some_and(|tokens| tokens.len() == n) { n } else { 0 }
            };
            match action {
                0 | 1 => {
                    let seq = SeqId(id);
                    plain.insert(seq, tokens.clone());
                    for unneeded in cache.insert(seq, &tokens, |seq, n| whole(&plain, seq, n)) {
                        plain.remove(&unneeded);
                    }
                }
                2 => if let Some((seq, len)) = cache.evict(|seq, n| whole(&plain, seq, n)) {
                    prop_assert_eq!(len, 0);
                    prop_assert!(plain.remove(&seq).is_some());
                },
                _ => {}
            }
            let is_beginning = |kept: &&Vec<TokenId>| tokens.starts_with(kept);
            let longest = plain.values().filter(is_beginning).map(Vec::len).max().unwrap_or(0);
            let found = cache.find(&tokens, |seq, n| whole(&plain, seq, n));
            prop_assert_eq!(found.map_or(0, |(_, n)| n), longest);
        }
        while let Some((seq, _)) = cache.evict(|_, _| 0) {
            prop_assert!(plain.remove(&seq).is_some());
        }
        prop_assert!(plain.is_empty());
        prop_assert_eq!(cache.nodes.len() - cache.free.len(), 1, "only the root is left");
    }
}
