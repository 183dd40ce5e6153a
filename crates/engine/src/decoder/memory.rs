//! The bookkeeping of what a decoder remembers: a page table for each reach of attention, and a
//! table of states.
//!
//! Layers that look equally far back cache the same tokens and share a table, so that pages which
//! left a window are free again while the layers that see everything keep theirs. What a sequence
//! holds is one thing to the outside: it can be taken over as far as every table has it.

use super::{CacheOptions, plan::runs};
use crate::{
    batch::{Batch, SeqId},
    error::{Error, Result},
    page_table::{PAGE_LEN, PageCopy, PageTable, Placement},
    spec::{ModelSpec, TokenMixer, WindowShape},
    state_table::{StatePlacement, StateTable},
};

/// The sequences a decoder remembers, and where.
pub(super) struct Memory {
    /// Each with how far its layers look back.
    tables: Vec<(Reach, PageTable)>,
    /// Where any layer keeps a state.
    states: Option<StateTable>,
}

/// Where a batch's tokens go.
pub(super) struct Places {
    /// For each page table, in batch order.
    pub(super) tables: Vec<Placement>,
    /// For each sequence, in batch order; none where there are no states.
    pub(super) states: Vec<StatePlacement>,
}

/// How far a mixer looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To the first token.
    All,
    /// So many tokens, itself included.
    Window(usize),
    /// It keeps a state.
    State,
}

impl Reach {
    /// That of a mixer where no sequence is longer than `n_ctx`.
    fn of(mixer: &TokenMixer, n_ctx: usize) -> Self {
        match mixer {
            TokenMixer::Attention(spec) => match spec.window {
                // What looks both ways keeps nothing, and needs all of a text at once.
                _ if spec.window_shape == WindowShape::Around => Self::All,
                Some(window) if window < n_ctx => Self::Window(window),
                _ => Self::All,
            },
            TokenMixer::Latent(_) => Self::All,
            TokenMixer::ShortConv(_) | TokenMixer::Ssm(_) | TokenMixer::DeltaNet(_) => Self::State,
        }
    }

    fn window(self) -> Option<usize> {
        match self {
            Self::Window(window) => Some(window),
            Self::All | Self::State => None,
        }
    }
}

impl Memory {
    /// Room for a model's sequences, of which none is longer than `n_ctx` tokens.
    ///
    /// # Errors
    /// When there would be more pages or states than can be numbered.
    pub(super) fn new(spec: &ModelSpec, cache: CacheOptions, n_ctx: usize) -> Result<Self> {
        let mut tables: Vec<(Reach, PageTable)> = Vec::new();
        let mut states = None;
        for block in &spec.blocks {
            let reach = Reach::of(&block.mixer, n_ctx);
            if reach == Reach::State {
                states = Some(StateTable::new(n_states(cache)?));
            } else if tables.iter().all(|(known, _)| *known != reach) {
                let window = reach.window();
                tables.push((reach, PageTable::new(n_pages(window, cache)?, window)));
            }
        }
        Ok(Self { tables, states })
    }

    /// Number of states.
    pub(super) fn n_states(&self) -> usize {
        self.states.as_ref().map_or(0, StateTable::n_states)
    }

    /// The table of a mixer that keeps pages, and how many it has.
    pub(super) fn table_of(&self, mixer: &TokenMixer, n_ctx: usize) -> (usize, usize) {
        let reach = Reach::of(mixer, n_ctx);
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
        let of_states = || self.states.as_ref().map_or(0, |states| states.len(seq));
        self.tables().next().map_or_else(of_states, |table| table.len(seq))
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
        })?;
        self.states.as_ref().map_or(Ok(()), |states| {
            states.require_free(runs(batch).map(|(seq, _)| states.states_needed(seq)).sum())
        })
    }

    /// Finds places for a batch's tokens.
    ///
    /// # Errors
    /// [`Error::CacheFull`]; nothing has changed then.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<Places> {
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
        let tables = self.tables_mut().map(append).collect::<Result<_>>()?;
        let states = match &mut self.states {
            Some(states) => runs(batch)
                .map(|(seq, run)| states.append(seq, run.len()))
                .collect::<Result<_>>()?,
            None => Vec::new(),
        };
        Ok(Places { tables, states })
    }

    /// Lets go of what no later token of the batch's sequences looks at.
    pub(super) fn trim(&mut self, batch: &Batch) {
        for table in self.tables_mut() {
            runs(batch).for_each(|(seq, _)| table.trim(seq));
        }
    }

    /// How many of a sequence's first `len` tokens could be taken over.
    pub(super) fn reusable(&self, seq: SeqId, len: u32) -> u32 {
        let len = match &self.states {
            Some(states) => states.reusable(seq, len),
            None => len.min(self.len(seq)),
        };
        if self.tables().all(|table| table.reusable(seq, len) == len) { len } else { 0 }
    }

    /// Whether a sequence may have lost what a beginning of it needs.
    pub(super) fn forgets(&self) -> bool {
        self.states.is_some() || self.tables.iter().any(|(reach, _)| *reach != Reach::All)
    }

    /// Makes `to` share what is [`reusable`](Self::reusable) of `from`.
    pub(super) fn copy(&mut self, from: SeqId, to: SeqId, len: u32) {
        let len = self.reusable(from, len);
        self.tables_mut().for_each(|table| table.copy(from, to, len));
        if let Some(states) = &mut self.states {
            states.copy(from, to, len);
        }
    }

    /// Shortens a sequence to what is [`reusable`](Self::reusable) of it.
    pub(super) fn truncate(&mut self, seq: SeqId, len: u32) {
        let len = self.reusable(seq, len);
        self.tables_mut().for_each(|table| table.truncate(seq, len));
        if let Some(states) = &mut self.states {
            states.truncate(seq, len);
        }
    }

    /// How many of its first pages a sequence lacks in each table.
    pub(super) fn n_dropped(&self, seq: SeqId) -> impl Iterator<Item = usize> {
        self.tables().map(move |table| table.n_dropped(seq))
    }

    /// Number of page tables.
    pub(super) fn n_tables(&self) -> usize {
        self.tables.len()
    }

    /// The place of a sequence's state, where there are any.
    pub(super) fn state_slot(&self, seq: SeqId) -> Option<usize> {
        self.states.as_ref()?.slot(seq)
    }

    /// Finds places for a new sequence of `len` tokens, above 0, that lacks its first pages in
    /// some tables, as [`PageTable::may_lack`] them.
    ///
    /// # Errors
    /// [`Error::CacheFull`]; nothing has changed then.
    pub(super) fn adopt(&mut self, seq: SeqId, len: u32, n_dropped: &[usize]) -> Result<()> {
        self.tables().zip(n_dropped).try_for_each(|(table, n_dropped)| {
            table.require_free((len as usize).div_ceil(PAGE_LEN) - n_dropped)
        })?;
        if let Some(states) = &mut self.states {
            states.append(seq, len as usize)?;
        }
        self.tables_mut()
            .zip(n_dropped)
            .try_for_each(|(table, &n_dropped)| table.adopt(seq, len, n_dropped))
    }

    /// Prepares to rewrite a sequence from a position on: what each table must copy for it.
    ///
    /// # Errors
    /// [`Error::CannotShift`] where not every token has keys, [`Error::CacheFull`];
    /// nothing has changed then.
    pub(super) fn make_exclusive(&mut self, seq: SeqId, from: u32) -> Result<Vec<Vec<PageCopy>>> {
        if self.states.is_some() {
            return Err(Error::CannotShift { found: "the model folds tokens into a state" });
        }
        if self.tables().any(|table| table.n_dropped(seq) > 0) {
            return Err(Error::CannotShift { found: "keys that left the window are gone" });
        }
        self.tables().try_for_each(|table| table.require_free(table.n_shared(seq, from)))?;
        self.tables_mut().map(|table| table.make_exclusive(seq, from)).collect()
    }
}

fn n_pages(window: Option<usize>, cache: CacheOptions) -> Result<u32> {
    let CacheOptions { n_tokens, n_seq, n_batch, .. } = cache;
    let n_pages = PageTable::pages_for(window, n_tokens, (n_seq, n_batch));
    u32::try_from(n_pages).map_err(|_| Error::Option {
        name: "n_tokens",
        found: n_tokens.to_string(),
        allowed: format!("at most {} pages of {PAGE_LEN}", u32::MAX),
    })
}

impl CacheOptions {
    /// Bytes that a model's caches and states take once all of them are used, if no sequence is
    /// longer than `n_ctx` tokens. Number formats round pages up; `u64::MAX` where there is no
    /// such number.
    #[must_use]
    pub fn n_bytes(self, spec: &ModelSpec, n_ctx: usize) -> u64 {
        let of_block = |mixer: &TokenMixer| {
            if let Some((conv_len, scan_len)) = state_lens(mixer, spec.n_embd) {
                let n_bytes = (conv_len + scan_len).checked_mul(size_of::<f32>())?;
                return n_bytes.checked_mul(n_states(self).ok()? as usize);
            }
            let (n_head_kv, head_dim) = heads(mixer)?;
            let window = Reach::of(mixer, n_ctx).window();
            let page_bytes = match mixer {
                TokenMixer::Latent(_) => self.ty.latent_page_bytes(n_head_kv, head_dim),
                _ => self.ty.page_bytes(n_head_kv, head_dim),
            };
            page_bytes?.checked_mul(n_pages(window, self).ok()? as usize)
        };
        let of_blocks = spec.blocks.iter().map(|block| of_block(&block.mixer));
        let sum = |sum: u64, n: Option<usize>| {
            sum.saturating_add(n.and_then(|n| u64::try_from(n).ok()).unwrap_or(u64::MAX))
        };
        of_blocks.fold(0, sum)
    }
}

/// Key heads, and their width, that a mixer caches for each token; `None` where it keeps a state.
pub(super) fn heads(mixer: &TokenMixer) -> Option<(usize, usize)> {
    match mixer {
        TokenMixer::Attention(spec) => Some((spec.n_head_kv, spec.head_dim)),
        TokenMixer::Latent(spec) => Some((1, spec.rope.n_rot + spec.kv_lora_rank)),
        TokenMixer::ShortConv(_) | TokenMixer::Ssm(_) | TokenMixer::DeltaNet(_) => None,
    }
}

/// Lengths of a mixer's states, of its convolution and of its heads; `None` where it keeps keys.
pub(super) fn state_lens(mixer: &TokenMixer, n_embd: usize) -> Option<(usize, usize)> {
    match mixer {
        TokenMixer::Attention(_) | TokenMixer::Latent(_) => None,
        TokenMixer::ShortConv(spec) => Some(((spec.d_conv - 1) * n_embd, 0)),
        TokenMixer::Ssm(spec) => {
            Some(((spec.d_conv - 1) * spec.n_channels(), spec.d_inner() * spec.d_state))
        }
        TokenMixer::DeltaNet(spec) => {
            Some(((spec.d_conv - 1) * spec.n_channels(), spec.n_head * spec.k_dim * spec.v_dim))
        }
    }
}

/// One for each sequence at work, as many for those that have ended, and two for copies of them.
fn n_states(cache: CacheOptions) -> Result<u32> {
    let n_states = cache.n_seq.checked_mul(2).and_then(|n| n.checked_add(2));
    n_states.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| Error::Option {
        name: "n_seq",
        found: cache.n_seq.to_string(),
        allowed: format!("at most {}", u32::MAX / 2 - 1),
    })
}
