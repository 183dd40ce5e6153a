//! Which pages of the KV cache belong to which sequence.
//!
//! Keys and values live in pages of [`PAGE_LEN`] tokens. A sequence is a list of pages and a
//! length; pages are reference-counted, so that a copy shares them, and a shared page is copied
//! before its first write. This module is the bookkeeping alone: it says which slots to write and
//! which pages to copy, and whoever holds the memory does it. One table serves all layers, since
//! every layer caches the same tokens.
//!
//! A slot is `page * PAGE_LEN + offset`.

use std::collections::HashMap;

use crate::{
    batch::SeqId,
    error::{Error, Result},
};

/// Tokens in a page.
pub const PAGE_LEN: usize = 32;

/// A page's index in the pool.
pub type PageId = u32;

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
    len: u32,
}

/// The pages of a cache and the sequences that hold them.
#[derive(Debug)]
pub(crate) struct PageTable {
    /// How many sequences hold each page; 0 means free.
    holders: Vec<u32>,
    free: Vec<PageId>,
    sequences: HashMap<SeqId, Sequence>,
}

impl PageTable {
    pub(crate) fn new(n_pages: u32) -> Self {
        Self {
            holders: vec![0; n_pages as usize],
            // Reversed, so that pages are handed out from the first on.
            free: (0..n_pages).rev().collect(),
            sequences: HashMap::new(),
        }
    }

    pub(crate) fn n_pages(&self) -> usize {
        self.holders.len()
    }

    pub(crate) fn n_free(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn len(&self, seq: SeqId) -> u32 {
        self.sequences.get(&seq).map_or(0, |s| s.len)
    }

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
            && sequence.pages.last().is_some_and(|&p| self.holders[p as usize] > 1)
    }

    /// Fails unless `needed` pages are free.
    pub(crate) fn require_free(&self, needed: usize) -> Result<()> {
        if needed > self.free.len() {
            return Err(Error::CacheFull { needed, free: self.n_free(), total: self.n_pages() });
        }
        Ok(())
    }

    /// Lengthens a sequence by `n_new` tokens.
    ///
    /// # Errors
    /// [`Error::CacheFull`]; nothing has changed then.
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
                sequence.pages.push(self.take());
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
        let to = self.take();
        self.release(from);
        sequence.pages.push(to);
        PageCopy { from, to, n_slots: sequence.len as usize % PAGE_LEN }
    }

    fn take(&mut self) -> PageId {
        let page = self.free.pop().expect("free pages were counted before");
        self.holders[page as usize] = 1;
        page
    }

    fn release(&mut self, page: PageId) {
        let holders = &mut self.holders[page as usize];
        *holders -= 1;
        if *holders == 0 {
            self.free.push(page);
        }
    }

    /// Makes `to` share the first `len` tokens of `from`.
    pub(crate) fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        if from == to {
            return self.truncate(to, len);
        }
        self.truncate(to, 0);
        let len = len.min(self.len(from));
        if len == 0 {
            return;
        }
        let pages = self.pages(from)[..(len as usize).div_ceil(PAGE_LEN)].to_vec();
        for &page in &pages {
            self.holders[page as usize] += 1;
        }
        self.sequences.insert(to, Sequence { pages, len });
    }

    /// Shortens a sequence to `len` tokens; 0 forgets it.
    pub(crate) fn truncate(&mut self, seq: SeqId, len: u32) {
        let Some(mut sequence) = self.sequences.remove(&seq) else { return };
        sequence.len = sequence.len.min(len);
        let n_keep = (sequence.len as usize).div_ceil(PAGE_LEN);
        for page in sequence.pages.drain(n_keep..) {
            self.release(page);
        }
        if sequence.len > 0 {
            self.sequences.insert(seq, sequence);
        }
    }

    /// Gives the sequence pages of its own from the one that holds position `from` on, so that
    /// they may be rewritten; says what must be copied for it.
    ///
    /// # Errors
    /// [`Error::CacheFull`]; nothing has changed then.
    pub(crate) fn make_exclusive(&mut self, seq: SeqId, from: u32) -> Result<Vec<PageCopy>> {
        let first = from as usize / PAGE_LEN;
        let is_shared = |page: &&PageId| self.holders[**page as usize] > 1;
        let n_shared = self.pages(seq).iter().skip(first).filter(is_shared).count();
        self.require_free(n_shared)?;
        let Some(mut sequence) = self.sequences.remove(&seq) else { return Ok(Vec::new()) };
        let mut copies = Vec::with_capacity(n_shared);
        for page in sequence.pages.iter_mut().skip(first) {
            if self.holders[*page as usize] > 1 {
                let to = self.take();
                self.release(*page);
                copies.push(PageCopy { from: *page, to, n_slots: PAGE_LEN });
                *page = to;
            }
        }
        self.sequences.insert(seq, sequence);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: SeqId = SeqId(0);
    const B: SeqId = SeqId(1);

    #[test]
    fn tokens_fill_pages_in_order() {
        let mut table = PageTable::new(3);
        let placement = table.append(A, PAGE_LEN + 1).unwrap();
        assert_eq!(placement.slots, (0..=PAGE_LEN).collect::<Vec<_>>());
        assert_eq!(table.n_free(), 1);
        assert_eq!(table.slot(A, PAGE_LEN as u32), PAGE_LEN);
    }

    #[test]
    fn a_full_cache_refuses_and_changes_nothing() {
        let mut table = PageTable::new(1);
        table.append(A, 3).unwrap();
        let error = table.append(A, PAGE_LEN).unwrap_err();
        assert!(matches!(error, Error::CacheFull { needed: 1, free: 0, total: 1 }), "{error}");
        assert_eq!(table.len(A), 3);
        table.append(A, PAGE_LEN - 3).unwrap();
    }

    #[test]
    fn a_copy_shares_pages_until_it_is_written() {
        let mut table = PageTable::new(4);
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
        let mut table = PageTable::new(3);
        table.append(A, PAGE_LEN).unwrap();
        table.copy(A, B, PAGE_LEN as u32);
        assert_eq!(table.append(B, 1).unwrap().copies, []);
    }

    #[test]
    fn exclusive_pages_leave_the_other_holder_alone() {
        let mut table = PageTable::new(8);
        table.append(A, 3 * PAGE_LEN).unwrap();
        table.copy(A, B, 3 * PAGE_LEN as u32);
        let copies = table.make_exclusive(B, PAGE_LEN as u32).unwrap();
        assert_eq!(copies.len(), 2);
        assert_eq!(table.pages(A), [0, 1, 2]);
        assert_eq!(table.pages(B)[0], 0);
    }

    proptest! {
        /// No page is lost, owned by too few or too many, or freed in use, whatever happens.
        #[test]
        fn pages_are_conserved(ops in prop::collection::vec((0u8..4, 0u32..4, 0u32..4, 0u32..90), 1..60)) {
            let mut table = PageTable::new(9);
            for (op, a, b, n) in ops {
                match op {
                    0 => drop(table.append(SeqId(a), n as usize)),
                    1 => table.copy(SeqId(a), SeqId(b), n),
                    2 => table.truncate(SeqId(a), n),
                    _ => drop(table.make_exclusive(SeqId(a), n)),
                }
                let mut holders = vec![0; table.n_pages()];
                for sequence in table.sequences.values() {
                    prop_assert_eq!(sequence.pages.len(), (sequence.len as usize).div_ceil(PAGE_LEN));
                    sequence.pages.iter().for_each(|&p| holders[p as usize] += 1);
                }
                prop_assert_eq!(&holders, &table.holders);
                let mut free = table.free.clone();
                free.sort_unstable();
                let unheld: Vec<PageId> = (0..9).filter(|&p| holders[p as usize] == 0).collect();
                prop_assert_eq!(free, unheld);
            }
        }

        /// After an append the new slots are nobody else's.
        #[test]
        fn written_slots_are_exclusive(n in 1usize..80, shared in 0u32..80, more in 1usize..40) {
            let mut table = PageTable::new(16);
            table.append(A, n).unwrap();
            table.copy(A, B, shared);
            let slots = table.append(B, more).unwrap().slots;
            for slot in slots {
                prop_assert!(!table.pages(A).contains(&((slot / PAGE_LEN) as u32)));
            }
        }
    }
}
