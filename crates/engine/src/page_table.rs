//! Which pages of a cache belong to which sequence.
//!
//! Keys and values live in pages of [`PAGE_LEN`] tokens. A sequence is a list of pages and a
//! length; pages are reference-counted, so that a copy shares them, and a shared page is copied
//! before its first write. This module is the bookkeeping alone: it says which slots to write and
//! which pages to copy, and whoever holds the memory does it. One table serves all layers that
//! cache the same tokens.
//!
//! Layers with a window look back so many tokens and no further. Their table lets go of pages that
//! lie before every window to come; the list keeps a place for each, so that position `i` is
//! always in page `i / PAGE_LEN` of it. One page more than needed is held back, so that a sequence
//! can be shortened a little.
//!
//! A slot is `page * PAGE_LEN + offset`.

use std::collections::HashMap;

use crate::{
    batch::SeqId,
    error::Result,
    ref_pool::{PlaceId, RefPool},
};

/// Tokens in a page.
pub const PAGE_LEN: usize = camelid_kernels::PAGE_LEN;

/// A page's index in the pool.
pub type PageId = PlaceId;

/// Stands in a sequence's list for a page that was let go. No window reaches it.
const DROPPED: PageId = PageId::MAX;

/// Copy the first `n_slots` slots of a page to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCopy {
    /// The page to read.
    pub from: PageId,
    /// The page to write.
    pub to: PageId,
    /// How many of its slots hold something.
    pub n_slots: usize,
}

/// Where new tokens go, and what must be copied before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// A slot for each new token, in order.
    pub(crate) slots: Vec<usize>,
    /// At most one copy: the last page, if it was shared.
    pub(crate) copies: Vec<PageCopy>,
}

#[derive(Debug, Default)]
struct Sequence {
    pages: Vec<PageId>,
    /// How many of the first pages were let go.
    n_dropped: usize,
    len: u32,
}

impl Sequence {
    fn held(&self) -> &[PageId] {
        &self.pages[self.n_dropped..]
    }
}

/// The pages of a cache and the sequences that hold them.
#[derive(Debug)]
pub(crate) struct PageTable {
    pool: RefPool,
    sequences: HashMap<SeqId, Sequence>,
    /// How many tokens a token sees, itself included; `None` where it sees all.
    window: Option<usize>,
}

impl PageTable {
    pub(crate) fn new(n_pages: u32, window: Option<usize>) -> Self {
        Self { pool: RefPool::new(n_pages), sequences: HashMap::new(), window }
    }

    /// The pages that sequences of `n_tokens` tokens in all need, of which `n_seq` are at work, in
    /// batches of `n_batch` tokens; as many ended sequences are provided for.
    pub(crate) fn pages_for(
        window: Option<usize>,
        n_tokens: usize,
        (n_seq, n_batch): (usize, usize),
    ) -> usize {
        let all = n_tokens.div_ceil(PAGE_LEN);
        let Some(window) = window else { return all };
        // Those that the window touches, and the one that is held back.
        let of_one = window.div_ceil(PAGE_LEN).saturating_add(2);
        let of_batch = n_batch.div_ceil(PAGE_LEN).saturating_add(n_seq);
        of_one.saturating_mul(2).saturating_mul(n_seq).saturating_add(of_batch).min(all)
    }

    pub(crate) fn n_pages(&self) -> usize {
        self.pool.len()
    }

    #[cfg(test)]
    pub(crate) fn n_free(&self) -> usize {
        self.pool.n_free()
    }

    pub(crate) fn len(&self, seq: SeqId) -> u32 {
        self.sequences.get(&seq).map_or(0, |s| s.len)
    }

    /// A page for each [`PAGE_LEN`] positions.
    pub(crate) fn pages(&self, seq: SeqId) -> &[PageId] {
        self.sequences.get(&seq).map_or(&[], |s| &s.pages)
    }

    /// Pages that appending `n_new` tokens would take.
    pub(crate) fn pages_needed(&self, seq: SeqId, n_new: usize) -> usize {
        let Some(sequence) = self.sequences.get(&seq) else { return n_new.div_ceil(PAGE_LEN) };
        let shared_tail = n_new > 0 && self.has_shared_tail(sequence);
        let room = sequence.pages.len() * PAGE_LEN - sequence.len as usize;
        n_new.saturating_sub(room).div_ceil(PAGE_LEN) + usize::from(shared_tail)
    }

    /// Whether the last page is partly filled and somebody else's too.
    fn has_shared_tail(&self, sequence: &Sequence) -> bool {
        !(sequence.len as usize).is_multiple_of(PAGE_LEN)
            && sequence.pages.last().is_some_and(|&page| self.pool.is_shared(page))
    }

    /// Fails unless `needed` pages are free.
    pub(crate) fn require_free(&self, needed: usize) -> Result<()> {
        self.pool.require_free(needed)
    }

    /// Whether a sequence of `len` tokens can go on without its first `n_dropped` pages.
    pub(crate) fn may_lack(&self, len: u32, n_dropped: usize) -> bool {
        let first_seen = self.window.map_or(0, |window| first_seen(len, window));
        n_dropped.saturating_mul(PAGE_LEN) <= first_seen.min(len as usize)
    }

    /// Makes pages for a new sequence of `len` tokens whose first `n_dropped` pages were let go.
    ///
    /// # Errors
    /// [`Error::CacheFull`](crate::Error::CacheFull); nothing has changed then.
    pub(crate) fn adopt(&mut self, seq: SeqId, len: u32, n_dropped: usize) -> Result<()> {
        let n_held = (len as usize).div_ceil(PAGE_LEN) - n_dropped;
        self.require_free(n_held)?;
        let mut pages = vec![DROPPED; n_dropped];
        pages.extend((0..n_held).map(|_| self.pool.take()));
        self.sequences.insert(seq, Sequence { pages, n_dropped, len });
        Ok(())
    }

    /// How many of a sequence's first pages were let go.
    pub(crate) fn n_dropped(&self, seq: SeqId) -> usize {
        self.sequences.get(&seq).map_or(0, |sequence| sequence.n_dropped)
    }

    /// Lengthens a sequence by `n_new` tokens.
    ///
    /// # Errors
    /// [`Error::CacheFull`](crate::Error::CacheFull); nothing has changed then.
    pub(crate) fn append(&mut self, seq: SeqId, n_new: usize) -> Result<Placement> {
        self.require_free(self.pages_needed(seq, n_new))?;
        let mut placement = Placement::default();
        let mut sequence = self.sequences.remove(&seq).unwrap_or_default();
        if n_new > 0 && self.has_shared_tail(&sequence) {
            placement.copies.push(self.own_tail(&mut sequence));
        }
        for _ in 0..n_new {
            let offset = sequence.len as usize % PAGE_LEN;
            if offset == 0 {
                sequence.pages.push(self.pool.take());
            }
            let page = *sequence.pages.last().expect("a page was pushed at offset 0");
            placement.slots.push(page as usize * PAGE_LEN + offset);
            sequence.len += 1;
        }
        self.sequences.insert(seq, sequence);
        Ok(placement)
    }

    /// Replaces a shared last page by one of the sequence's own.
    fn own_tail(&mut self, sequence: &mut Sequence) -> PageCopy {
        let from = sequence.pages.pop().expect("a shared tail is a page");
        let to = self.pool.take();
        self.pool.release(from);
        sequence.pages.push(to);
        PageCopy { from, to, n_slots: sequence.len as usize % PAGE_LEN }
    }

    /// Lets go of the pages that no later token of the sequence looks at.
    pub(crate) fn trim(&mut self, seq: SeqId) {
        let Some(sequence) = self.sequences.get_mut(&seq) else { return };
        let Some(window) = self.window else { return };
        let n_unseen = first_seen(sequence.len, window) / PAGE_LEN;
        for page in sequence.n_dropped..n_unseen.saturating_sub(1) {
            self.pool.release(std::mem::replace(&mut sequence.pages[page], DROPPED));
            sequence.n_dropped = page + 1;
        }
    }

    /// How many of a sequence's first `len` tokens could be taken over: all, or none where a later
    /// token would look at pages that were let go.
    pub(crate) fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let Some(sequence) = self.sequences.get(&seq) else { return 0 };
        let len = len.min(sequence.len);
        let first_held = sequence.n_dropped * PAGE_LEN;
        let first_seen = self.window.map_or(0, |window| first_seen(len, window));
        if first_held == 0 || first_held <= first_seen { len } else { 0 }
    }

    /// Makes `to` share the first `len` tokens of `from`, or as many of them as are
    /// [`reusable`](Self::reusable).
    pub(crate) fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        if from == to {
            return self.truncate(to, len);
        }
        self.truncate(to, 0);
        let len = self.reusable(from, len);
        if len == 0 {
            return;
        }
        let from = &self.sequences[&from];
        let pages = from.pages[..(len as usize).div_ceil(PAGE_LEN)].to_vec();
        let copy = Sequence { pages, n_dropped: from.n_dropped, len };
        copy.held().iter().for_each(|&page| self.pool.share(page));
        self.sequences.insert(to, copy);
    }

    /// Shortens a sequence to `len` tokens, or to as many of them as are
    /// [`reusable`](Self::reusable); 0 forgets it.
    pub(crate) fn truncate(&mut self, seq: SeqId, len: u32) {
        let len = self.reusable(seq, len);
        let Some(mut sequence) = self.sequences.remove(&seq) else { return };
        sequence.len = len;
        let n_keep = (len as usize).div_ceil(PAGE_LEN);
        for page in sequence.pages.drain(n_keep.max(sequence.n_dropped)..) {
            self.pool.release(page);
        }
        if len > 0 {
            self.sequences.insert(seq, sequence);
        }
    }

    /// How many pages [`make_exclusive`](Self::make_exclusive) would take.
    pub(crate) fn n_shared(&self, seq: SeqId, from: u32) -> usize {
        let Some(sequence) = self.sequences.get(&seq) else { return 0 };
        let first = (from as usize / PAGE_LEN).max(sequence.n_dropped);
        sequence.pages.iter().skip(first).filter(|&&page| self.pool.is_shared(page)).count()
    }

    /// Gives the sequence pages of its own from the one that holds position `from` on, so that
    /// they may be rewritten; says what must be copied for it.
    ///
    /// # Errors
    /// [`Error::CacheFull`](crate::Error::CacheFull); nothing has changed then.
    pub(crate) fn make_exclusive(&mut self, seq: SeqId, from: u32) -> Result<Vec<PageCopy>> {
        let n_shared = self.n_shared(seq, from);
        self.pool.require_free(n_shared)?;
        let Some(sequence) = self.sequences.get_mut(&seq) else { return Ok(Vec::new()) };
        let first = (from as usize / PAGE_LEN).max(sequence.n_dropped);
        let mut copies = Vec::with_capacity(n_shared);
        for page in sequence.pages.iter_mut().skip(first) {
            if self.pool.is_shared(*page) {
                let to = self.pool.take();
                self.pool.release(*page);
                copies.push(PageCopy { from: *page, to, n_slots: PAGE_LEN });
                *page = to;
            }
        }
        Ok(copies)
    }

    /// The slot of a cached position.
    ///
    /// # Panics
    /// If the sequence is not that long.
    pub(crate) fn slot(&self, seq: SeqId, pos: u32) -> usize {
        let page = self.pages(seq)[pos as usize / PAGE_LEN];
        page as usize * PAGE_LEN + pos as usize % PAGE_LEN
    }
}

/// The first position that the token behind `len` tokens sees.
fn first_seen(len: u32, window: usize) -> usize {
    (len as usize + 1).saturating_sub(window)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Error;

    const A: SeqId = SeqId(0);
    const B: SeqId = SeqId(1);

    #[test]
    fn tokens_fill_pages_in_order() {
        let mut table = PageTable::new(3, None);
        let placement = table.append(A, PAGE_LEN + 1).unwrap();
        assert_eq!(placement.slots, (0..=PAGE_LEN).collect::<Vec<_>>());
        assert_eq!(table.n_free(), 1);
        assert_eq!(table.slot(A, PAGE_LEN as u32), PAGE_LEN);
    }

    #[test]
    fn a_full_cache_refuses_and_changes_nothing() {
        let mut table = PageTable::new(1, None);
        table.append(A, 3).unwrap();
        let error = table.append(A, PAGE_LEN).unwrap_err();
        assert!(matches!(error, Error::CacheFull { needed: 1, free: 0, total: 1 }), "{error}");
        assert_eq!(table.len(A), 3);
        table.append(A, PAGE_LEN - 3).unwrap();
    }

    #[test]
    fn a_copy_shares_pages_until_it_is_written() {
        let mut table = PageTable::new(4, None);
        table.append(A, PAGE_LEN + 5).unwrap();
        table.copy(A, B, PAGE_LEN as u32 + 3);
        assert_eq!(table.n_free(), 2);
        let placement = table.append(B, 1).unwrap();
        assert_eq!(placement.copies, [PageCopy { from: 1, to: 2, n_slots: 3 }]);
        assert_eq!(placement.slots, [2 * PAGE_LEN + 3]);
        assert_eq!(table.append(A, 1).unwrap().copies, [], "A is alone on its tail again");
    }

    #[test]
    fn a_full_last_page_needs_no_copy() {
        let mut table = PageTable::new(3, None);
        table.append(A, PAGE_LEN).unwrap();
        table.copy(A, B, PAGE_LEN as u32);
        assert_eq!(table.append(B, 1).unwrap().copies, []);
    }

    #[test]
    fn exclusive_pages_leave_the_other_holder_alone() {
        let mut table = PageTable::new(8, None);
        table.append(A, 3 * PAGE_LEN).unwrap();
        table.copy(A, B, 3 * PAGE_LEN as u32);
        let copies = table.make_exclusive(B, PAGE_LEN as u32).unwrap();
        assert_eq!(copies.len(), 2);
        assert_eq!(table.pages(A), [0, 1, 2]);
        assert_eq!(table.pages(B)[0], 0);
    }

    #[test]
    fn pages_that_left_the_window_are_handed_out_again() {
        let mut table = PageTable::new(4, Some(20));
        for n in 1..40 * PAGE_LEN as u32 {
            table.append(A, 1).unwrap();
            table.trim(A);
            assert_eq!(table.len(A), n);
        }
        assert!(table.n_dropped(A) > 0);
    }

    #[test]
    fn what_a_dropped_page_held_cannot_be_taken_over() {
        let (len, window) = (10 * PAGE_LEN as u32, 2 * PAGE_LEN);
        let mut table = PageTable::new(20, Some(window));
        table.append(A, len as usize).unwrap();
        table.trim(A);
        assert_eq!(table.reusable(A, len + 9), len);
        assert_eq!(table.reusable(A, len - PAGE_LEN as u32), len - PAGE_LEN as u32);
        assert_eq!(table.reusable(A, len - 2 * PAGE_LEN as u32), 0);
        table.copy(A, B, len - 2 * PAGE_LEN as u32);
        assert_eq!((table.len(B), table.n_free()), (0, 17));
        table.copy(A, B, len - 5);
        assert_eq!((table.len(B), table.n_free()), (len - 5, 17));
    }

    #[test]
    fn a_window_needs_few_pages_however_long_the_context() {
        assert_eq!(PageTable::pages_for(None, 1 << 20, (1, 512)), 1 << 15);
        // Twice 32 and 2 pages, 16 for a batch and 1 for its rest.
        assert_eq!(PageTable::pages_for(Some(1024), 1 << 20, (1, 512)), 85);
        assert_eq!(PageTable::pages_for(Some(1024), 64, (1, 512)), 2);
        assert_eq!(PageTable::pages_for(Some(usize::MAX), 96, (usize::MAX, 512)), 3);
    }

    proptest! {
        /// No page is lost, owned by too few or too many, or freed in use, whatever happens, and
        /// every page that a next token looks at is there.
        #[test]
        fn pages_are_conserved(
            window in prop::option::of(1usize..70),
            ops in prop::collection::vec((0u8..5, 0u32..4, 0u32..4, 0u32..90), 1..60),
        ) {
            let mut table = PageTable::new(9, window);
            for (op, a, b, n) in ops {
                match op {
                    0 => drop(table.append(SeqId(a), n as usize)),
                    1 => table.copy(SeqId(a), SeqId(b), n),
                    2 => table.truncate(SeqId(a), n),
                    3 => table.trim(SeqId(a)),
                    _ => drop(table.make_exclusive(SeqId(a), n)),
                }
                for sequence in table.sequences.values() {
                    let Sequence { pages, n_dropped, len } = sequence;
                    prop_assert_eq!(pages.len(), (*len as usize).div_ceil(PAGE_LEN));
                    let is_dropped = |page: &PageId| *page == DROPPED;
                    prop_assert!(pages[..*n_dropped].iter().all(is_dropped));
                    prop_assert!(!sequence.held().iter().any(is_dropped));
                    let first = window.map_or(0, |window| first_seen(*len, window));
                    prop_assert!(n_dropped * PAGE_LEN <= first);
                }
                table.pool.assert_held(table.sequences.values().flat_map(|s| s.held()).copied());
            }
        }

        /// After an append the new slots are nobody else's.
        #[test]
        fn written_slots_are_exclusive(n in 1usize..80, shared in 0u32..80, more in 1usize..40) {
            let mut table = PageTable::new(16, None);
            table.append(A, n).unwrap();
            table.copy(A, B, shared);
            let slots = table.append(B, more).unwrap().slots;
            for slot in slots {
                prop_assert!(!table.pages(A).contains(&((slot / PAGE_LEN) as u32)));
            }
        }
    }
}
