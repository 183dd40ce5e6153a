//! What stays in a runner's cache of sequences that have ended, and what goes when room is needed.

use super::sequence::Sequence;
use crate::{
    batch::{SeqId, TokenId},
    error::{Error, Result},
    prefix_cache::PrefixCache,
    runner::Runner,
};

/// How many of a sequence's first `n` tokens can be taken over.
pub(super) fn reusable(runner: &impl Runner, id: SeqId, n: usize) -> usize {
    runner.reusable(id, n as u32) as usize
}

/// The sequence, running or ended, that can give the longest beginning of tokens, and how long that
/// is.
pub(super) fn holder(
    runner: &impl Runner,
    active: &[Sequence],
    ended: &mut PrefixCache,
    tokens: &[TokenId],
) -> Option<(SeqId, usize)> {
    let reusable = |id, n| reusable(runner, id, n);
    let running =
        active.iter().map(|other| (other.id(), reusable(other.id(), other.shared_with(tokens))));
    let best = running.chain(ended.find(tokens, reusable)).max_by_key(|(_, n)| *n);
    best.filter(|(_, n)| *n > 0)
}

/// Keeps a sequence for others that begin like it.
pub(super) fn keep(
    runner: &mut impl Runner,
    ended: &mut PrefixCache,
    (id, tokens): (SeqId, &[TokenId]),
) {
    for unneeded in ended.insert(id, tokens, |id, n| reusable(runner, id, n)) {
        runner.truncate(unneeded, 0);
    }
}

/// Lets go of the page unused for longest; answers whether there was one.
pub(super) fn give_up_page(runner: &mut impl Runner, ended: &mut PrefixCache) -> bool {
    let oldest = ended.evict(|id, n| reusable(runner, id, n));
    oldest.into_iter().for_each(|(id, len)| runner.truncate(id, len as u32));
    oldest.is_some()
}

/// Does something that needs room in the cache, letting go of ended sequences, page by page, until
/// it fits.
pub(super) fn with_room<R: Runner, T>(
    runner: &mut R,
    ended: &mut PrefixCache,
    mut act: impl FnMut(&mut R) -> Result<T>,
) -> Result<T> {
    loop {
        let result = act(runner);
        let is_full = matches!(result, Err(Error::CacheFull { .. }));
        if !(is_full && give_up_page(runner, ended)) {
            return result;
        }
    }
}
