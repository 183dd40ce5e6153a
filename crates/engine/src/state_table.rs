//! Which state belongs to which sequence.
//!
//! A layer that folds its tokens into a state of fixed size keeps one per sequence. States are
//! held like pages: a copy of a sequence shares its state until one of the two goes on. Unlike
//! pages they cannot be cut: a state is that of all its tokens, so a sequence can be taken over
//! whole or not at all.

use std::collections::HashMap;

use crate::{
    batch::SeqId,
    error::Result,
    ref_pool::{PlaceId, RefPool},
};

/// Where a sequence's state is, and how it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatePlacement {
    /// The state's place.
    pub slot: usize,
    /// What is to be done with it before it is used.
    pub origin: Origin,
}

/// Where the state of a sequence that goes on comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is in its place.
    Here,
    /// The sequence is new: all zeros.
    Zeros,
    /// It must be copied from this place, which others hold.
    CopyOf(usize),
}

#[derive(Debug, Clone, Copy)]
struct Sequence {
    state: PlaceId,
    len: u32,
}

/// The states of a cache and the sequences that hold them.
#[derive(Debug)]
pub(crate) struct StateTable {
    pool: RefPool,
    sequences: HashMap<SeqId, Sequence>,
}

impl StateTable {
    pub(crate) fn new(n_states: u32) -> Self {
        Self { pool: RefPool::new(n_states), sequences: HashMap::new() }
    }

    pub(crate) fn n_states(&self) -> usize {
        self.pool.len()
    }

    pub(crate) fn len(&self, seq: SeqId) -> u32 {
        self.sequences.get(&seq).map_or(0, |s| s.len)
    }

    /// States that going on with a sequence would take.
    pub(crate) fn states_needed(&self, seq: SeqId) -> usize {
        usize::from(self.sequences.get(&seq).is_none_or(|s| self.pool.is_shared(s.state)))
    }

    /// Fails unless `needed` states are free.
    pub(crate) fn require_free(&self, needed: usize) -> Result<()> {
        self.pool.require_free(needed)
    }

    /// Lengthens a sequence by `n_new` tokens, above 0.
    ///
    /// # Errors
    /// [`Error::CacheFull`](crate::Error::CacheFull); nothing has changed then.
    pub(crate) fn append(&mut self, seq: SeqId, n_new: usize) -> Result<StatePlacement> {
        self.pool.require_free(self.states_needed(seq))?;
        let n_new = u32::try_from(n_new).expect("a batch has fewer than 2^32 tokens");
        let (state, len, origin) = match self.sequences.get(&seq) {
            None => (self.pool.take(), 0, Origin::Zeros),
            Some(&Sequence { state, len }) if self.pool.is_shared(state) => {
                self.pool.release(state);
                (self.pool.take(), len, Origin::CopyOf(state as usize))
            }
            Some(&Sequence { state, len }) => (state, len, Origin::Here),
        };
        self.sequences.insert(seq, Sequence { state, len: len + n_new });
        Ok(StatePlacement { slot: state as usize, origin })
    }

    /// Where a sequence's state is; `None` for one never seen.
    pub(crate) fn slot(&self, seq: SeqId) -> Option<usize> {
        self.sequences.get(&seq).map(|sequence| sequence.state as usize)
    }

    /// How many of a sequence's first `len` tokens could be taken over: all it has, or none.
    pub(crate) fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let own = self.len(seq);
        if own <= len { own } else { 0 }
    }

    /// Makes `to` share the state of `from`, if that is of no more than `len` tokens.
    pub(crate) fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        if from == to {
            return self.truncate(to, len);
        }
        self.truncate(to, 0);
        if self.reusable(from, len) > 0 {
            let sequence = self.sequences[&from];
            self.pool.share(sequence.state);
            self.sequences.insert(to, sequence);
        }
    }

    /// Forgets a sequence that has more than `len` tokens.
    pub(crate) fn truncate(&mut self, seq: SeqId, len: u32) {
        if self.reusable(seq, len) == 0
            && let Some(sequence) = self.sequences.remove(&seq)
        {
            self.pool.release(sequence.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: SeqId = SeqId(0);
    const B: SeqId = SeqId(1);

    #[test]
    fn a_copy_shares_a_state_until_one_goes_on() {
        let mut table = StateTable::new(2);
        assert_eq!(table.append(A, 5).unwrap(), StatePlacement { slot: 0, origin: Origin::Zeros });
        table.copy(A, B, 9);
        assert_eq!((table.len(B), table.states_needed(A)), (5, 1));
        let moved = StatePlacement { slot: 1, origin: Origin::CopyOf(0) };
        assert_eq!(table.append(B, 1).unwrap(), moved);
        assert_eq!(table.append(A, 1).unwrap(), StatePlacement { slot: 0, origin: Origin::Here });
    }

    #[test]
    fn a_state_is_taken_over_whole_or_not_at_all() {
        let mut table = StateTable::new(2);
        table.append(A, 5).unwrap();
        assert_eq!((table.reusable(A, 4), table.reusable(A, 5), table.reusable(A, 6)), (0, 5, 5));
        table.copy(A, B, 4);
        assert_eq!(table.len(B), 0);
        table.truncate(A, 4);
        assert_eq!(table.len(A), 0);
    }

    proptest! {
        /// No state is lost, owned by too few or too many, or freed in use, whatever happens.
        #[test]
        fn states_are_conserved(
            ops in prop::collection::vec((0u8..3, 0u32..5, 0u32..5, 0u32..9), 1..60),
        ) {
            let mut table = StateTable::new(3);
            for (op, a, b, n) in ops {
                match op {
                    0 => drop(table.append(SeqId(a), n as usize + 1)),
                    1 => table.copy(SeqId(a), SeqId(b), n),
                    _ => table.truncate(SeqId(a), n),
                }
                table.pool.assert_held(table.sequences.values().map(|s| s.state));
            }
        }
    }
}
