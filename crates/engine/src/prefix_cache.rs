//! What has been computed before and may be needed again.
//!
//! A sequence that has ended stays in the KV cache under its tokens. A new request takes over the
//! longest beginning it shares with any of them: the next turn of a chat, another question under
//! the same system prompt, the same request again. Pages are shared, so a sequence that is kept
//! costs only what nobody else holds; when room is needed, the one unused for longest goes.
//!
//! A sequence can be taken over only as far as the runner can go back to; where that is not
//! everywhere, copies of beginnings are kept beside their continuations.
//!
//! Tokens are compared themselves, never by a hash. This module is the bookkeeping; the runner
//! holds the memory.

use crate::batch::{SeqId, TokenId};

/// Most sequences that are kept. Finding the best is a comparison with each.
const MAX_SEQUENCES: usize = 64;

#[derive(Debug)]
struct Kept {
    id: SeqId,
    tokens: Vec<TokenId>,
    last_used: u64,
}

/// The sequences that have ended and are still cached.
#[derive(Debug, Default)]
pub(crate) struct PrefixCache {
    kept: Vec<Kept>,
    clock: u64,
}

impl PrefixCache {
    /// The sequence that can give the longest beginning of `tokens`, and how long that is; `None`
    /// if none can give any. `reusable` says how many of a sequence's first tokens can be taken.
    pub(crate) fn find(
        &mut self,
        tokens: &[TokenId],
        reusable: impl Fn(SeqId, usize) -> usize,
    ) -> Option<(SeqId, usize)> {
        self.clock += 1;
        let shared = |kept: &Kept| reusable(kept.id, common_prefix(&kept.tokens, tokens));
        let best = self.kept.iter_mut().max_by_key(|kept| shared(kept))?;
        let n = shared(best);
        if n == 0 {
            return None;
        }
        best.last_used = self.clock;
        Some((best.id, n))
    }

    /// The longest beginning that `tokens` shares with a sequence, whether it can be taken or not.
    pub(crate) fn longest_shared(&self, tokens: &[TokenId]) -> usize {
        let shared = self.kept.iter().map(|kept| common_prefix(&kept.tokens, tokens));
        shared.max().unwrap_or(0)
    }

    /// Keeps an ended sequence; answers those that need not be kept any longer: shorter beginnings
    /// that can be taken of it as well, itself if a longer one can give it, and the oldest beyond
    /// the bound. `reusable` is as for [`find`](Self::find).
    pub(crate) fn insert(
        &mut self,
        id: SeqId,
        tokens: Vec<TokenId>,
        reusable: impl Fn(SeqId, usize) -> usize,
    ) -> Vec<SeqId> {
        self.clock += 1;
        let gives = |id: SeqId, own: &[TokenId], beginning: &[TokenId]| {
            own.starts_with(beginning) && reusable(id, beginning.len()) == beginning.len()
        };
        if tokens.is_empty() || self.kept.iter().any(|kept| gives(kept.id, &kept.tokens, &tokens)) {
            return vec![id];
        }
        let is_shorter = |kept: &mut Kept| gives(id, &tokens, &kept.tokens);
        let mut dropped: Vec<SeqId> =
            self.kept.extract_if(.., is_shorter).map(|kept| kept.id).collect();
        self.kept.push(Kept { id, tokens, last_used: self.clock });
        if self.kept.len() > MAX_SEQUENCES {
            dropped.extend(self.evict());
        }
        dropped
    }

    /// Lets go of the sequence unused for longest.
    pub(crate) fn evict(&mut self) -> Option<SeqId> {
        let oldest = (0..self.kept.len()).min_by_key(|&i| self.kept[i].last_used)?;
        Some(self.kept.swap_remove(oldest).id)
    }
}

/// How many tokens two sequences begin with in common.
pub(crate) fn common_prefix(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[SeqId]) -> Vec<u32> {
        ids.iter().map(|id| id.0).collect()
    }

    /// Every beginning can be taken.
    fn all(_: SeqId, n: usize) -> usize {
        n
    }

    #[test]
    fn the_longest_beginning_is_found() {
        let mut cache = PrefixCache::default();
        cache.insert(SeqId(1), vec![1, 2, 3], all);
        cache.insert(SeqId(2), vec![1, 2, 4, 5], all);
        assert_eq!(cache.find(&[1, 2, 4, 9], all), Some((SeqId(2), 3)));
        assert_eq!(cache.find(&[9], all), None);
    }

    #[test]
    fn a_beginning_of_another_is_not_kept_beside_it() {
        let mut cache = PrefixCache::default();
        cache.insert(SeqId(1), vec![1, 2], all);
        assert_eq!(ids(&cache.insert(SeqId(2), vec![1, 2, 3], all)), [1]);
        assert_eq!(ids(&cache.insert(SeqId(3), vec![1], all)), [3]);
        assert_eq!(ids(&cache.insert(SeqId(4), vec![], all)), [4]);
    }

    #[test]
    fn a_beginning_that_its_continuation_cannot_give_is_kept() {
        let mut cache = PrefixCache::default();
        // What has 2 tokens gives them whole, what has more gives all or nothing.
        let whole = |id: SeqId, n: usize| if n < id.0 as usize { 0 } else { id.0 as usize };
        cache.insert(SeqId(2), vec![1, 2], whole);
        assert!(cache.insert(SeqId(4), vec![1, 2, 3, 4], whole).is_empty());
        assert_eq!(cache.find(&[1, 2, 3, 9], whole), Some((SeqId(2), 2)));
        assert_eq!(cache.find(&[1, 2, 3, 4, 9], whole), Some((SeqId(4), 4)));
        assert_eq!(cache.longest_shared(&[1, 2, 3, 9]), 3);
    }

    #[test]
    fn the_one_unused_for_longest_goes_first() {
        let mut cache = PrefixCache::default();
        cache.insert(SeqId(1), vec![1], all);
        cache.insert(SeqId(2), vec![2], all);
        cache.find(&[1], all);
        assert_eq!(cache.evict(), Some(SeqId(2)));
        assert_eq!(cache.evict(), Some(SeqId(1)));
        assert_eq!(cache.evict(), None);
    }

    #[test]
    fn there_is_a_bound_on_their_number() {
        let mut cache = PrefixCache::default();
        let dropped: Vec<u32> =
            (0..100u32).flat_map(|i| cache.insert(SeqId(i), vec![i], all)).map(|id| id.0).collect();
        assert_eq!(dropped, (0..36).collect::<Vec<_>>());
    }
}
