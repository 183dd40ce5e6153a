//! The bookkeeping of what a decoder remembers: a page table for each reach of attention.
//!
//! Layers that look equally far back cache the same tokens and share a table, so that pages which
//! left a window are free again while the layers that see everything keep theirs. What a sequence
//! holds is one thing to the outside: it can be taken over as far as every table has it.

use super::{CacheOptions, plan::runs};
use crate::{
    batch::{Batch, SeqId},
    error::{Error, Result},
    page_table::{PAGE_LEN, PageCopy, PageTable, Placement},
    spec::{ModelSpec, TokenMixer},
};

/// The sequences a decoder remembers, and where.
pub(super) struct Memory {
    /// Each with how far its layers look back; `None` for those that see everything.
    tables: Vec<(Option<usize>, PageTable)>,
}

impl Memory {
    /// Room for a model's sequences, of which none is longer than `n_ctx` tokens.
    ///
    /// # Errors
    /// When a table would have more pages than can be numbered.
    pub(super) fn new(spec: &ModelSpec, cache: CacheOptions, n_ctx: usize) -> Result<Self> {
        let mut tables: Vec<(Option<usize>, PageTable)> = Vec::new();
        for block in &spec.blocks {
            let reach = reach(&block.mixer, n_ctx);
            if tables.iter().all(|(known, _)| *known != reach) {
                tables.push((reach, PageTable::new(n_pages(reach, cache)?, reach)));
            }
        }
        Ok(Self { tables })
    }

    /// The table of a mixer, and how many pages it has.
    pub(super) fn table_of(&self, mixer: &TokenMixer, n_ctx: usize) -> (usize, usize) {
        let reach = reach(mixer, n_ctx);
        let found = self.tables.iter().position(|(known, _)| *known == reach);
        let idx = found.expect("every mixer's reach has a table");
        (idx, self.tables[idx].1.n_pages())
    }

    fn tables(&self) -> impl Iterator<Item = &PageTable> {
        self.tables.iter().map(|(_, table)| table)
    }

    fn tables_mut(&mut self) -> impl Iterator<Item = &mut PageTable> {
        self.tables.iter_mut().map(|(_, table)| table)
    }

    /// Number of tokens of a sequence.
    pub(super) fn len(&self, seq: SeqId) -> u32 {
        self.tables().next().map_or(0, |table| table.len(seq))
    }

    /// A table's pages of a sequence.
    pub(super) fn table(&self, idx: usize) -> &PageTable {
        &self.tables[idx].1
    }

    /// Fails unless a batch fits.
    pub(super) fn require_room(&self, batch: &Batch) -> Result<()> {
        self.tables().try_for_each(|table| {
            let needed = runs(batch).map(|(seq, run)| table.pages_needed(seq, run.len())).sum();
            table.require_free(needed)
        })
    }

    /// Finds places for a batch's tokens, in batch order: one placement for each table.
    ///
    /// # Errors
    /// [`Error::CacheFull`]; nothing has changed then.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<Vec<Placement>> {
        self.require_room(batch)?;
        let append = |table: &mut PageTable| {
            let mut all = Placement::default();
            for (seq, run) in runs(batch) {
                let placement = table.append(seq, run.len())?;
                all.slots.extend(placement.slots);
                all.copies.extend(placement.copies);
            }
            Ok(all)
        };
        self.tables_mut().map(append).collect()
    }

    /// Lets go of what no later token of the batch's sequences looks at.
    pub(super) fn trim(&mut self, batch: &Batch) {
        for table in self.tables_mut() {
            runs(batch).for_each(|(seq, _)| table.trim(seq));
        }
    }

    /// How many of a sequence's first `len` tokens could be taken over.
    pub(super) fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let len = len.min(self.len(seq));
        if self.tables().all(|table| table.reusable(seq, len) == len) { len } else { 0 }
    }

    /// Whether a sequence may have lost what a beginning of it needs.
    pub(super) fn forgets(&self) -> bool {
        self.tables.iter().any(|(reach, _)| reach.is_some())
    }

    /// Makes `to` share what is [`reusable`](Self::reusable) of `from`.
    pub(super) fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        let len = self.reusable(from, len);
        self.tables_mut().for_each(|table| table.copy(from, to, len));
    }

    /// Shortens a sequence to what is [`reusable`](Self::reusable) of it.
    pub(super) fn truncate(&mut self, seq: SeqId, len: u32) {
        let len = self.reusable(seq, len);
        self.tables_mut().for_each(|table| table.truncate(seq, len));
    }

    /// Prepares to rewrite a sequence from a position on: what each table must copy for it.
    ///
    /// # Errors
    /// [`Error::CannotShift`] where tokens behind it have been dropped, [`Error::CacheFull`];
    /// nothing has changed then.
    pub(super) fn make_exclusive(&mut self, seq: SeqId, from: u32) -> Result<Vec<Vec<PageCopy>>> {
        if self.tables().any(|table| table.has_dropped(seq)) {
            return Err(Error::CannotShift { found: "keys that left the window are gone" });
        }
        self.tables().try_for_each(|table| table.require_free(table.n_shared(seq, from)))?;
        self.tables_mut().map(|table| table.make_exclusive(seq, from)).collect()
    }
}

/// How far a mixer looks back, itself included, where that is less than a whole context.
fn reach(mixer: &TokenMixer, n_ctx: usize) -> Option<usize> {
    match mixer {
        TokenMixer::Attention(spec) => spec.window.filter(|&window| window < n_ctx),
        TokenMixer::Latent(_) => None,
    }
}

fn n_pages(reach: Option<usize>, cache: CacheOptions) -> Result<u32> {
    let CacheOptions { n_tokens, n_seq, n_batch, .. } = cache;
    let n_pages = PageTable::pages_for(reach, n_tokens, (n_seq, n_batch));
    u32::try_from(n_pages).map_err(|_| Error::Option {
        name: "n_tokens",
        found: n_tokens.to_string(),
        allowed: format!("at most {} pages of {PAGE_LEN}", u32::MAX),
    })
}
